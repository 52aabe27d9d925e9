"""Instances and their disks on a node, through the calls."""

from __future__ import annotations

import os

import pytest

from ganeti import errors
from ganeti.model.enums import ConsoleKind, HypervisorName, RebootType
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.node import Node as NodeRecord
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import InstanceName, MiB
from ganeti.noded.backend.blockdev import BlockDevices
from ganeti.noded.backend.instance import Instances
from ganeti.noded.backend.links import link_path
from ganeti.noded.backend.migration import Migration
from ganeti.noded.backend.storage_units import FileStorage
from ganeti.paths import Paths
from ganeti.rpc.answers import ConsoleRequest
from ganeti.schema import replace
from ganeti.utils import files, json
from test.support.cluster_dir import make_cluster_dir
from test.support.node import VirtualNode, make_disk, make_instance, make_node

FAKE = [HypervisorName.FAKE]
WEB = InstanceName("web1.example.com")
TRAIL = [("gnt:client:gnt-instance", "start", 1)]


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths)


def with_disks(node: VirtualNode, count: int = 1, *, assembled: bool = True) -> FilledInstance:
    """Return an instance whose disks exist on the node."""
    FileStorage(node).file_storage_dir_create("/srv/ganeti/file-storage/web1")
    disks = [make_disk(f"/srv/ganeti/file-storage/web1/disk{i}", index=i) for i in range(count)]
    instance = make_instance(WEB, disks=disks)
    for index, disk in enumerate(disks):
        BlockDevices(node).blockdev_create(disk, disk.size, WEB, True, "", False)
        if assembled:
            BlockDevices(node).blockdev_assemble(disk, instance, True, index)
    return instance


def listed(node: VirtualNode) -> list[str]:
    return list(Instances(node).instance_list(FAKE, {}))


# --- life ------------------------------------------------------------------------------


def test_started_instance_is_listed_and_told_about(node: VirtualNode) -> None:
    instances = Instances(node)
    instances.instance_start(make_instance(memory=256), False, TRAIL)

    figures = instances.instance_info(WEB, HypervisorName.FAKE, {})

    assert figures is not None and figures.memory == 256
    assert listed(node) == [WEB]
    assert instances.all_instances_info(FAKE, {}) == {WEB: figures}
    assert instances.instance_info(InstanceName("other"), HypervisorName.FAKE, {}) is None


def test_starting_a_running_instance_leaves_it_alone(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(memory=256), False, TRAIL)
    Instances(node).instance_start(make_instance(memory=512), False, TRAIL)

    figures = Instances(node).instance_info(WEB, HypervisorName.FAKE, {})
    assert figures is not None and figures.memory == 256


def test_shutdown_of_an_instance_that_is_down_is_fine(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(), False, TRAIL)

    for _ in range(2):
        Instances(node).instance_shutdown(make_instance(), 120, TRAIL)

    assert listed(node) == []


def test_why_an_instance_changed_is_kept_on_the_node(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(), False, TRAIL)

    trail = json.loads(files.read_file(os.path.join(node.paths.instance_reason_dir, WEB)))

    stamp = int(node.clock.time() * 1_000_000_000)
    assert trail == [["gnt:client:gnt-instance", "start", 1], ["gnt:daemon:noded", "instance_start", stamp]]


@pytest.mark.parametrize("kind", [RebootType.SOFT, RebootType.HARD])
def test_rebooted_instance_runs(node: VirtualNode, kind: RebootType) -> None:
    Instances(node).instance_start(make_instance(), False, TRAIL)

    Instances(node).instance_reboot(make_instance(memory=256), kind, 120, TRAIL)

    figures = Instances(node).instance_info(WEB, HypervisorName.FAKE, {})
    assert figures is not None
    assert figures.memory == (512 if kind is RebootType.SOFT else 256)


def test_reboot_needs_a_running_instance_and_is_not_full(node: VirtualNode) -> None:
    with pytest.raises(errors.HypervisorError, match=r"it does not run on node1"):
        Instances(node).instance_reboot(make_instance(), RebootType.SOFT, 120, TRAIL)

    Instances(node).instance_start(make_instance(), False, TRAIL)
    with pytest.raises(errors.ParameterError, match="the master's to do"):
        Instances(node).instance_reboot(make_instance(), RebootType.FULL, 120, TRAIL)


def test_balloon_changes_the_memory(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(), False, TRAIL)

    Instances(node).instance_balloon_memory(make_instance(), MiB(128))

    figures = Instances(node).instance_info(WEB, HypervisorName.FAKE, {})
    assert figures is not None and figures.memory == 128


