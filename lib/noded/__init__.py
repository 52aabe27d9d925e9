"""The node daemon: what carries out the master's calls on a node."""
