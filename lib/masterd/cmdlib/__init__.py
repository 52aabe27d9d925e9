"""Logical units: one file per verb, in a folder per noun; `registry` binds them to opcodes."""