def test_console_is_described_for_each_instance_asked_for(node: VirtualNode) -> None:
    request = ConsoleRequest(
        instance=make_instance(),
        node=NodeRecord(
            uuid="u", name="node1.example.com", primary_ip="127.0.1.1", secondary_ip="127.0.1.1", group="g"
        ),
        group=NodeGroup(uuid="g", name="default"),
        hvparams={},
        beparams={},
    )

    console = Instances(node).instance_console_info({WEB: request})[WEB]

    assert (console.instance, console.kind) == (WEB, ConsoleKind.MESSAGE)
    assert console.message is not None and "node1.example.com" in console.message


# --- disks of an instance ------------------------------------------------------------------


def test_instance_is_given_links_to_its_disks(node: VirtualNode) -> None:
    instance = with_disks(node, 2)

    Instances(node).instance_start(instance, False, TRAIL)

    for index in range(2):
        target = f"{node.paths.file_storage_dir}/web1/disk{index}"
        assert os.readlink(link_path(node, WEB, index)) == target


def test_links_go_with_the_instance(node: VirtualNode) -> None:
    instance = with_disks(node)
    Instances(node).instance_start(instance, False, TRAIL)

    Instances(node).instance_shutdown(instance, 120, TRAIL)

    assert os.listdir(node.paths.instance_disks_dir) == []


def test_instance_is_not_started_without_its_disks(node: VirtualNode) -> None:
    instance = with_disks(node)
    BlockDevices(node).blockdev_remove(instance.disks_info[0])

    with pytest.raises(
        errors.BlockDeviceError, match=r"cannot start instance .*: disk disk/0 is not assembled on node1"
    ):
        Instances(node).instance_start(instance, False, TRAIL)

    assert listed(node) == []


def test_failed_start_leaves_no_links(node: VirtualNode) -> None:
    instance = replace(with_disks(node), beparams={"minmem": 9000, "maxmem": 9000, "vcpus": 1})

    with pytest.raises(errors.HypervisorError, match="needs 9000 MiB, node has 4096 MiB free"):
        Instances(node).instance_start(instance, False, TRAIL)

    assert os.listdir(node.paths.instance_disks_dir) == []


def test_assembled_disk_is_linked_and_its_owner_noted_on_the_primary(node: VirtualNode) -> None:
    instance = with_disks(node, assembled=False)

    found = BlockDevices(node).blockdev_assemble(instance.disks_info[0], instance, True, 0)

    assert found.dev_path == f"{node.paths.file_storage_dir}/web1/disk0"
    assert found.link_name == link_path(node, WEB, 0)
    (cache,) = os.listdir(node.paths.bdev_cache_dir)
    assert files.read_text(os.path.join(node.paths.bdev_cache_dir, cache)) == f"{WEB} primary disk/0\n"


def test_disk_assembled_on_a_secondary_is_not_linked(node: VirtualNode) -> None:
    instance = with_disks(node, assembled=False)

    found = BlockDevices(node).blockdev_assemble(instance.disks_info[0], instance, False, 0)

    assert (found.dev_path, found.link_name) == (None, None)
    assert not os.path.lexists(link_path(node, WEB, 0))


@pytest.mark.parametrize("act", ["shutdown", "close", "remove"])
def test_link_and_owner_go_when_the_disk_does(node: VirtualNode, act: str) -> None:
    instance = with_disks(node)
    (disk,) = instance.disks_info
    calls = BlockDevices(node)

    match act:
        case "shutdown":
            calls.blockdev_shutdown(disk)
        case "close":
            calls.blockdev_close(WEB, [disk])
        case "remove":
            calls.blockdev_shutdown(disk)
            calls.blockdev_remove(disk)

    assert os.listdir(node.paths.instance_disks_dir) == []
    assert (calls.blockdev_find(disk) is None) == (act == "remove")


def test_disks_are_looked_at_in_the_order_given(node: VirtualNode) -> None:
    instance = with_disks(node)
    missing = make_disk("/srv/ganeti/file-storage/web1/none")

    found = BlockDevices(node).blockdev_getdimensions([missing, instance.disks_info[0]])

    assert found == [None, (4 * 1024 * 1024, None)]
    assert BlockDevices(node).blockdev_find(missing) is None


def test_disk_grows_is_wiped_and_renamed(node: VirtualNode) -> None:
    instance = with_disks(node)
    (disk,) = instance.disks_info
    calls = BlockDevices(node)

    calls.blockdev_grow(disk, MiB(4), False, True, False)
    calls.blockdev_wipe(disk, MiB(4), MiB(4))
    calls.blockdev_setinfo(disk, "originstname+web1")
    calls.blockdev_rename([(disk, ("loop", "/srv/ganeti/file-storage/web1/disk7"))])

    renamed: Disk = replace(disk, logical_id=("loop", "/srv/ganeti/file-storage/web1/disk7"))
    assert calls.blockdev_getdimensions([disk, renamed]) == [None, (8 * 1024 * 1024, None)]


