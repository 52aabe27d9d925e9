"""Functions of the commands of gnt-os."""
