"""What every storage driver promises, whatever is behind it.

A driver joins by a `Lab`: a node with room for some disks.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence

import pytest

from ganeti import errors
from ganeti.model.enums import DiskTemplate, LocalDiskStatus
from ganeti.model.objects.disk import Disk
from ganeti.model.scalars import MiB
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.storage.base import BlockDevice
from ganeti.storage.registry import DRIVERS
from ganeti.utils import files
from test.support.node import make_disk, make_node

MIB = 1024 * 1024
OTHER_UUID = "99999999-9999-4999-9999-999999999999"


class Lab(abc.ABC):
    """A node with a storage driver; every disk name gives another disk."""

    #: whether the storage knows whose a disk is
    knows_identity = True

    def __init__(self, paths: Paths) -> None:
        self.node = make_node(paths)

    @abc.abstractmethod
    def disk(self, name: str, *, size: int = 4) -> Disk:
        """Return a disk that can be created here."""

    @abc.abstractmethod
    def logical_id(self, name: str) -> Sequence[object]:
        """Return the logical id of a disk of this name."""

    def device(self, disk: Disk) -> BlockDevice:
        return self.node.device(disk)


class FileLab(Lab):
    template = DiskTemplate.FILE

    def __init__(self, paths: Paths) -> None:
        super().__init__(paths)
        files.ensure_dir(f"{self.directory(paths)}/web1")

    def directory(self, paths: Paths) -> str:
        return paths.file_storage_dir

    def disk(self, name: str, *, size: int = 4) -> Disk:
        return make_disk(str(self.logical_id(name)[1]), size=size, template=self.template)

    def logical_id(self, name: str) -> Sequence[object]:
        return ("loop", f"{self.directory(self.node.paths)}/web1/{name}")


class SharedFileLab(FileLab):
    template = DiskTemplate.SHAREDFILE

    def directory(self, paths: Paths) -> str:
        return paths.shared_file_storage_dir


LABS: dict[DiskTemplate, type[Lab]] = {DiskTemplate.FILE: FileLab, DiskTemplate.SHAREDFILE: SharedFileLab}


@pytest.fixture(params=sorted(LABS))
def lab(request: pytest.FixtureRequest, paths: Paths) -> Lab:
    return LABS[request.param](paths)


def created(lab: Lab, name: str = "disk0", *, size: int = 4) -> Disk:
    disk = lab.disk(name, size=size)
    lab.device(disk).create(MiB(size), exclusive=False)
    return disk


def read(lab: Lab, disk: Disk, offset: int, length: int) -> bytes:
    with open(lab.device(disk).dev_path, "rb") as file:
        file.seek(offset)
        return file.read(length)


def write(lab: Lab, disk: Disk, offset: int, data: bytes) -> None:
    with open(lab.device(disk).dev_path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_every_driver_that_has_disks_is_put_through_this_suite() -> None:
    assert set(LABS) == set(DRIVERS) - {DiskTemplate.DISKLESS}


def test_disk_that_was_not_created_is_not_there(lab: Lab) -> None:
    device = lab.device(lab.disk("disk0"))

    assert not device.exists()
    assert device.status() is None
    assert device.dimensions() is None


def test_created_disk_has_its_size_and_reads_as_zeros(lab: Lab) -> None:
    disk = created(lab, size=4)
    device = lab.device(disk)
    device.assemble()

    size = device.dimensions()
    assert device.exists()
    assert size is not None and size.size_bytes == 4 * MIB
    assert read(lab, disk, 0, 4 * MIB) == bytes(4 * MIB)


def test_assembled_disk_is_whole(lab: Lab) -> None:
    device = lab.device(created(lab))
    device.assemble()

    status = device.status()
    assert status is not None
    assert (status.dev_path, status.is_degraded) == (device.dev_path, False)
    assert status.ldisk_status is LocalDiskStatus.OKAY


def test_disk_is_not_created_over_another(lab: Lab) -> None:
    disk = created(lab)
    write(lab, disk, 0, b"precious")

    with pytest.raises(errors.BlockDeviceError, match="exists already"):
        lab.device(lab.disk("disk0")).create(MiB(4), exclusive=False)

    assert read(lab, disk, 0, 8) == b"precious"


def test_disk_of_no_size_is_refused(lab: Lab) -> None:
    with pytest.raises(errors.BlockDeviceError, match="0 MiB is no size"):
        lab.device(lab.disk("disk0")).create(MiB(0), exclusive=False)


def test_removed_disk_is_gone_and_its_name_is_free(lab: Lab) -> None:
    disk = created(lab)

    lab.device(disk).remove()

    assert not lab.device(disk).exists()
    assert created(lab).logical_id == disk.logical_id


def test_removing_twice_is_harmless(lab: Lab) -> None:
    disk = created(lab)

    lab.device(disk).remove()
    lab.device(disk).remove()

    assert not lab.device(disk).exists()


def test_assembling_and_shutting_down_can_be_repeated_and_keep_data(lab: Lab) -> None:
    disk = created(lab)
    for round_number in range(2):
        lab.device(disk).assemble()
        lab.device(disk).assemble()
        lab.device(disk).open(exclusive=False)
        if round_number == 0:
            write(lab, disk, 0, b"data")
        lab.device(disk).close()
        lab.device(disk).shutdown()
        lab.device(disk).shutdown()

    lab.device(disk).assemble()
    assert read(lab, disk, 0, 4) == b"data"


def test_missing_disk_cannot_be_assembled(lab: Lab) -> None:
    with pytest.raises(errors.BlockDeviceError, match=r"cannot assemble disk disk/0: .* is not there"):
        lab.device(lab.disk("disk0")).assemble()


# --- growing -------------------------------------------------------------------------


def test_disk_grows_and_keeps_data(lab: Lab) -> None:
    disk = created(lab, size=4)
    write(lab, disk, 4 * MIB - 4, b"last")

    lab.device(disk).grow(MiB(2), dry_run=False, backing_store=True)
    lab.device(disk).grow(MiB(2), dry_run=False, backing_store=False)

    size = lab.device(disk).dimensions()
    assert size is not None and size.size_bytes == 6 * MIB
    assert read(lab, disk, 4 * MIB - 4, 8) == b"last" + bytes(4)


def test_dry_run_grows_nothing(lab: Lab) -> None:
    disk = created(lab, size=4)

    lab.device(disk).grow(MiB(2), dry_run=True, backing_store=True)

    size = lab.device(disk).dimensions()
    assert size is not None and size.size_bytes == 4 * MIB


def test_disk_does_not_shrink(lab: Lab) -> None:
    disk = created(lab)

    with pytest.raises(errors.BlockDeviceError, match="would make it smaller"):
        lab.device(disk).grow(MiB(-1), dry_run=False, backing_store=True)


# --- renaming ------------------------------------------------------------------------


def test_renamed_disk_has_its_data_under_the_new_id(lab: Lab) -> None:
    disk = created(lab)
    write(lab, disk, 0, b"data")

    lab.device(disk).rename(lab.logical_id("disk9"))

    renamed = replace(disk, logical_id=lab.logical_id("disk9"))
    assert not lab.device(disk).exists()
    assert read(lab, renamed, 0, 4) == b"data"
    lab.device(renamed).remove()
    assert not lab.device(renamed).exists()


def test_renaming_again_after_a_lost_answer_is_harmless(lab: Lab) -> None:
    disk = created(lab)

    lab.device(disk).rename(lab.logical_id("disk9"))
    lab.device(disk).rename(lab.logical_id("disk9"))

    assert lab.device(replace(disk, logical_id=lab.logical_id("disk9"))).exists()


def test_disk_is_not_renamed_over_another(lab: Lab) -> None:
    disk, other = created(lab, "disk0"), created(lab, "disk1")
    write(lab, other, 0, b"precious")

    with pytest.raises(errors.BlockDeviceError, match="exists already"):
        lab.device(disk).rename(other.logical_id)

    assert read(lab, other, 0, 8) == b"precious"
    assert lab.device(disk).exists()


# --- wiping ----------------------------------------------------------------------------


def test_wiped_part_is_zeros_and_the_rest_stays(lab: Lab) -> None:
    disk = created(lab, size=4)
    write(lab, disk, 0, b"x" * 4 * MIB)

    lab.device(disk).wipe(MiB(1), MiB(2))

    assert read(lab, disk, 0, 4 * MIB) == b"x" * MIB + bytes(2 * MIB) + b"x" * MIB


@pytest.mark.parametrize(("offset", "size"), [(0, 5), (4, 1), (100, 1)])
def test_wiping_outside_of_the_disk_is_refused(lab: Lab, offset: int, size: int) -> None:
    disk = created(lab, size=4)
    write(lab, disk, 0, b"precious")

    with pytest.raises(errors.BlockDeviceError, match="are not inside its 4 MiB"):
        lab.device(disk).wipe(MiB(offset), MiB(size))

    assert read(lab, disk, 0, 8) == b"precious"


# --- identity --------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["remove", "wipe", "rename", "grow"])
def test_another_disk_under_the_same_id_is_not_touched(lab: Lab, act: str) -> None:
    disk = created(lab)
    write(lab, disk, 0, b"precious")
    impostor = lab.device(replace(disk, uuid=OTHER_UUID))
    acts = {
        "remove": lambda: impostor.remove(),
        "wipe": lambda: impostor.wipe(MiB(0), MiB(1)),
        "rename": lambda: impostor.rename(lab.logical_id("disk9")),
        "grow": lambda: impostor.grow(MiB(1), dry_run=False, backing_store=True),
    }

    with pytest.raises(errors.BlockDeviceError, match=f"holds disk {disk.uuid}, not {OTHER_UUID}"):
        acts[act]()

    assert read(lab, disk, 0, 8) == b"precious"
    size = lab.device(disk).dimensions()
    assert size is not None and size.size_bytes == 4 * MIB


@pytest.mark.parametrize("logical_id", [(), ("loop",), ("rope", "/x"), ("loop", 5), ("loop", "relative"), (1, 2, 3)])
def test_logical_id_of_another_kind_is_refused(lab: Lab, logical_id: Sequence[object]) -> None:
    with pytest.raises(errors.GenericError, match="cannot use"):
        lab.device(replace(lab.disk("disk0"), logical_id=logical_id)).remove()


def test_name_of_the_disk_is_in_its_errors(lab: Lab) -> None:
    assert os.fspath(str(lab.device(lab.disk("disk0")))) == "disk disk/0"
