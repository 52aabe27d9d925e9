"""THE TABLE of logical units, by opcode.  An opcode that is not in it is not supported yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.cmdlib.instance.console import LUInstanceConsole
from ganeti.masterd.cmdlib.instance.create import LUInstanceCreate
from ganeti.masterd.cmdlib.instance.failover import LUInstanceFailover
from ganeti.masterd.cmdlib.instance.migrate import LUInstanceMigrate
from ganeti.masterd.cmdlib.instance.multi_alloc import LUInstanceMultiAlloc
from ganeti.masterd.cmdlib.instance.query_data import LUInstanceQueryData
from ganeti.masterd.cmdlib.instance.reboot import LUInstanceReboot
from ganeti.masterd.cmdlib.instance.reinstall import LUInstanceReinstall
from ganeti.masterd.cmdlib.instance.remove import LUInstanceRemove
from ganeti.masterd.cmdlib.instance.rename import LUInstanceRename
from ganeti.masterd.cmdlib.instance.set_params import LUInstanceSetParams
from ganeti.masterd.cmdlib.instance.shutdown import LUInstanceShutdown
from ganeti.masterd.cmdlib.instance.startup import LUInstanceStartup
from ganeti.masterd.cmdlib.query.query import (
    LUGroupQuery,
    LUInstanceQuery,
    LUNetworkQuery,
    LUNodeQuery,
    LUQuery,
    LUQueryFields,
)
from ganeti.masterd.cmdlib.test.delay import LUTestDelay
from ganeti.masterd.cmdlib.test.jqueue import LUTestJqueue
from ganeti.masterd.cmdlib.test.misc import LUTestAllocator, LUTestDummy, LUTestOsParams
from ganeti.model.opcodes import group as g
from ganeti.model.opcodes import instance as i
from ganeti.model.opcodes import network as w
from ganeti.model.opcodes import node as n
from ganeti.model.opcodes import query as q
from ganeti.model.opcodes import test as t
from ganeti.model.opcodes.base import OpCode

UNITS: Mapping[type[OpCode], type[LogicalUnit[Any, Any]]] = {
    g.OpGroupQuery: LUGroupQuery,
    i.OpInstanceConsole: LUInstanceConsole,
    i.OpInstanceCreate: LUInstanceCreate,
    i.OpInstanceFailover: LUInstanceFailover,
    i.OpInstanceMigrate: LUInstanceMigrate,
    i.OpInstanceMultiAlloc: LUInstanceMultiAlloc,
    i.OpInstanceQuery: LUInstanceQuery,
    i.OpInstanceQueryData: LUInstanceQueryData,
    i.OpInstanceReboot: LUInstanceReboot,
    i.OpInstanceReinstall: LUInstanceReinstall,
    i.OpInstanceRemove: LUInstanceRemove,
    i.OpInstanceRename: LUInstanceRename,
    i.OpInstanceSetParams: LUInstanceSetParams,
    i.OpInstanceShutdown: LUInstanceShutdown,
    i.OpInstanceStartup: LUInstanceStartup,
    n.OpNodeQuery: LUNodeQuery,
    q.OpQuery: LUQuery,
    q.OpQueryFields: LUQueryFields,
    t.OpTestAllocator: LUTestAllocator,
    t.OpTestDelay: LUTestDelay,
    t.OpTestDummy: LUTestDummy,
    t.OpTestJqueue: LUTestJqueue,
    t.OpTestOsParams: LUTestOsParams,
    w.OpNetworkQuery: LUNetworkQuery,
}
