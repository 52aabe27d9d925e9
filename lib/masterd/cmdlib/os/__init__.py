"""Logical units: os."""
