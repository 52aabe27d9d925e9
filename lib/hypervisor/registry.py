"""Which hypervisors there are: the table of drivers."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.hypervisor.base import Host, Hypervisor
from ganeti.hypervisor.fake import FakeHypervisor
from ganeti.model.enums import HypervisorName

DRIVERS: Mapping[HypervisorName, type[Hypervisor]] = {driver.NAME: driver for driver in (FakeHypervisor,)}


def driver_for(name: HypervisorName, host: Host) -> Hypervisor:
    """Return the driver of a hypervisor on this node.

    Raises HypervisorError for one that this release has no driver for.
    """
    try:
        return DRIVERS[name](host)
    except KeyError:
        known = ", ".join(sorted(DRIVERS))
        raise errors.HypervisorError(f"cannot use hypervisor {name}: no driver for it (there are: {known})") from None
