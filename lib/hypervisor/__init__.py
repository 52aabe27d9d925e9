"""Hypervisor drivers: what runs instances on a node, behind one small interface."""
