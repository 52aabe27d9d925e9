"""Locks: which operations may run side by side."""
