"""What only the fake hypervisor does: its files, its faults, its simulated power cuts."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import pytest

from ganeti import errors
from ganeti.model.enums import DiskTemplate, HotplugAction, HotplugTarget, HypervisorName
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MacAddress
from ganeti.paths import Paths
from ganeti.utils import files, json
from test.support.node import VirtualNode, make_disk, make_instance, make_node

WEB = InstanceName("web1.example.com")
DB = InstanceName("db1.example.com")


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths, memory_total=2048)


def fake(node: VirtualNode):  # type: ignore[no-untyped-def]
    return node.hypervisor(HypervisorName.FAKE)


def inject(node: VirtualNode, *faults: dict[str, object]) -> str:
    path = os.path.join(node.paths.run_dir, "fake-hypervisor-faults.json")
    files.write_file(path, json.dumps(list(faults)))
    return path


def names(node: VirtualNode) -> Sequence[str]:
    return [found.name for found in fake(node).running()]


def test_state_file_has_the_published_form(node: VirtualNode) -> None:
    fake(node).start(make_instance(memory=256, vcpus=2), (), paused=False)

    assert files.read_text(os.path.join(node.paths.fake_hypervisor_dir, WEB)) == "0\n256\n2\n"


def test_instances_of_another_implementation_are_understood(node: VirtualNode) -> None:
    files.ensure_dir(node.paths.fake_hypervisor_dir)
    files.write_file(os.path.join(node.paths.fake_hypervisor_dir, WEB), "0\n128\n4")

    found = fake(node).find(WEB)

    assert (found.memory, found.vcpus) == (128, 4)


def test_damaged_state_file_is_named(node: VirtualNode) -> None:
    files.ensure_dir(node.paths.fake_hypervisor_dir)
    files.write_file(os.path.join(node.paths.fake_hypervisor_dir, WEB), "0\nmuch\n1\n")

    with pytest.raises(errors.HypervisorError, match=f"{WEB}: expected three numbers"):
        fake(node).running()


def test_leftover_of_an_interrupted_write_is_no_instance(node: VirtualNode) -> None:
    files.ensure_dir(node.paths.fake_hypervisor_dir)
    files.write_file(os.path.join(node.paths.fake_hypervisor_dir, ".new-1234"), "")

    assert names(node) == []


def test_memory_of_the_node_itself_is_not_free(paths: Paths) -> None:
    node = make_node(paths, memory_total=1024, memory_dom0=256)

    state = fake(node).node_state()

    assert (state.capacity.memory_total, state.capacity.memory_dom0, state.memory_free) == (1024, 256, 768)


def test_figures_that_make_no_sense_are_refused_by_name(node: VirtualNode) -> None:
    files.write_file(node.paths.node_figures_file, '{"memory_total": -1}')

    with pytest.raises(errors.EnvironmentFailure, match=r"node-figures\.json: memory_total: expected"):
        fake(node).node_state()


def test_node_without_figures_has_the_machines(node: VirtualNode) -> None:
    files.remove_file(node.paths.node_figures_file)

    state = fake(node).node_state()

    assert state.capacity.memory_total > 0
    assert state.capacity.cpu_total == os.cpu_count()


def test_instance_without_memory_parameters_is_refused(node: VirtualNode) -> None:
    with pytest.raises(errors.HypervisorError, match="backend parameter minmem"):
        fake(node).start(make_instance(memory=0), (), paused=False)


# --- faults ------------------------------------------------------------------------


def test_operation_fails_once_with_the_message_given(node: VirtualNode) -> None:
    path = inject(node, {"operation": "start", "action": "fail", "times": 1, "message": "no event channels"})

    with pytest.raises(errors.HypervisorError, match=f"cannot start instance {WEB}: no event channels"):
        fake(node).start(make_instance(), (), paused=False)
    fake(node).start(make_instance(), (), paused=False)

    assert names(node) == [WEB]
    assert json.loads(files.read_file(path)) == []


def test_operation_fails_always_when_no_number_is_given(node: VirtualNode) -> None:
    inject(node, {"operation": "start", "action": "fail"})

    for _ in range(3):
        with pytest.raises(errors.HypervisorError, match="fault injected"):
            fake(node).start(make_instance(), (), paused=False)


def test_fault_of_one_instance_leaves_the_others_alone(node: VirtualNode) -> None:
    inject(node, {"operation": "start", "action": "fail", "instance": WEB})

    fake(node).start(make_instance(DB), (), paused=False)

    assert names(node) == [DB]


def test_slow_operation_takes_longer(node: VirtualNode) -> None:
    inject(node, {"operation": "any", "action": "slow", "seconds": 2.5, "times": 2})

    fake(node).start(make_instance(), (), paused=False)
    fake(node).stop(WEB, force=True, timeout=0)
    fake(node).stop(WEB, force=True, timeout=0)

    assert node.manual_clock.slept == [2.5, 2.5]


def test_crashed_instance_is_gone_for_everybody_who_looks(node: VirtualNode) -> None:
    for name in (WEB, DB):
        fake(node).start(make_instance(name), (), paused=False)

    inject(node, {"action": "crash", "instance": WEB, "times": 1})

    assert fake(node).node_state().memory_free == 2048 - 512
    assert names(node) == [DB]
    fake(node).start(make_instance(WEB), (), paused=False)
    assert names(node) == [DB, WEB]


def test_flapping_instance_crashes_as_often_as_it_is_started(node: VirtualNode) -> None:
    inject(node, {"action": "crash", "instance": WEB})

    for _ in range(3):
        fake(node).start(make_instance(WEB), (), paused=False)
        assert fake(node).find(WEB) is None


def test_failed_transfer_shows_in_the_status_and_the_source_goes_on(node: VirtualNode) -> None:
    instance = make_instance()
    fake(node).start(instance, (), paused=False)
    inject(node, {"operation": "transfer", "action": "fail"})

    fake(node).migrate("cluster.example.com", instance, "127.0.1.2", live=True)

    assert fake(node).migration_status(instance).status == "failed"
    with pytest.raises(errors.HypervisorError, match="never transferred"):
        fake(node).finish_source(instance, success=True, live=True)
    fake(node).finish_source(instance, success=False, live=True)
    assert names(node) == [WEB]


def test_failing_verification_is_a_problem_not_an_error(node: VirtualNode) -> None:
    inject(node, {"operation": "verify", "action": "fail", "message": "module not loaded"})

    assert fake(node).verify() == ["cannot use the fake hypervisor: module not loaded"]


@pytest.mark.parametrize("content", ["", "{}", '[{"action": "explode"}]', '[{"action": "fail", "times": 0}]'])
def test_control_file_that_makes_no_sense_is_named(node: VirtualNode, content: str) -> None:
    files.write_file(os.path.join(node.paths.run_dir, "fake-hypervisor-faults.json"), content)

    with pytest.raises(errors.HypervisorError, match=r"cannot read the faults to inject from .*faults.json"):
        fake(node).running()


# --- power cuts ----------------------------------------------------------------------


def test_powercycled_virtual_node_runs_nothing_and_has_a_new_boot_id(node: VirtualNode) -> None:
    instance = make_instance()
    fake(node).start(instance, (), paused=False)
    before = node.boot_id()
    assert node.boot_id() == before

    fake(node).powercycle()

    assert names(node) == []
    assert node.boot_id() != before


def test_real_node_is_not_powercycled_by_the_fake_hypervisor() -> None:
    from_machine = VirtualNode(Paths("", "node1.example.com"))

    with pytest.raises(errors.HypervisorError, match=r"cannot powercycle node node1\.example\.com"):
        fake(from_machine).powercycle()


# --- parameters and devices ------------------------------------------------------------


def test_unknown_migration_mode_is_refused(node: VirtualNode) -> None:
    fake(node).check_params({"migration_mode": "live"})

    with pytest.raises(errors.HypervisorError, match="migration_mode: unknown mode 'sideways'"):
        fake(node).check_params({"migration_mode": "sideways"})


def test_devices_are_plugged_into_running_instances_only(node: VirtualNode, tmp_path: os.PathLike[str]) -> None:
    nic = NIC(mac=MacAddress("aa:00:00:00:00:01"))
    disk = make_disk("/srv/x", template=DiskTemplate.FILE)
    instance = make_instance()
    plug = (instance, HotplugAction.ADD, HotplugTarget.NIC, nic)

    with pytest.raises(errors.HotplugError, match="it does not run here"):
        fake(node).hotplug(*plug, path=None, index=0)
    fake(node).start(instance, (), paused=False)
    fake(node).hotplug(*plug, path=None, index=0)
    with pytest.raises(errors.HotplugError, match="/srv/none is not there"):
        fake(node).hotplug(instance, HotplugAction.ADD, HotplugTarget.DISK, disk, path="/srv/none", index=0)


def test_state_files_are_not_for_others(node: VirtualNode) -> None:
    fake(node).start(make_instance(), (), paused=False)

    mode = os.stat(os.path.join(node.paths.fake_hypervisor_dir, WEB)).st_mode
    assert stat.S_IMODE(mode) == 0o600
