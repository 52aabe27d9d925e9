"""THE option table of the command line; see `table`."""
