"""Making and unmaking a cluster: what has to happen while no master daemon can do it."""
