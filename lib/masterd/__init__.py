"""The master daemon: job queue, locks, configuration and logical units."""
