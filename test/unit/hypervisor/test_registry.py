"""The table of hypervisors."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.hypervisor.registry import DRIVERS
from ganeti.model.enums import HypervisorName
from ganeti.paths import Paths
from test.support.node import make_node


def test_drivers_are_found_by_their_own_name() -> None:
    assert all(name is driver.NAME for name, driver in DRIVERS.items())


def test_hypervisor_without_a_driver_is_refused_by_name(paths: Paths) -> None:
    missing = next(name for name in HypervisorName if name not in DRIVERS)

    with pytest.raises(errors.HypervisorError, match=f"cannot use hypervisor {missing}"):
        make_node(paths).hypervisor(missing)
