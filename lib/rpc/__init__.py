"""Calls from the master to the node daemons: the table, the wire, the client."""
