"""Logical units: instance."""
