"""The cluster's address, which is on the master node."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ganeti import errors
from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.messages import MasterNetworkParameters
from ganeti.model.opcodes.cluster import OpClusterActivateMasterIp, OpClusterDeactivateMasterIp
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.result import NodeResult

Warn = Callable[[str], None]


class LUClusterActivateMasterIp(LogicalUnit[OpClusterActivateMasterIp, None]):
    """Put the address on the master."""

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> None:
        await _put_on(self.services, self.services.config.current)


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
    try:
        await _put_on(services, config)
    except errors.GenericError as err:
        warn(str(err))


async def _put_on(services: Services, config: Config) -> None:
    """Put the address on the master.

    Raises OpExecError, which names the node that has the address when it is another.
    """
    address = config.cluster.master_ip
    answer = await services.rpc.call(
        config.master, p.node_activate_master_ip, address_of(config), config.cluster.use_external_mip_script
    )
    try:
        answer.unwrap(f"activate master IP {address}")
    except errors.GenericError as err:
        others = [node for node in config.online_nodes() if node.uuid != config.master.uuid]
        having = holders(await services.rpc.glance_many(others, p.node_has_ip_address, address))
        raise errors.OpExecError(f"{err}{f' ({having})' if having else ''}") from err


def holders(answers: Mapping[NodeName, NodeResult[bool]]) -> str:
    """Tell which nodes said that they have an address; "" for none."""
    having = [name for name, answer in answers.items() if answer.value]
    return f"node {' and '.join(having)} has it" if having else ""


async def try_deactivate(services: Services, config: Config) -> str:
    """Take the address off the master; return what went wrong, "" for nothing."""
    answer = await services.rpc.call(
        config.master, p.node_deactivate_master_ip, address_of(config), config.cluster.use_external_mip_script
    )
    if answer.ok:
        return ""
    return f"cannot deactivate the cluster's address {config.cluster.master_ip}: {answer.failure}"
