"""What a node does, one file per subject; `ganeti.noded.calls` binds it to the table of calls."""
