"""Functions of the commands of gnt-instance."""
