"""Tests; a package, so that its name does not mean the one of the standard library."""
