"""What tests share: disks that fail, clocks that obey, directories of virtual clusters."""
