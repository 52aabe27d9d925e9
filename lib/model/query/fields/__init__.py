"""The fields of each resource, one table a module."""
