"""Storage units: listing, health, directories of disks."""

from __future__ import annotations

import os

import pytest

from ganeti import errors
from ganeti.model.enums import StorageType
from ganeti.model.scalars import MiB
from ganeti.paths import Paths
from ganeti.storage.units import FIELDS, kind_of, select
from ganeti.utils import files
from test.support.node import VirtualNode, make_disk, make_node

DIRECTORY = "/srv/ganeti/file-storage"


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths, disk_total=100)


def file_units(node: VirtualNode):  # type: ignore[no-untyped-def]
    return kind_of(StorageType.FILE, node.storage)


def test_unit_of_a_virtual_node_counts_what_its_disks_may_grow_to(node: VirtualNode) -> None:
    node.device(make_disk(f"{DIRECTORY}/disk0", size=30)).create(MiB(30), exclusive=False)

    (unit,) = file_units(node).units([DIRECTORY])

    assert (unit.size, unit.used, unit.free, unit.allocatable, unit.problem) == (100, 30, 70, True, None)


def test_units_of_a_node_are_its_allowed_directories(node: VirtualNode) -> None:
    assert [unit.name for unit in file_units(node).units()] == [node.paths.file_storage_dir]


def test_missing_directory_is_listed_with_its_problem(node: VirtualNode) -> None:
    (unit,) = file_units(node).units([f"{DIRECTORY}/web9"])

    assert (unit.size, unit.allocatable, unit.problem) == (None, False, "no such directory")


def test_virtual_node_has_its_space_before_its_first_disk(node: VirtualNode) -> None:
    os.rmdir(node.paths.file_storage_dir)

    (unit,) = file_units(node).units([DIRECTORY])

    assert (unit.free, unit.problem) == (100, None)


def test_forbidden_directory_is_listed_with_its_problem(node: VirtualNode) -> None:
    (unit,) = file_units(node).units(["/etc"])

    assert unit.problem is not None and "not below an allowed directory" in unit.problem


def test_fields_come_in_the_order_asked_for(node: VirtualNode) -> None:
    units = file_units(node).units([DIRECTORY])

    assert select(units, ["free", "name", "type", "status"]) == [[100, DIRECTORY, "file", "ok"]]
    assert select(units, list(FIELDS))


def test_unknown_field_is_refused_by_name(node: VirtualNode) -> None:
    with pytest.raises(errors.StorageError, match="unknown field colour"):
        select([], ["name", "colour"])


def test_directories_are_made_inside_and_removed_when_empty(node: VirtualNode) -> None:
    units = file_units(node)
    for _ in range(2):
        units.execute(f"{DIRECTORY}/web1", "create")
    node.device(make_disk(f"{DIRECTORY}/web1/disk0")).create(MiB(4), exclusive=False)

    with pytest.raises(errors.StorageError, match=r"cannot remove directory .*: Directory not empty"):
        units.execute(f"{DIRECTORY}/web1", "remove")

    files.remove_file(f"{node.paths.file_storage_dir}/web1/disk0")
    files.remove_file(f"{node.paths.file_storage_dir}/web1/.disk0.uuid")
    for _ in range(2):
        units.execute(f"{DIRECTORY}/web1", "remove")
    assert os.listdir(node.paths.file_storage_dir) == []


def test_directory_with_what_an_interrupted_write_left_is_removed(node: VirtualNode) -> None:
    units = file_units(node)
    units.execute(f"{DIRECTORY}/web1", "create")
    files.write_file(f"{node.paths.file_storage_dir}/web1/{files.TEMPORARY_PREFIX}1", "")

    units.execute(f"{DIRECTORY}/web1", "remove")

    assert not os.path.exists(f"{node.paths.file_storage_dir}/web1")


def test_allowed_directory_itself_is_never_removed(node: VirtualNode) -> None:
    with pytest.raises(errors.FileStoragePathError):
        file_units(node).execute(DIRECTORY, "remove")

    assert os.path.isdir(node.paths.file_storage_dir)


def test_directory_is_not_renamed_over_another(node: VirtualNode) -> None:
    units = file_units(node)
    for name in ("web1", "web2"):
        units.create(f"{DIRECTORY}/{name}")

    with pytest.raises(errors.StorageError, match="exists already"):
        units.rename(f"{DIRECTORY}/web1", f"{DIRECTORY}/web2")

    units.rename(f"{DIRECTORY}/web1", f"{DIRECTORY}/web3")
    units.rename(f"{DIRECTORY}/web1", f"{DIRECTORY}/web3")
    assert sorted(os.listdir(node.paths.file_storage_dir)) == ["web2", "web3"]


def test_what_a_kind_cannot_do_is_refused_by_name(node: VirtualNode) -> None:
    units = file_units(node)

    with pytest.raises(errors.StorageError, match=r"cannot fix-consistency storage unit .*: not an operation of file"):
        units.execute(DIRECTORY, "fix-consistency")
    with pytest.raises(errors.StorageError, match="file units have no attribute allocatable"):
        units.modify(DIRECTORY, {"allocatable": False})
    with pytest.raises(errors.StorageError, match="cannot use storage type lvm-vg"):
        kind_of(StorageType.LVM_VG, node.storage)


def test_diskless_storage_is_always_there_and_has_no_size(node: VirtualNode) -> None:
    unit = kind_of(StorageType.DISKLESS, node.storage).unit("x")

    assert (unit.size, unit.problem) == (None, None)


def test_real_node_has_what_its_file_system_has(node: VirtualNode) -> None:
    files.remove_file(node.paths.node_figures_file)

    (unit,) = file_units(node).units([DIRECTORY])

    assert unit.size is not None and unit.free is not None and unit.size > unit.free > 0
