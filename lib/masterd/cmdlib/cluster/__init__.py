"""Logical units: cluster."""
