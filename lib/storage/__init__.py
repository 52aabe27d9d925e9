"""Storage drivers: what holds the disks of instances on a node, behind one small interface."""
