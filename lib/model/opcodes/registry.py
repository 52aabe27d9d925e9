"""All opcodes by OP_ID, and the way in for opcodes from outside.

Only programs that take any opcode import this; who sends one imports its module.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.model.opcodes import backup, cluster, group, instance, misc, network, node, os, query, tags, test
from ganeti.model.opcodes.base import OpCode

_ALL: tuple[type[OpCode], ...] = (
    backup.OpBackupQuery,
    backup.OpBackupPrepare,
    backup.OpBackupExport,
    backup.OpBackupRemove,
    cluster.OpClusterPostInit,
    cluster.OpClusterDestroy,
    cluster.OpClusterQuery,
    cluster.OpClusterConfigQuery,
    cluster.OpClusterRename,
    cluster.OpClusterActivateMasterIp,
    cluster.OpClusterDeactivateMasterIp,
    cluster.OpClusterRedistConf,
    cluster.OpClusterRenewCrypto,
    cluster.OpClusterRepairDiskSizes,
    cluster.OpClusterSetParams,
    cluster.OpClusterVerify,
    cluster.OpClusterVerifyConfig,
    cluster.OpClusterVerifyGroup,
    cluster.OpClusterVerifyDisks,
    group.OpGroupAdd,
    group.OpGroupRemove,
    group.OpGroupRename,
    group.OpGroupSetParams,
    group.OpGroupAssignNodes,
    group.OpGroupEvacuate,
    group.OpGroupVerifyDisks,
    group.OpGroupQuery,
    instance.OpInstanceCreate,
    instance.OpInstanceMultiAlloc,
    instance.OpInstanceRemove,
    instance.OpInstanceRename,
    instance.OpInstanceReinstall,
    instance.OpInstanceStartup,
    instance.OpInstanceShutdown,
    instance.OpInstanceReboot,
    instance.OpInstanceConsole,
    instance.OpInstanceSetParams,
    instance.OpInstanceActivateDisks,
    instance.OpInstanceDeactivateDisks,
    instance.OpInstanceGrowDisk,
    instance.OpInstanceRecreateDisks,
    instance.OpInstanceReplaceDisks,
    instance.OpInstanceFailover,
    instance.OpInstanceMigrate,
    instance.OpInstanceMove,
    instance.OpInstanceChangeGroup,
    instance.OpInstanceQuery,
    instance.OpInstanceQueryData,
    misc.OpOobCommand,
    misc.OpRestrictedCommand,
    network.OpNetworkAdd,
    network.OpNetworkRemove,
    network.OpNetworkRename,
    network.OpNetworkSetParams,
    network.OpNetworkConnect,
    network.OpNetworkDisconnect,
    network.OpNetworkQuery,
    node.OpNodeAdd,
    node.OpNodeRemove,
    node.OpNodeSetParams,
    node.OpNodePowercycle,
    node.OpNodeEvacuate,
    node.OpNodeMigrate,
    node.OpNodeQuery,
    node.OpNodeQueryvols,
    node.OpNodeQueryStorage,
    node.OpNodeModifyStorage,
    node.OpRepairNodeStorage,
    os.OpOsDiagnose,
    os.OpExtStorageDiagnose,
    query.OpQuery,
    query.OpQueryFields,
    tags.OpTagsGet,
    tags.OpTagsSearch,
    tags.OpTagsSet,
    tags.OpTagsDel,
    test.OpTestDelay,
    test.OpTestAllocator,
    test.OpTestJqueue,
    test.OpTestOsParams,
    test.OpTestDummy,
)

OPCODES: Mapping[str, type[OpCode]] = {op.OP_ID: op for op in _ALL}


def load(data: object, path: str = "") -> OpCode:
    """Build an opcode of any kind from its JSON form.

    Raises OpCodeUnknown, or ParameterError naming the path of what is wrong.
    """
    prefix = f"{path}." if path else ""
    if not isinstance(data, Mapping):
        raise errors.ParameterError(f"{path or 'opcode'}: expected an object, got {data!r:.60}")
    op_id = data.get("OP_ID")
    if not isinstance(op_id, str):
        raise errors.ParameterError(f"{prefix}OP_ID: required, but missing or no text")
    if op_id not in OPCODES:
        raise errors.OpCodeUnknown(op_id[:100])
    return OPCODES[op_id].from_wire(data, path)
