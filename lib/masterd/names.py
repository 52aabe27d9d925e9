"""Names of new instances, looked up as hosts: by the master, before locks are taken for them.

An operation asks for it with `name_check` and `ip_check`; what it gets is an operation
on the full name.
"""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.jobqueue.commit import Offload
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceRename
from ganeti.model.scalars import InstanceName
from ganeti.paths import Paths
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.schema import replace
from ganeti.utils import net

#: seconds an address is given to answer; on any port, for a host that refuses the connection has answered
TIMEOUT = 10.0


class HostNames:
    """The resolver, as the master sees it."""

    def __init__(self, paths: Paths, offload: Offload) -> None:
        self._paths = paths
        self._offload = offload

    async def checked(self, op: OpCode) -> OpCode:
        """Return the operation with the name it gives in full, if it asks for that.

        Raises OpPrereqError for a name that does not resolve, or whose address is in use.
        """
        match op:
            case OpInstanceCreate():
                name = await self._checked(op.instance_name, op.name_check, op.ip_check)
                return op if name == op.instance_name else replace(op, instance_name=name)
            case OpInstanceRename():
                name = await self._checked(InstanceName(op.new_name), op.name_check, op.ip_check)
                return op if name == op.new_name else replace(op, new_name=name)
        return op

    async def _checked(self, name: InstanceName, name_check: bool, ip_check: bool) -> InstanceName:
        if not name_check:
            if ip_check:
                raise errors.OpPrereqError("ip_check: needs name_check, without which there is no address", ECode.INVAL)
            return name
        host = await self._offload(self._look_up, name)
        if ip_check and await self._offload(net.tcp_ping, host.ip, DEFAULT_PORT, TIMEOUT):
            raise errors.OpPrereqError(
                f"cannot name an instance {host.name}: its address {host.ip} is in use", ECode.NOTUNIQUE
            )
        return InstanceName(host.name)

    def _look_up(self, name: str) -> net.Host:
        try:
            return net.look_up(name, self._paths)
        except errors.ResolverError as err:
            raise errors.OpPrereqError(f"cannot name an instance {name}: {err}", ECode.RESOLVER) from err
