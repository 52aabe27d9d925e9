"""Instances on this node: starting, stopping, looking."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from ganeti import errors
from ganeti.hypervisor.base import Hypervisor, RunningInstance
from ganeti.model.enums import HypervisorName, RebootType
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import InstanceConsole
from ganeti.model.scalars import InstanceName, MiB
from ganeti.noded.backend import links, reason
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import ConsoleRequest, HvParams, InstanceFigures, InstanceState, ReasonTrail
from ganeti.utils import files

log = logging.getLogger(__name__)

#: how long a call waits for an earlier one about the same instance
BUSY_SECONDS = 300.0


class Instances:
    """Calls about instances."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    # --- looking ---------------------------------------------------------------

    def instance_list(
        self, hypervisor_list: Sequence[HypervisorName], hvparams: Mapping[str, HvParams]
    ) -> Sequence[InstanceName]:
        """Return the names of the instances that run under these hypervisors, sorted."""
        return sorted(self._all(hypervisor_list, hvparams))

    def instance_info(
        self, instance: InstanceName, hname: HypervisorName, hvparams: HvParams
    ) -> InstanceFigures | None:
        """Return the figures of an instance; None when it does not run here."""
        found = self._node.hypervisor(hname).find(instance, hvparams)
        return None if found is None else _figures(found)

    def all_instances_info(
        self, hypervisor_list: Sequence[HypervisorName], all_hvparams: Mapping[str, HvParams]
    ) -> Mapping[InstanceName, InstanceFigures]:
        """Return the figures of all instances that run here."""
        return {name: _figures(found) for name, found in self._all(hypervisor_list, all_hvparams).items()}

    def instance_console_info(
        self, instances: Mapping[InstanceName, ConsoleRequest]
    ) -> Mapping[InstanceName, InstanceConsole]:
        """Return how to reach the console of each instance."""
        return {
            name: self._node.hypervisor(request.instance.hypervisor).console(request.instance, request.node.name)
            for name, request in instances.items()
        }

    def instance_migratable(self, instance: FilledInstance) -> None:
        """Fail, saying why, when the instance cannot be migrated from here."""
        act = f"migrate instance {instance.name}"
        driver = self._node.hypervisor(instance.hypervisor)
        if not driver.CAN_MIGRATE:
            raise errors.HypervisorError(f"cannot {act}: not supported by hypervisor {instance.hypervisor}")
        if driver.find(instance.name, instance.hvparams) is None:
            raise errors.HypervisorError(f"cannot {act}: it does not run on {self._node.name}")
        links.attach_all(self._node, instance, act)

    def hypervisor_validate_params(self, hvname: HypervisorName, hvfull: HvParams) -> None:
        """Fail, saying why, when filled parameters cannot work on this node."""
        self._node.hypervisor(hvname).check_params(hvfull)

    # --- acting ----------------------------------------------------------------

    def instance_start(self, instance: FilledInstance, startup_paused: bool, reason: ReasonTrail) -> None:
        """Start an instance whose disks are assembled; one that runs already is left alone."""
        driver = self._node.hypervisor(instance.hypervisor)
        with self._alone(f"start instance {instance.name}", instance):
            if driver.find(instance.name, instance.hvparams) is not None:
                log.info("instance %s runs already", instance.name)
                return
            self._start(driver, instance, paused=startup_paused)
        self._record(instance, "start", reason)

    def instance_shutdown(self, instance: FilledInstance, timeout: int, reason: ReasonTrail) -> None:
        """Stop an instance, by force after `timeout` seconds; one that is down already is fine."""
        driver = self._node.hypervisor(instance.hypervisor)
        with self._alone(f"stop instance {instance.name}", instance):
            if driver.find(instance.name, instance.hvparams) is None:
                log.info("instance %s is down already", instance.name)
                self._tidy(driver, instance)
                return
            self._stop(driver, instance, timeout)
        self._record(instance, "shutdown", reason)

    def instance_reboot(
        self, instance: FilledInstance, reboot_type: RebootType, shutdown_timeout: int, reason: ReasonTrail
    ) -> None:
        """Reboot a running instance: soft by its hypervisor, hard by a stop and a start."""
        act = f"reboot instance {instance.name}"
        driver = self._node.hypervisor(instance.hypervisor)
        with self._alone(act, instance):
            if driver.find(instance.name, instance.hvparams) is None:
                raise errors.HypervisorError(f"cannot {act}: it does not run on {self._node.name}")
            match reboot_type:
                case RebootType.SOFT:
                    driver.reboot(instance)
                case RebootType.HARD:
                    self._stop(driver, instance, shutdown_timeout)
                    self._start(driver, instance, paused=False)
                case RebootType.FULL:
                    raise errors.ParameterError(f"cannot {act}: a full reboot is the master's to do")
        self._record(instance, "reboot", reason)

    def instance_balloon_memory(self, instance: FilledInstance, memory: MiB) -> None:
        """Change the memory of a running instance."""
        self._node.hypervisor(instance.hypervisor).set_memory(instance.name, memory)

    # --- steps -----------------------------------------------------------------

    @contextmanager
    def _alone(self, act: str, instance: FilledInstance) -> Iterator[None]:
        """Wait for a call that starts or stops the instance, too: the job it was made for may have ended long ago.

        Raises LockError.
        """
        files.ensure_dir(self._node.paths.lock_dir, 0o755)
        with ExitStack() as held:
            try:
                held.enter_context(files.locked_name(self._node.paths.instances_lock, instance.name, BUSY_SECONDS))
            except errors.LockError as err:
                raise errors.LockError(
                    f"cannot {act}: it is being started or stopped there by an earlier call, waited {BUSY_SECONDS:g} s"
                ) from err
            yield

    def _all(
        self, hypervisors: Sequence[HypervisorName], hvparams: Mapping[str, HvParams]
    ) -> dict[InstanceName, RunningInstance]:
        found: dict[InstanceName, RunningInstance] = {}
        for name in hypervisors:
            for running in self._node.hypervisor(name).running(hvparams.get(name, {})):
                # xen-pvm and xen-hvm are one hypervisor and list the same instances
                found.setdefault(running.name, running)
        return found

    def _start(self, driver: Hypervisor, instance: FilledInstance, *, paused: bool) -> None:
        disks = links.attach_all(self._node, instance, f"start instance {instance.name}")
        try:
            driver.start(instance, disks, paused=paused)
        except errors.HypervisorError:
            links.remove_links(self._node, instance.name)
            raise

    def _stop(self, driver: Hypervisor, instance: FilledInstance, timeout: int) -> None:
        if timeout > 0:
            driver.stop(instance.name, force=False, timeout=timeout)
        if driver.find(instance.name, instance.hvparams) is not None:
            if timeout > 0:
                log.warning("instance %s is still up after %s s: ending it", instance.name, timeout)
            driver.stop(instance.name, force=True, timeout=0)
        if driver.find(instance.name, instance.hvparams) is not None:
            raise errors.HypervisorError(f"cannot stop instance {instance.name}: it still runs after it was ended")
        self._tidy(driver, instance)

    def _tidy(self, driver: Hypervisor, instance: FilledInstance) -> None:
        driver.cleanup(instance.name)
        links.remove_links(self._node, instance.name)

    def _record(self, instance: FilledInstance, act: str, trail: ReasonTrail) -> None:
        try:
            reason.record(self._node, instance.name, act, trail)
        except OSError as err:
            log.warning("cannot note why instance %s changed: %s", instance.name, err)


def _figures(found: RunningInstance) -> InstanceFigures:
    return InstanceFigures(
        memory=found.memory, vcpus=found.vcpus, state=InstanceState(found.state.value), time=found.cpu_time
    )
