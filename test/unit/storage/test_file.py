"""What only file disks do: allowed directories, links, and the space of a virtual node."""

from __future__ import annotations

import os

import pytest

from ganeti import errors
from ganeti.model.enums import DiskTemplate
from ganeti.model.scalars import MiB
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files
from test.support.node import VirtualNode, make_disk, make_node

MIB = 1024 * 1024


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    node = make_node(paths, disk_total=100)
    files.ensure_dir(f"{paths.file_storage_dir}/web1")
    return node


def create(node: VirtualNode, path: str, size: int = 4, template: DiskTemplate = DiskTemplate.FILE) -> str:
    device = node.device(make_disk(path, size=size, template=template))
    device.create(MiB(size), exclusive=False)
    return device.dev_path


def test_disk_is_sparse_and_only_for_its_owner(node: VirtualNode) -> None:
    path = create(node, "/srv/ganeti/file-storage/web1/disk0", 50)

    status = os.stat(path)
    assert status.st_size == 50 * MIB
    assert status.st_blocks * 512 < MIB
    assert status.st_mode & 0o777 == 0o600


def test_path_of_the_configuration_is_below_the_root_of_the_virtual_node(node: VirtualNode) -> None:
    path = create(node, "/srv/ganeti/file-storage/web1/disk0")

    assert path == f"{node.paths.file_storage_dir}/web1/disk0"


@pytest.mark.parametrize("form", ["local", "virtual", "plain"])
def test_every_form_of_a_path_means_the_same_file(node: VirtualNode, form: str) -> None:
    plain = "/srv/ganeti/file-storage/web1/disk0"
    local = f"{node.paths.root}{plain}"

    path = {"local": local, "virtual": node.paths.virtualize(local), "plain": plain}[form]

    assert create(node, path) == local


def test_path_set_on_another_virtual_node_means_the_same_place_in_this_one(node: VirtualNode) -> None:
    other = make_node(node.paths.for_node("node2.example.com"))

    path = create(node, f"{other.paths.file_storage_dir}/web1/disk0")

    assert path == f"{node.paths.file_storage_dir}/web1/disk0"


@pytest.mark.parametrize("where", ["etc/hosts", "srv/ganeti/shared-file-storage/disk0", "node2.example.com"])
def test_path_in_the_cluster_directory_but_in_no_node_is_refused(node: VirtualNode, where: str) -> None:
    make_node(node.paths.for_node("node2.example.com"))

    with pytest.raises(errors.FileStoragePathError, match="but in no node; write it as seen from inside a node"):
        create(node, f"{node.paths.cluster_dir}/{where}")


def test_shared_disk_is_the_same_file_on_every_virtual_node(node: VirtualNode) -> None:
    files.ensure_dir(f"{node.paths.shared_file_storage_dir}/web1")
    path = create(node, "/srv/ganeti/shared-file-storage/web1/disk0", template=DiskTemplate.SHAREDFILE)

    other = make_node(node.paths.for_node("node2.example.com"))
    found = other.device(make_disk("/srv/ganeti/shared-file-storage/web1/disk0", template=DiskTemplate.SHAREDFILE))

    assert found.dev_path == path
    assert found.exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "/srv/ganeti/file-storage", "/srv/ganeti/export/disk0"])
@pytest.mark.parametrize("act", ["create", "remove", "assemble"])
def test_path_outside_of_the_allowed_directories_is_refused(node: VirtualNode, path: str, act: str) -> None:
    device = node.device(make_disk(path))
    acts = {
        "create": lambda: device.create(MiB(4), exclusive=False),
        "remove": device.remove,
        "assemble": device.assemble,
    }

    with pytest.raises(errors.FileStoragePathError, match="not below an allowed directory"):
        acts[act]()


def test_disk_cannot_be_renamed_out_of_the_allowed_directories(node: VirtualNode) -> None:
    disk = make_disk("/srv/ganeti/file-storage/web1/disk0")
    node.device(disk).create(MiB(4), exclusive=False)

    with pytest.raises(errors.FileStoragePathError):
        node.device(disk).rename(("loop", "/etc/cron.d/job"))

    assert node.device(disk).exists()


def test_link_in_place_of_a_disk_is_not_followed(node: VirtualNode) -> None:
    target = os.path.join(node.paths.data_dir, "config.data")
    files.write_file(target, "x" * MIB)
    os.symlink(target, f"{node.paths.file_storage_dir}/web1/disk0")
    device = node.device(make_disk("/srv/ganeti/file-storage/web1/disk0"))

    for act in (device.remove, lambda: device.wipe(MiB(0), MiB(1)), device.assemble):
        with pytest.raises(errors.BlockDeviceError, match="not a plain file"):
            act()

    assert files.read_file(target) == b"x" * MIB


