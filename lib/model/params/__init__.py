"""Hypervisor, backend, NIC, node, disk and policy parameters, and how they are filled."""
