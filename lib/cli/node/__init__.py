"""Functions of the commands of gnt-node."""
