"""What every hypervisor driver promises, whatever is behind it.

A driver joins by a `Lab`: two nodes with a known amount of memory, and instances.
"""

from __future__ import annotations

import abc
import os

import pytest

from ganeti import errors
from ganeti.hypervisor.base import AttachedDisk, Capacity, Host, Hypervisor
from ganeti.hypervisor.registry import DRIVERS, driver_for
from ganeti.model.enums import ConsoleKind, DiskMode, HypervisorName
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.scalars import InstanceName, MiB
from ganeti.utils import files
from test.support.node import make_disk, make_instance

WEB = InstanceName("web1.example.com")


class Lab(abc.ABC):
    """Two nodes of one hypervisor; `memory` is what each has for instances, in MiB."""

    memory: int

    def __init__(self, directory: str) -> None:
        self.directory = directory

    @abc.abstractmethod
    def driver(self, node: int) -> Hypervisor:
        """Return a new driver of node 1 or 2, as another process would."""

    @abc.abstractmethod
    def instance(self, name: str = WEB, *, memory: int = 512, minmem: int | None = None) -> FilledInstance:
        """Return an instance that can run here."""

    @abc.abstractmethod
    def address(self, node: int) -> str:
        """Return the address of a node."""


class FakeLab(Lab):
    memory = 2048

    def driver(self, node: int) -> Hypervisor:
        run_dir = os.path.join(self.directory, f"node{node}")
        files.ensure_dir(run_dir)
        capacity = Capacity(
            memory_total=MiB(self.memory), memory_dom0=MiB(0), cpu_total=4, cpu_dom0=0, cpu_nodes=1, cpu_sockets=1
        )
        host = Host(f"node{node}", run_dir, os.path.join(run_dir, "fake-hypervisor"), lambda: capacity, lambda _: None)
        return driver_for(HypervisorName.FAKE, host)

    def instance(self, name: str = WEB, *, memory: int = 512, minmem: int | None = None) -> FilledInstance:
        return make_instance(name, memory=memory, minmem=minmem)

    def address(self, node: int) -> str:
        return f"127.0.1.{node}"


LABS: dict[HypervisorName, type[Lab]] = {HypervisorName.FAKE: FakeLab}


@pytest.fixture(params=sorted(LABS))
def lab(request: pytest.FixtureRequest, tmp_path: os.PathLike[str]) -> Lab:
    return LABS[request.param](os.fspath(tmp_path))


def test_every_driver_is_put_through_this_suite() -> None:
    assert set(LABS) == set(DRIVERS)


def start(lab: Lab, instance: FilledInstance, node: int = 1) -> None:
    lab.driver(node).start(instance, (), paused=False)


def running(lab: Lab, node: int = 1) -> list[str]:
    return [found.name for found in lab.driver(node).running()]


# --- life --------------------------------------------------------------------------


def test_started_instance_is_listed_with_its_figures_by_another_process(lab: Lab) -> None:
    start(lab, lab.instance(memory=256))

    (found,) = lab.driver(1).running()
    assert (found.name, found.memory, found.vcpus, found.state) == (WEB, 256, 1, 0)
    assert lab.driver(1).find(WEB) == found


def test_instance_that_was_not_started_is_not_found(lab: Lab) -> None:
    assert lab.driver(1).find(WEB) is None
    assert lab.driver(1).running() == []


def test_instances_are_listed_in_order_of_their_names(lab: Lab) -> None:
    for name in ("web2.example.com", "db1.example.com", "web1.example.com"):
        start(lab, lab.instance(name, memory=64))

    assert running(lab) == ["db1.example.com", "web1.example.com", "web2.example.com"]


def test_instance_cannot_be_started_twice(lab: Lab) -> None:
    start(lab, lab.instance())

    with pytest.raises(errors.HypervisorError, match=f"cannot start instance {WEB}: it runs already"):
        start(lab, lab.instance())


def test_stopped_instance_is_gone_and_can_be_started_again(lab: Lab) -> None:
    start(lab, lab.instance())

    lab.driver(1).stop(WEB, force=False, timeout=5)
    assert running(lab) == []

    lab.driver(1).cleanup(WEB)
    start(lab, lab.instance())
    assert running(lab) == [WEB]


