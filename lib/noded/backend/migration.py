"""The steps of moving a running instance, each on the node it concerns; the master orders them."""

from __future__ import annotations

from ganeti import errors
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import MigrationStatus
from ganeti.noded.backend import links
from ganeti.noded.context import NodeContext
from ganeti.utils import net


class Migration:
    """Calls that move an instance."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    # --- on the source ---------------------------------------------------------

    def migration_info(self, instance: FilledInstance) -> str:
        """Return what the target node needs to know; opaque."""
        return self._node.hypervisor(instance.hypervisor).migration_info(instance)

    def instance_migrate(self, cluster_name: str, instance: FilledInstance, target: str, live: bool) -> None:
        """Begin to move a running instance to the address `target`."""
        _check_address(instance, target)
        self._node.hypervisor(instance.hypervisor).migrate(cluster_name, instance, target, live=live)

    def instance_get_migration_status(self, instance: FilledInstance) -> MigrationStatus:
        """Return how far the move is."""
        return self._node.hypervisor(instance.hypervisor).migration_status(instance)

    def instance_finalize_migration_src(self, instance: FilledInstance, success: bool, live: bool) -> None:
        """Give the instance up after success, or go on with it."""
        self._node.hypervisor(instance.hypervisor).finish_source(instance, success=success, live=live)
        if success:
            links.remove_links(self._node, instance.name)

    # --- on the target ---------------------------------------------------------

    def accept_instance(self, instance: FilledInstance, info: str, target: str) -> None:
        """Prepare to receive an instance; `target` is this node's address for it."""
        _check_address(instance, target)
        disks = links.attach_all(self._node, instance, f"accept instance {instance.name}")
        try:
            self._node.hypervisor(instance.hypervisor).accept(instance, info, target, disks)
        except errors.HypervisorError:
            links.remove_links(self._node, instance.name)
            raise

    def instance_finalize_migration_dst(self, instance: FilledInstance, info: str, success: bool) -> None:
        """Take the instance over after success, or forget it."""
        driver = self._node.hypervisor(instance.hypervisor)
        driver.finish_target(instance, info, success=success)
        if not success and driver.find(instance.name, instance.hvparams) is None:
            links.remove_links(self._node, instance.name)


def _check_address(instance: FilledInstance, target: str) -> None:
    if not net.is_ip(target):
        raise errors.ParameterError(f"cannot migrate instance {instance.name}: {target!r} is not an address")
