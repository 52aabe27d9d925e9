"""What gnt-os modify keeps for operating systems: hidden, blacklisted, defaults; for those to come, too."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from ganeti import _autoconf
from test.support.admin import SMALL, add_file, lines, refused, remove_all
from test.support.cluster import Cluster


@pytest.fixture(autouse=True)
def reset(cluster3: Cluster) -> Iterator[None]:
    """After each test nothing is set for any operating system."""
    yield
    remove_all(cluster3)
    for name in ("image", "image+pattern", "noop", "later", "later+pattern"):
        cluster3.ok("gnt-os", "modify", "--hidden=no", "--blacklisted=no", "-O", "-size", name)
    cluster3.ok("gnt-os", "modify", "-H", "fake:migration_mode=default", "later")


def offered(cluster: Cluster) -> list[str]:
    return lines(cluster, "gnt-os list --no-headers")


def add(cluster: Cluster, system: str, name: str = "instance1") -> tuple[str, ...]:
    return "gnt-instance", "add", "-t", "diskless", "--no-install", "-o", system, "-n", "node1", *SMALL, name


def test_a_hidden_one_is_not_offered_and_can_be_used(cluster3: Cluster) -> None:
    assert "noop+default" in offered(cluster3)

    cluster3.ok("gnt-os", "modify", "--hidden=yes", "noop")

    assert "noop+default" not in offered(cluster3)
    assert "hidden" in cluster3.ok("gnt-os", "diagnose")
    cluster3.ok(*add(cluster3, "noop+default"))


def test_a_blacklisted_one_is_not_offered_and_not_installed_anew(cluster3: Cluster) -> None:
    add_file(cluster3, "instance1")
    cluster3.ok("gnt-instance", "shutdown", "instance1")
    cluster3.ok("gnt-os", "modify", "--blacklisted=yes", "image")

    assert "image+pattern" not in offered(cluster3)
    assert "it is blacklisted" in refused(cluster3, " ".join(add(cluster3, "image+pattern", "instance2")))
    cluster3.ok("gnt-instance", "reinstall", "-f", "instance1")


def test_a_variant_is_hidden_or_blacklisted_alone(cluster3: Cluster) -> None:
    variants = [name for name in offered(cluster3) if name.startswith("image+")]
    assert len(variants) > 1 and "image+pattern" in variants

    cluster3.ok("gnt-os", "modify", "--hidden=yes", "image+pattern")
    assert [name for name in variants if name not in offered(cluster3)] == ["image+pattern"]
    cluster3.ok(*add(cluster3, "image+pattern"))

    cluster3.ok("gnt-os", "modify", "--hidden=no", "--blacklisted=yes", "image+pattern")
    assert [name for name in variants if name not in offered(cluster3)] == ["image+pattern"]
    other = next(name for name in variants if name != "image+pattern")
    assert "it is blacklisted" in refused(cluster3, " ".join(add(cluster3, "image+pattern", "instance2")))
    assert "parameter image is needed" in refused(cluster3, " ".join(add(cluster3, other, "instance3")))


def test_settings_wait_for_a_system_that_comes_later(cluster3: Cluster) -> None:
    assert "unknown OS later" in refused(cluster3, "gnt-os info later")
    cluster3.ok("gnt-os", "modify", "--hidden=yes", "-O", "size=7", "-H", "fake:migration_mode=live", "later")
    cluster3.ok("gnt-os", "modify", "--blacklisted=yes", "-O", "size=9", "later+pattern")

    told = cluster3.ok("gnt-os", "info", "later", "later+pattern")

    assert ("size: 7" in told, "size: 9" in told) == (True, True)
    directory = os.path.join(cluster3.directory, "os", "later")
    shutil.copytree(os.path.join(_autoconf.PKGDATADIR, "os", "image"), directory)
    try:
        assert not [name for name in offered(cluster3) if name.startswith("later")]
        assert "later+pattern" in cluster3.ok("gnt-os", "info", "later")
        assert "it is blacklisted" in refused(cluster3, " ".join(add(cluster3, "later+pattern")))
    finally:
        shutil.rmtree(directory)
