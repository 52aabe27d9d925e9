"""Logical units: group."""