def test_directories_come_from_the_administrators_list_when_there_is_one(node: VirtualNode) -> None:
    files.write_file(node.paths.file_storage_paths_file, "/srv/disks\n/etc\n", mode=0o644)
    files.ensure_dir(f"{node.paths.root}/srv/disks")

    create(node, "/srv/disks/disk0")

    assert node.file_storage_dirs() == [f"{node.paths.root}/srv/disks"]
    with pytest.raises(errors.FileStoragePathError):
        create(node, "/srv/ganeti/file-storage/web1/disk0")


def test_directory_of_the_cluster_comes_from_ssconf(node: VirtualNode) -> None:
    files.write_file(node.paths.ssconf_file("file_storage_dir"), "/srv/elsewhere\n")

    assert node.file_storage_dirs() == [f"{node.paths.root}/srv/elsewhere"]


def test_cluster_without_file_storage_allows_nothing(node: VirtualNode) -> None:
    files.write_file(node.paths.ssconf_file("file_storage_dir"), "\n")

    assert node.file_storage_dirs() == []


def test_missing_directory_is_named_with_the_remedy(node: VirtualNode) -> None:
    with pytest.raises(errors.BlockDeviceError, match="no such file or directory; its directory must be made first"):
        create(node, "/srv/ganeti/file-storage/web9/disk0")


# --- space -----------------------------------------------------------------------------


def test_node_refuses_disks_beyond_its_total(node: VirtualNode) -> None:
    create(node, "/srv/ganeti/file-storage/web1/disk0", 70)

    with pytest.raises(errors.BlockDeviceError, match=r"needs 31 MiB, node node1\.example\.com has 30 MiB free"):
        create(node, "/srv/ganeti/file-storage/web1/disk1", 31)

    create(node, "/srv/ganeti/file-storage/web1/disk1", 30)


def test_growing_needs_room_even_for_a_dry_run(node: VirtualNode) -> None:
    disk = make_disk("/srv/ganeti/file-storage/web1/disk0", size=70)
    node.device(disk).create(MiB(70), exclusive=False)

    with pytest.raises(errors.BlockDeviceError, match="needs 31 MiB"):
        node.device(disk).grow(MiB(31), dry_run=True, backing_store=True)


def test_removed_disk_gives_its_space_back(node: VirtualNode) -> None:
    disk = make_disk("/srv/ganeti/file-storage/web1/disk0", size=100)
    node.device(disk).create(MiB(100), exclusive=False)

    node.device(disk).remove()

    create(node, "/srv/ganeti/file-storage/web1/disk0", 100)
    assert sorted(os.listdir(f"{node.paths.file_storage_dir}/web1")) == [".disk0.uuid", "disk0"]


def test_shared_disks_do_not_count(node: VirtualNode) -> None:
    files.ensure_dir(f"{node.paths.shared_file_storage_dir}/web1")

    create(node, "/srv/ganeti/shared-file-storage/web1/disk0", 500, DiskTemplate.SHAREDFILE)
    create(node, "/srv/ganeti/file-storage/web1/disk0", 100)


# --- identity --------------------------------------------------------------------------


def test_disk_made_without_an_identity_is_taken_as_it_is(node: VirtualNode) -> None:
    path = create(node, "/srv/ganeti/file-storage/web1/disk0")
    os.unlink(f"{os.path.dirname(path)}/.disk0.uuid")

    node.device(make_disk("/srv/ganeti/file-storage/web1/disk0")).remove()

    assert os.listdir(os.path.dirname(path)) == []


def test_disk_record_without_a_uuid_removes_what_it_names(node: VirtualNode) -> None:
    disk = make_disk("/srv/ganeti/file-storage/web1/disk0")
    node.device(disk).create(MiB(4), exclusive=False)

    node.device(replace(disk, uuid=None)).remove()

    assert not node.device(disk).exists()


def test_identity_of_a_removed_disk_does_not_outlive_it(node: VirtualNode) -> None:
    disk = make_disk("/srv/ganeti/file-storage/web1/disk0")
    node.device(disk).create(MiB(4), exclusive=False)
    os.unlink(node.device(disk).dev_path)  # cut off between the two files

    node.device(disk).remove()

    assert os.listdir(f"{node.paths.file_storage_dir}/web1") == []


# --- instances without disks -------------------------------------------------------------


def test_diskless_disks_cannot_be_made_and_are_never_there(node: VirtualNode) -> None:
    device = node.device(make_disk("/x", template=DiskTemplate.DISKLESS))

    with pytest.raises(errors.BlockDeviceError, match="a diskless instance has no disks"):
        device.create(MiB(1), exclusive=False)
    device.remove()
    assert (device.exists(), device.status(), device.dimensions()) == (False, None, None)


def test_template_without_a_driver_is_refused_by_name(node: VirtualNode) -> None:
    with pytest.raises(errors.BlockDeviceError, match="no driver for gluster"):
        node.device(make_disk("/x", template=DiskTemplate.GLUSTER))