def test_stop_and_cleanup_of_an_instance_that_does_not_run_are_harmless(lab: Lab) -> None:
    lab.driver(1).stop(WEB, force=True, timeout=0)
    lab.driver(1).cleanup(WEB)

    assert running(lab) == []


def test_reboot_keeps_the_instance_running(lab: Lab) -> None:
    start(lab, lab.instance())

    lab.driver(1).reboot(lab.instance())

    assert running(lab) == [WEB]


def test_reboot_of_an_instance_that_does_not_run_is_refused(lab: Lab) -> None:
    with pytest.raises(errors.HypervisorError, match=f"cannot reboot instance {WEB}: it does not run"):
        lab.driver(1).reboot(lab.instance())


def test_start_with_a_missing_disk_is_refused_and_leaves_nothing(lab: Lab) -> None:
    disk = AttachedDisk(make_disk("/nowhere/disk0"), os.path.join(lab.directory, "missing"), DiskMode.READ_WRITE)

    with pytest.raises(errors.HypervisorError, match="missing"):
        lab.driver(1).start(lab.instance(), [disk], paused=False)

    assert running(lab) == []


# --- memory ------------------------------------------------------------------------


def test_memory_of_running_instances_is_not_free(lab: Lab) -> None:
    before = lab.driver(1).node_state().memory_free

    start(lab, lab.instance(memory=512))

    after = lab.driver(1).node_state()
    assert after.memory_free == before - 512
    assert after.capacity.memory_total >= before


def test_start_without_enough_memory_names_what_is_needed_and_what_is_free(lab: Lab) -> None:
    start(lab, lab.instance("big.example.com", memory=lab.memory - 100))

    with pytest.raises(errors.HypervisorError, match=f"start instance {WEB}: needs 512 MiB, node has 100 MiB free"):
        start(lab, lab.instance(memory=512))

    assert running(lab) == ["big.example.com"]


def test_instance_starts_with_less_than_its_maximum_when_memory_is_short(lab: Lab) -> None:
    start(lab, lab.instance("big.example.com", memory=lab.memory - 300))

    start(lab, lab.instance(memory=512, minmem=128))

    found = lab.driver(1).find(WEB)
    assert found is not None
    assert 128 <= found.memory <= 300


def test_memory_of_a_running_instance_can_be_changed(lab: Lab) -> None:
    start(lab, lab.instance(memory=512))

    lab.driver(1).set_memory(WEB, MiB(256))

    found = lab.driver(1).find(WEB)
    assert found is not None and found.memory == 256


def test_memory_cannot_grow_beyond_what_is_free(lab: Lab) -> None:
    start(lab, lab.instance(memory=512))

    with pytest.raises(errors.HypervisorError, match=f"change the memory of instance {WEB}: needs"):
        lab.driver(1).set_memory(WEB, MiB(lab.memory + 1))

    found = lab.driver(1).find(WEB)
    assert found is not None and found.memory == 512


# --- migration -----------------------------------------------------------------------


def migrated(lab: Lab) -> tuple[FilledInstance, str]:
    """Return an instance of node 1 whose memory was transferred to node 2, and what was said about it."""
    instance = lab.instance()
    start(lab, instance)
    info = lab.driver(1).migration_info(instance)
    lab.driver(2).accept(instance, info, lab.address(2), ())
    lab.driver(1).migrate("cluster.example.com", instance, lab.address(2), live=True)
    return instance, info


def test_migrated_instance_runs_on_the_target_alone(lab: Lab) -> None:
    instance, info = migrated(lab)
    status = lab.driver(1).migration_status(instance)

    lab.driver(1).finish_source(instance, success=True, live=True)
    lab.driver(2).finish_target(instance, info, success=True)

    assert status.status == "completed" and status.transferred_ram == status.total_ram
    assert (running(lab, 1), running(lab, 2)) == ([], [WEB])
    found = lab.driver(2).find(WEB)
    assert found is not None and found.memory == 512


