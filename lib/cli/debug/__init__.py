"""Functions of the commands of gnt-debug."""
