"""The cluster's address, which is on the master node."""

from __future__ import annotations

from collections.abc import Callable

from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.messages import MasterNetworkParameters
from ganeti.model.opcodes.cluster import OpClusterActivateMasterIp, OpClusterDeactivateMasterIp
from ganeti.rpc import procedures as p

Warn = Callable[[str], None]


class LUClusterActivateMasterIp(LogicalUnit[OpClusterActivateMasterIp, None]):
    """Put the address on the master."""

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> None:
        config = self.services.config.current
        answer = await self.services.rpc.call(
            config.master, p.node_activate_master_ip, address_of(config), config.cluster.use_external_mip_script
        )
        answer.unwrap("activate the cluster's address")


class LUClusterDeactivateMasterIp(LogicalUnit[OpClusterDeactivateMasterIp, None]):
    """Take the address off the master."""

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> None:
        config = self.services.config.current
        answer = await self.services.rpc.call(
            config.master, p.node_deactivate_master_ip, address_of(config), config.cluster.use_external_mip_script
        )
        answer.unwrap("deactivate the cluster's address")


def address_of(config: Config) -> MasterNetworkParameters:
    """Return the cluster's address and where it is to be."""
    cluster = config.cluster
    return MasterNetworkParameters(
        uuid=cluster.master_node,
        ip=cluster.master_ip,
        netmask=cluster.master_netmask,
        netdev=cluster.master_netdev,
        ip_family=cluster.primary_ip_family,
    )


async def activate(services: Services, config: Config, warn: Warn) -> None:
    """Put the address on the master; only warn when that fails."""
    answer = await services.rpc.call(
        config.master, p.node_activate_master_ip, address_of(config), config.cluster.use_external_mip_script
    )
    if not answer.ok:
        warn(f"cannot activate the cluster's address {config.cluster.master_ip}: {answer.failure}")


async def try_deactivate(services: Services, config: Config) -> str:
    """Take the address off the master; return what went wrong, "" for nothing."""
    answer = await services.rpc.call(
        config.master, p.node_deactivate_master_ip, address_of(config), config.cluster.use_external_mip_script
    )
    if answer.ok:
        return ""
    return f"cannot deactivate the cluster's address {config.cluster.master_ip}: {answer.failure}"
