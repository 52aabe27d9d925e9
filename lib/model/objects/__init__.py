"""The records of the cluster configuration and of the messages about it."""
