"""Functions of the commands of gnt-cluster."""
