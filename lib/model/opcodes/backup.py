"""Operations on exports of instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.model.enums import ExportMode, HookType
from ganeti.model.opcodes.base import DEFAULT_SHUTDOWN_TIMEOUT, InstanceOpCode, OpCode, Params
from ganeti.model.scalars import HostName, NodeName, NonEmptyStr, PluginName, Uuid, WholeSeconds
from ganeti.schema import param


class OpBackupQuery(OpCode):
    """List the exports that nodes hold, by node."""

    RESULT = Mapping[NonEmptyStr, bool | Sequence[NonEmptyStr]]

    use_locking: bool = param(default=False, doc="Wait for running operations on the nodes instead of looking at once")
    nodes: Sequence[NodeName] = param(default=(), doc="Nodes to look at; none given means all")


class OpBackupPrepare(InstanceOpCode):
    """Prepare the export of an instance to another cluster: make the keys it is signed with."""

    RESULT = Params | None

    mode: ExportMode = param(doc="Where the export is to go; only `remote` needs preparation")


class OpBackupExport(InstanceOpCode):
    """Export an instance: its disks, and the configuration needed to import it again."""

    RESULT = tuple[bool, Sequence[bool]]
    HOOKS_PATH = "instance-export"
    HOOKS_TYPE = HookType.INSTANCE

    compress: PluginName = param(default="none", doc="Tool that compresses what goes over the network, or `none`")
    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take to shut down, in seconds"
    )
    target_node: NodeName | Sequence[object] = param(
        doc="Node that receives the export; for a remote export, where each disk is to be sent"
    )
    target_node_uuid: Uuid | None = param(default=None, doc="UUID of the receiving node")
    shutdown: bool = param(default=True, doc="Stop the instance while its disks are copied")
    remove_instance: bool = param(default=False, doc="Remove the instance once it is exported")
    ignore_remove_failures: bool = param(default=False, doc="Remove the instance even if parts of it cannot be removed")
    mode: ExportMode = param(default=ExportMode.LOCAL, doc="Export to a node of this cluster or to another cluster")
    x509_key_name: Sequence[object] | None = param(
        default=None, doc="Key that a remote export is signed with, as its preparation answered it"
    )
    destination_x509_ca: NonEmptyStr | None = param(
        default=None, doc="Signed certificate that the receiving cluster identifies itself with"
    )
    zero_free_space: bool = param(
        default=False, doc="Overwrite free space with zeros first, so that it compresses well"
    )
    zeroing_timeout_fixed: int | None = param(default=None, doc="Seconds to allow for overwriting, whatever the size")
    zeroing_timeout_per_mib: float | None = param(default=None, doc="Seconds to allow in addition for each MiB of disk")
    long_sleep: bool = param(default=False, doc="Start the instance again only after the copy, not after the snapshot")


class OpBackupRemove(OpCode):
    """Remove the exports of an instance from all nodes; the instance need not exist any more."""

    SUMMARY_FIELD = "instance_name"

    # Not an InstanceName: that would have to be the name of an instance there is.
    instance_name: HostName = param(doc="Name of the exported instance")
    instance_uuid: Uuid | None = param(default=None, doc="UUID of the exported instance")
