"""Logical units: query."""
