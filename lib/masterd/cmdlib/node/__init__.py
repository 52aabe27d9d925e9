"""Logical units: node."""
