"""Logical units: test."""
