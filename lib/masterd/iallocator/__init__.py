"""Asking an allocator where instances go."""