@pytest.mark.parametrize("step", range(4))
def test_interrupted_migration_is_never_listed_twice_and_can_be_undone(lab: Lab, step: int) -> None:
    instance = lab.instance()
    start(lab, instance)
    info = lab.driver(1).migration_info(instance)
    steps = (
        lambda: lab.driver(2).accept(instance, info, lab.address(2), ()),
        lambda: lab.driver(1).migrate("cluster.example.com", instance, lab.address(2), live=True),
        lambda: lab.driver(1).migration_status(instance),
    )
    for act in steps[:step]:
        act()
    # Once its memory is transferred it must not go on at the source by itself.
    assert running(lab, 1) + running(lab, 2) == ([WEB] if step < 2 else [])

    lab.driver(2).finish_target(instance, info, success=False)
    lab.driver(1).finish_source(instance, success=False, live=True)

    assert (running(lab, 1), running(lab, 2)) == ([WEB], [])
    assert lab.driver(2).node_state().memory_free == lab.memory


def test_accepted_instance_holds_memory_but_does_not_run(lab: Lab) -> None:
    instance = lab.instance()
    start(lab, instance)

    lab.driver(2).accept(instance, lab.driver(1).migration_info(instance), lab.address(2), ())

    assert running(lab, 2) == []
    assert lab.driver(2).node_state().memory_free == lab.memory - 512


def test_node_without_memory_refuses_to_accept(lab: Lab) -> None:
    instance = lab.instance()
    start(lab, instance)
    start(lab, lab.instance("big.example.com", memory=lab.memory - 100), node=2)

    with pytest.raises(errors.HypervisorError, match=f"accept instance {WEB}: needs 512 MiB, node has 100 MiB free"):
        lab.driver(2).accept(instance, lab.driver(1).migration_info(instance), lab.address(2), ())


def test_source_does_not_give_up_an_instance_that_was_never_transferred(lab: Lab) -> None:
    instance = lab.instance()
    start(lab, instance)

    with pytest.raises(errors.HypervisorError, match="never transferred"):
        lab.driver(1).finish_source(instance, success=True, live=True)

    assert running(lab, 1) == [WEB]


def test_node_does_not_take_over_an_instance_it_did_not_accept(lab: Lab) -> None:
    instance = lab.instance()

    with pytest.raises(errors.HypervisorError, match="not told to accept"):
        lab.driver(2).finish_target(instance, "{}", success=True)


def test_last_steps_of_a_migration_can_be_repeated(lab: Lab) -> None:
    instance, info = migrated(lab)

    for _ in range(2):
        lab.driver(1).finish_source(instance, success=True, live=True)
        lab.driver(2).finish_target(instance, info, success=True)

    assert (running(lab, 1), running(lab, 2)) == ([], [WEB])


def test_what_does_not_run_cannot_be_migrated(lab: Lab) -> None:
    with pytest.raises(errors.HypervisorError, match=f"cannot migrate instance {WEB}: it does not run"):
        lab.driver(1).migration_info(lab.instance())


def test_rubbish_about_a_migration_is_refused(lab: Lab) -> None:
    for info in ("", "null", "[]", '{"memory": -5, "vcpus": 1}', '{"memory": "much"}'):
        with pytest.raises(errors.HypervisorError, match=f"cannot accept instance {WEB}"):
            lab.driver(2).accept(lab.instance(), info, lab.address(2), ())


# --- the rest --------------------------------------------------------------------------


def test_console_names_the_instance_and_its_kind_is_complete(lab: Lab) -> None:
    console = lab.driver(1).console(lab.instance(), "node1.example.com")

    needed = {
        ConsoleKind.MESSAGE: (console.message,),
        ConsoleKind.SSH: (console.host, console.user, console.command),
        ConsoleKind.VNC: (console.host, console.port, console.display),
        ConsoleKind.SPICE: (console.host, console.port),
    }
    assert console.instance == WEB
    assert all(value is not None for value in needed[console.kind])


def test_usable_hypervisor_has_no_problems(lab: Lab) -> None:
    assert lab.driver(1).verify() == []