def test_disk_that_is_not_assembled_cannot_be_opened(node: VirtualNode) -> None:
    with pytest.raises(errors.BlockDeviceError, match="it is not assembled on node1"):
        BlockDevices(node).blockdev_open(WEB, [make_disk("/srv/ganeti/file-storage/web1/none")], True)


def test_directories_of_disks_come_and_go(node: VirtualNode) -> None:
    calls = FileStorage(node)
    for directory, base in (
        ("/srv/ganeti/file-storage", node.paths.file_storage_dir),
        ("/srv/ganeti/shared-file-storage", node.paths.shared_file_storage_dir),
    ):
        files.ensure_dir(base)
        calls.file_storage_dir_create(f"{directory}/web1")
        calls.file_storage_dir_rename(f"{directory}/web1", f"{directory}/web2")
        assert os.listdir(base) == ["web2"]
        calls.file_storage_dir_remove(f"{directory}/web2")
        assert os.listdir(base) == []

    with pytest.raises(errors.FileStoragePathError):
        calls.file_storage_dir_create("/etc/ganeti")


# --- moving ------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: os.PathLike[str]) -> tuple[VirtualNode, VirtualNode]:
    first, second = make_cluster_dir(os.fspath(tmp_path), 2)
    return make_node(first), make_node(second)


def test_instance_moves_between_nodes_with_its_links(pair: tuple[VirtualNode, VirtualNode]) -> None:
    source, target = pair
    instance = with_disks(source)
    disks = instance.disks_info
    FileStorage(target).file_storage_dir_create("/srv/ganeti/file-storage/web1")
    for disk in disks:
        BlockDevices(target).blockdev_create(disk, disk.size, WEB, False, "", False)
    Instances(source).instance_start(instance, False, TRAIL)
    Instances(source).instance_migratable(instance)

    info = Migration(source).migration_info(instance)
    Migration(target).accept_instance(instance, info, "127.0.1.2")
    Migration(source).instance_migrate("cluster.example.com", instance, "127.0.1.2", True)
    assert Migration(source).instance_get_migration_status(instance).status == "completed"
    Migration(source).instance_finalize_migration_src(instance, True, True)
    Migration(target).instance_finalize_migration_dst(instance, info, True)

    assert (listed(source), listed(target)) == ([], [WEB])
    assert os.listdir(source.paths.instance_disks_dir) == []
    assert os.listdir(target.paths.instance_disks_dir) == [f"{WEB}:0"]


def test_target_that_cannot_take_the_instance_keeps_nothing_of_it(pair: tuple[VirtualNode, VirtualNode]) -> None:
    source, target = pair
    files.write_file(target.paths.node_figures_file, '{"memory_total": 100}')
    instance = make_instance()
    Instances(source).instance_start(instance, False, TRAIL)

    with pytest.raises(errors.HypervisorError, match="needs 512 MiB, node has 100 MiB free"):
        Migration(target).accept_instance(instance, Migration(source).migration_info(instance), "127.0.1.2")

    assert (listed(source), listed(target)) == ([WEB], [])


def test_aborted_move_leaves_the_instance_where_it_was(pair: tuple[VirtualNode, VirtualNode]) -> None:
    source, target = pair
    instance = make_instance()
    Instances(source).instance_start(instance, False, TRAIL)
    info = Migration(source).migration_info(instance)
    Migration(target).accept_instance(instance, info, "127.0.1.2")

    Migration(target).instance_finalize_migration_dst(instance, info, False)
    Migration(source).instance_finalize_migration_src(instance, False, True)

    assert (listed(source), listed(target)) == ([WEB], [])


def test_target_of_a_move_is_an_address(pair: tuple[VirtualNode, VirtualNode]) -> None:
    with pytest.raises(errors.ParameterError, match="not an address"):
        Migration(pair[0]).instance_migrate("cluster", make_instance(), "-x; reboot", True)


def test_what_does_not_run_here_is_not_migratable(node: VirtualNode) -> None:
    with pytest.raises(errors.HypervisorError, match="does not run on node1"):
        Instances(node).instance_migratable(make_instance())


def test_parameters_of_a_hypervisor_are_checked_on_the_node(node: VirtualNode) -> None:
    Instances(node).hypervisor_validate_params(HypervisorName.FAKE, {"migration_mode": "live"})

    with pytest.raises(errors.HypervisorError):
        Instances(node).hypervisor_validate_params(HypervisorName.FAKE, {"migration_mode": "x"})
