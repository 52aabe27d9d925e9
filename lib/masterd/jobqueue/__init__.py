"""The job queue: what was asked for, what becomes of it, and who is told."""
