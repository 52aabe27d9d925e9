"""Functions of the commands of gnt-group."""
