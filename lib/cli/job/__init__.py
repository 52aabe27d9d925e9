"""Functions of the commands of gnt-job."""
