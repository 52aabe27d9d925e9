"""THE TABLE of logical units, by opcode.  An opcode that is not in it is not supported yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.cmdlib.cluster.life import LUClusterDestroy, LUClusterPostInit
from ganeti.masterd.cmdlib.cluster.master_ip import LUClusterActivateMasterIp, LUClusterDeactivateMasterIp
from ganeti.masterd.cmdlib.cluster.query import LUClusterConfigQuery, LUClusterQuery
from ganeti.masterd.cmdlib.cluster.redist_conf import LUClusterRedistConf
from ganeti.masterd.cmdlib.cluster.renew_crypto import LUClusterRenewCrypto
from ganeti.masterd.cmdlib.cluster.repair_disk_sizes import LUClusterRepairDiskSizes
from ganeti.masterd.cmdlib.cluster.set_params import LUClusterSetParams
from ganeti.masterd.cmdlib.cluster.verify import LUClusterVerify, LUClusterVerifyDisks
from ganeti.masterd.cmdlib.cluster.verify_config import LUClusterVerifyConfig
from ganeti.masterd.cmdlib.cluster.verify_group import LUClusterVerifyGroup
from ganeti.masterd.cmdlib.group.units import (
    LUGroupAdd,
    LUGroupAssignNodes,
    LUGroupRemove,
    LUGroupRename,
    LUGroupSetParams,
)
from ganeti.masterd.cmdlib.group.verify_disks import LUGroupVerifyDisks
from ganeti.masterd.cmdlib.instance.activate_disks import LUInstanceActivateDisks
from ganeti.masterd.cmdlib.instance.console import LUInstanceConsole
from ganeti.masterd.cmdlib.instance.create import LUInstanceCreate
from ganeti.masterd.cmdlib.instance.deactivate_disks import LUInstanceDeactivateDisks
from ganeti.masterd.cmdlib.instance.failover import LUInstanceFailover
from ganeti.masterd.cmdlib.instance.grow_disk import LUInstanceGrowDisk
from ganeti.masterd.cmdlib.instance.migrate import LUInstanceMigrate
from ganeti.masterd.cmdlib.instance.multi_alloc import LUInstanceMultiAlloc
from ganeti.masterd.cmdlib.instance.query_data import LUInstanceQueryData
from ganeti.masterd.cmdlib.instance.reboot import LUInstanceReboot
from ganeti.masterd.cmdlib.instance.recreate_disks import LUInstanceRecreateDisks
from ganeti.masterd.cmdlib.instance.reinstall import LUInstanceReinstall
from ganeti.masterd.cmdlib.instance.remove import LUInstanceRemove
from ganeti.masterd.cmdlib.instance.rename import LUInstanceRename
from ganeti.masterd.cmdlib.instance.set_params import LUInstanceSetParams
from ganeti.masterd.cmdlib.instance.shutdown import LUInstanceShutdown
from ganeti.masterd.cmdlib.instance.startup import LUInstanceStartup
from ganeti.masterd.cmdlib.node.add import LUNodeAdd
from ganeti.masterd.cmdlib.node.evacuate import LUNodeEvacuate
from ganeti.masterd.cmdlib.node.migrate import LUNodeMigrate
from ganeti.masterd.cmdlib.node.powercycle import LUNodePowercycle
from ganeti.masterd.cmdlib.node.remove import LUNodeRemove
from ganeti.masterd.cmdlib.node.set_params import LUNodeSetParams
from ganeti.masterd.cmdlib.node.storage import LUNodeModifyStorage, LUNodeQueryStorage, LURepairNodeStorage
from ganeti.masterd.cmdlib.os.diagnose import LUOsDiagnose
from ganeti.masterd.cmdlib.query.query import (
    LUGroupQuery,
    LUInstanceQuery,
    LUNetworkQuery,
    LUNodeQuery,
    LUQuery,
    LUQueryFields,
)
from ganeti.masterd.cmdlib.tags.change import LUTagsDel, LUTagsSet
from ganeti.masterd.cmdlib.tags.look import LUTagsGet, LUTagsSearch
from ganeti.masterd.cmdlib.test.delay import LUTestDelay
from ganeti.masterd.cmdlib.test.jqueue import LUTestJqueue
from ganeti.masterd.cmdlib.test.misc import LUTestAllocator, LUTestDummy, LUTestOsParams
from ganeti.model.opcodes import cluster as c
from ganeti.model.opcodes import group as g
from ganeti.model.opcodes import instance as i
from ganeti.model.opcodes import network as w
from ganeti.model.opcodes import node as n
from ganeti.model.opcodes import os as o
from ganeti.model.opcodes import query as q
from ganeti.model.opcodes import tags as tag
from ganeti.model.opcodes import test as t
from ganeti.model.opcodes.base import OpCode

UNITS: Mapping[type[OpCode], type[LogicalUnit[Any, Any]]] = {
    c.OpClusterActivateMasterIp: LUClusterActivateMasterIp,
    c.OpClusterConfigQuery: LUClusterConfigQuery,
    c.OpClusterDeactivateMasterIp: LUClusterDeactivateMasterIp,
    c.OpClusterDestroy: LUClusterDestroy,
    c.OpClusterPostInit: LUClusterPostInit,
    c.OpClusterQuery: LUClusterQuery,
    c.OpClusterRedistConf: LUClusterRedistConf,
    c.OpClusterRenewCrypto: LUClusterRenewCrypto,
    c.OpClusterRepairDiskSizes: LUClusterRepairDiskSizes,
    c.OpClusterSetParams: LUClusterSetParams,
    c.OpClusterVerify: LUClusterVerify,
    c.OpClusterVerifyConfig: LUClusterVerifyConfig,
    c.OpClusterVerifyDisks: LUClusterVerifyDisks,
    c.OpClusterVerifyGroup: LUClusterVerifyGroup,
    g.OpGroupAdd: LUGroupAdd,
    g.OpGroupAssignNodes: LUGroupAssignNodes,
    g.OpGroupQuery: LUGroupQuery,
    g.OpGroupRemove: LUGroupRemove,
    g.OpGroupRename: LUGroupRename,
    g.OpGroupSetParams: LUGroupSetParams,
    g.OpGroupVerifyDisks: LUGroupVerifyDisks,
    i.OpInstanceActivateDisks: LUInstanceActivateDisks,
    i.OpInstanceConsole: LUInstanceConsole,
    i.OpInstanceCreate: LUInstanceCreate,
    i.OpInstanceDeactivateDisks: LUInstanceDeactivateDisks,
    i.OpInstanceFailover: LUInstanceFailover,
    i.OpInstanceGrowDisk: LUInstanceGrowDisk,
    i.OpInstanceMigrate: LUInstanceMigrate,
    i.OpInstanceMultiAlloc: LUInstanceMultiAlloc,
    i.OpInstanceQuery: LUInstanceQuery,
    i.OpInstanceQueryData: LUInstanceQueryData,
    i.OpInstanceReboot: LUInstanceReboot,
    i.OpInstanceRecreateDisks: LUInstanceRecreateDisks,
    i.OpInstanceReinstall: LUInstanceReinstall,
    i.OpInstanceRemove: LUInstanceRemove,
    i.OpInstanceRename: LUInstanceRename,
    i.OpInstanceSetParams: LUInstanceSetParams,
    i.OpInstanceShutdown: LUInstanceShutdown,
    i.OpInstanceStartup: LUInstanceStartup,
    n.OpNodeAdd: LUNodeAdd,
    n.OpNodeEvacuate: LUNodeEvacuate,
    n.OpNodeMigrate: LUNodeMigrate,
    n.OpNodeModifyStorage: LUNodeModifyStorage,
    n.OpNodePowercycle: LUNodePowercycle,
    n.OpNodeQuery: LUNodeQuery,
    n.OpNodeQueryStorage: LUNodeQueryStorage,
    n.OpNodeRemove: LUNodeRemove,
    n.OpNodeSetParams: LUNodeSetParams,
    n.OpRepairNodeStorage: LURepairNodeStorage,
    o.OpOsDiagnose: LUOsDiagnose,
    q.OpQuery: LUQuery,
    q.OpQueryFields: LUQueryFields,
    t.OpTestAllocator: LUTestAllocator,
    t.OpTestDelay: LUTestDelay,
    t.OpTestDummy: LUTestDummy,
    t.OpTestJqueue: LUTestJqueue,
    t.OpTestOsParams: LUTestOsParams,
    tag.OpTagsDel: LUTagsDel,
    tag.OpTagsGet: LUTagsGet,
    tag.OpTagsSearch: LUTagsSearch,
    tag.OpTagsSet: LUTagsSet,
    w.OpNetworkQuery: LUNetworkQuery,
}
