"""Logical units: tags."""
