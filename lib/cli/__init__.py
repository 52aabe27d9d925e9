"""The command line: programs are tables of commands, all else derives from them."""
