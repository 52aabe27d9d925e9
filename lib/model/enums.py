"""Every closed set of words and numbers that appears outside the program.

A member's value is what travels on the wire and lies on disk (`spec/constants.json`,
`spec/opcodes.json`); its name is what the code says.  No behaviour lives here.
"""

from __future__ import annotations

import enum
from enum import IntEnum, StrEnum

# --- jobs and locks --------------------------------------------------------------


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    WAITING = "waiting"
    CANCELING = "canceling"
    RUNNING = "running"
    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"


class OpStatus(StrEnum):
    """Where one opcode of a job stands."""

    QUEUED = "queued"
    WAITING = "waiting"
    CANCELING = "canceling"
    RUNNING = "running"
    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"


class FinalStatus(StrEnum):
    """The statuses a job ends in; equal, as text, to those of JobStatus."""

    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"


class JobPriority(IntEnum):
    """Named priorities; smaller is more urgent, any number between the extremes is valid."""

    HIGHEST = -20
    HIGH = -10
    NORMAL = 0
    LOW = 10
    LOWEST = 19


class SubmitPriority(IntEnum):
    """Priorities an opcode may be submitted with."""

    HIGH = -10
    NORMAL = 0
    LOW = 10


class LogType(StrEnum):
    """Kind of an entry in the log of a job."""

    MESSAGE = "message"
    MESSAGE_LIST = "message-list"
    REMOTE_IMPORT = "remote-import"
    JQUEUE_TEST = "jqueue-test"
    DELAY_TEST = "delay-test"


class Level(IntEnum):
    """Lock levels, in the order in which they are taken."""

    CLUSTER = 0
    INSTANCE = 1
    NODE_ALLOC = 2
    NODEGROUP = 3
    NODE = 4
    NODE_RES = 5
    NETWORK = 6


class HookType(StrEnum):
    """What kind of object an operation's hooks are about."""

    CLUSTER = "CLUSTER"
    GROUP = "GROUP"
    INSTANCE = "INSTANCE"
    NETWORK = "NETWORK"
    NODE = "NODE"


class HookPhase(StrEnum):
    """When hooks run."""

    PRE = "pre"
    POST = "post"


# --- instances -------------------------------------------------------------------


class AdminState(StrEnum):
    """What the admin wants an instance to be."""

    UP = "up"
    DOWN = "down"
    OFFLINE = "offline"


class AdminStateSource(StrEnum):
    """Who brought an instance into its admin state."""

    ADMIN = "admin"
    USER = "user"


class InstanceStatus(StrEnum):
    """What an instance is found to be: wish and reality in one word."""

    RUNNING = "running"
    ADMIN_DOWN = "ADMIN_down"
    ADMIN_OFFLINE = "ADMIN_offline"
    USER_DOWN = "USER_down"
    ERROR_UP = "ERROR_up"
    ERROR_DOWN = "ERROR_down"
    ERROR_NODE_DOWN = "ERROR_nodedown"
    ERROR_NODE_OFFLINE = "ERROR_nodeoffline"
    ERROR_WRONG_NODE = "ERROR_wrongnode"


class CreateMode(StrEnum):
    """Where the content of a new instance comes from."""

    CREATE = "create"
    IMPORT = "import"
    REMOTE_IMPORT = "remote-import"


class RebootType(StrEnum):
    """How thoroughly an instance is restarted."""

    SOFT = "soft"
    HARD = "hard"
    FULL = "full"


class RebootBehavior(StrEnum):
    """What a guest's own reboot leads to."""

    REBOOT = "reboot"
    EXIT = "exit"


class MigrationMode(StrEnum):
    """Whether the guest runs while it is migrated."""

    LIVE = "live"
    NON_LIVE = "non-live"


class ReplaceMode(StrEnum):
    """Which half of a mirror is replaced."""

    ON_PRIMARY = "replace_on_primary"
    ON_SECONDARY = "replace_on_secondary"
    NEW_SECONDARY = "replace_new_secondary"
    AUTO = "replace_auto"


class DeviceAction(StrEnum):
    """What is done to a disk or NIC of an instance."""

    ADD = "add"
    ATTACH = "attach"
    DETACH = "detach"
    MODIFY = "modify"
    REMOVE = "remove"


class ListAction(StrEnum):
    """What is done to an entry of a list; DeviceAction without the change in place."""

    ADD = "add"
    ATTACH = "attach"
    DETACH = "detach"
    REMOVE = "remove"


class HotplugAction(StrEnum):
    """What is done to a device of a running instance."""

    ADD = "hotadd"
    MODIFY = "hotmod"
    REMOVE = "hotremove"


class HotplugTarget(StrEnum):
    """Which kind of device is plugged."""

    DISK = "disk"
    NIC = "nic"


class HypervisorName(StrEnum):
    """The members of the hypervisor family."""

    CHROOT = "chroot"
    FAKE = "fake"
    KVM = "kvm"
    LXC = "lxc"
    XEN_HVM = "xen-hvm"
    XEN_PVM = "xen-pvm"


class ConsoleKind(StrEnum):
    """How the console of an instance is reached."""

    MESSAGE = "msg"
    SPICE = "spice"
    SSH = "ssh"
    VNC = "vnc"


class ExportMode(StrEnum):
    """Where an export goes."""

    LOCAL = "local"
    REMOTE = "remote"


# --- disks and NICs --------------------------------------------------------------


class DiskTemplate(StrEnum):
    """How the disks of an instance are laid out."""

    BLOCKDEV = "blockdev"
    DISKLESS = "diskless"
    DRBD = "drbd"
    EXT = "ext"
    FILE = "file"
    GLUSTER = "gluster"
    PLAIN = "plain"
    RBD = "rbd"
    SHAREDFILE = "sharedfile"


#: templates whose disks every node can reach (`spec/constants.json`, DTS_EXT_MIRROR)
REACHABLE_ANYWHERE = frozenset(
    {
        DiskTemplate.DISKLESS,
        DiskTemplate.SHAREDFILE,
        DiskTemplate.BLOCKDEV,
        DiskTemplate.RBD,
        DiskTemplate.EXT,
        DiskTemplate.GLUSTER,
    }
)


class DiskMode(StrEnum):
    """Whether the guest may write to a disk."""

    READ_ONLY = "ro"
    READ_WRITE = "rw"


class DiskAccess(StrEnum):
    """How the hypervisor reaches a disk."""

    KERNELSPACE = "kernelspace"
    USERSPACE = "userspace"


class LocalDiskStatus(IntEnum):
    """State of one copy of a mirrored disk."""

    OKAY = 1
    SYNC = 2
    UNKNOWN = 3
    FAULTY = 4


class FileDriver(StrEnum):
    """How a file becomes a disk."""

    LOOP = "loop"
    BLKTAP = "blktap"
    BLKTAP2 = "blktap2"


class StorageType(StrEnum):
    """The members of the storage family."""

    BLOCKDEV = "blockdev"
    DISKLESS = "diskless"
    EXT = "ext"
    FILE = "file"
    GLUSTER = "gluster"
    LVM_PV = "lvm-pv"
    LVM_VG = "lvm-vg"
    RADOS = "rados"
    SHAREDFILE = "sharedfile"


class NicMode(StrEnum):
    """How a NIC is connected; POOL stands for "take it from the network"."""

    BRIDGED = "bridged"
    OPENVSWITCH = "openvswitch"
    POOL = "pool"
    ROUTED = "routed"


class NicParam(StrEnum):
    """Keys of a NIC's description in a request."""

    BRIDGE = "bridge"
    IP = "ip"
    LINK = "link"
    MAC = "mac"
    MODE = "mode"
    NAME = "name"
    NETWORK = "network"
    VLAN = "vlan"


class DiskParam(StrEnum):
    """Keys of a disk's description in a request; ext disks take others besides."""

    ACCESS = "access"
    ADOPT = "adopt"
    DEV_TYPE = "dev_type"
    METAVG = "metavg"
    MODE = "mode"
    NAME = "name"
    PROVIDER = "provider"
    SIZE = "size"
    SPINDLES = "spindles"
    VG = "vg"


# --- nodes, groups, allocation ---------------------------------------------------


class NodeRole(StrEnum):
    """What a node is in the cluster, as lists show it."""

    MASTER = "M"
    CANDIDATE = "C"
    REGULAR = "R"
    DRAINED = "D"
    OFFLINE = "O"


class EvacMode(StrEnum):
    """Which instances leave a node."""

    ALL = "all"
    PRIMARY = "primary-only"
    SECONDARY = "secondary-only"


class AllocPolicy(StrEnum):
    """Whether new instances may go to a group."""

    PREFERRED = "preferred"
    LAST_RESORT = "last_resort"
    UNALLOCABLE = "unallocable"


class IAllocatorMode(StrEnum):
    """What an allocator is asked."""

    ALLOCATE = "allocate"
    ALLOCATE_SECONDARY = "allocate-secondary"
    CHANGE_GROUP = "change-group"
    MULTI_ALLOCATE = "multi-allocate"
    NODE_EVACUATE = "node-evacuate"
    RELOCATE = "relocate"


class IAllocatorDirection(StrEnum):
    """Whether an allocator test shows the question or the answer."""

    IN = "in"
    OUT = "out"


class OobCommand(StrEnum):
    """What an out-of-band helper is told to do."""

    HEALTH = "health"
    POWER_CYCLE = "power-cycle"
    POWER_OFF = "power-off"
    POWER_ON = "power-on"
    POWER_STATUS = "power-status"


class OobStatus(StrEnum):
    """Health of one part of a node's hardware."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"


class SshKeyType(StrEnum):
    """Kinds of SSH keys."""

    DSA = "dsa"
    ECDSA = "ecdsa"
    RSA = "rsa"


# --- queries and tags ------------------------------------------------------------


class QueryResource(StrEnum):
    """What can be listed."""

    CLUSTER = "cluster"
    EXPORT = "export"
    EXTSTORAGE = "extstorage"
    FILTER = "filter"
    GROUP = "group"
    INSTANCE = "instance"
    JOB = "job"
    LOCK = "lock"
    NETWORK = "network"
    NODE = "node"
    OS = "os"


class QueryStatus(IntEnum):
    """How far the value of a queried field can be trusted."""

    NORMAL = 0
    UNKNOWN = 1
    NODATA = 2
    UNAVAIL = 3
    OFFLINE = 4


class FieldKind(StrEnum):
    """How the value of a queried field is shown."""

    BOOL = "bool"
    FLOAT = "float"
    NUMBER = "number"
    OTHER = "other"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    UNIT = "unit"
    UNKNOWN = "unknown"


class TagKind(StrEnum):
    """What can carry tags."""

    CLUSTER = "cluster"
    INSTANCE = "instance"
    NETWORK = "network"
    NODE = "node"
    NODEGROUP = "nodegroup"


class ValueType(StrEnum):
    """Type of a hypervisor, backend, NIC, node or disk parameter."""

    BOOL = "bool"
    FLOAT = "float"
    INT = "int"
    MAYBE_STRING = "maybe-string"
    SIZE = "size"
    STRING = "string"


# --- verification ----------------------------------------------------------------


class VerifyCheck(StrEnum):
    """Checks of a cluster verification that can be left out."""

    HVPARAM_ASSESSMENT = "hvparam_assessment"
    NPLUSONE_MEM = "nplusone_mem"


class VerifyCode(StrEnum):
    """What a cluster verification can find; the prefix tells what it is about."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    ECLUSTERCERT = enum.auto()
    ECLUSTERCFG = enum.auto()
    ECLUSTERCLIENTCERT = enum.auto()
    ECLUSTERDANGLINGINST = enum.auto()
    ECLUSTERDANGLINGNODES = enum.auto()
    ECLUSTERFILECHECK = enum.auto()
    EEXTAGS = enum.auto()
    EGROUPDIFFERENTPVSIZE = enum.auto()
    EINSTANCEBADNODE = enum.auto()
    EINSTANCEDOWN = enum.auto()
    EINSTANCEFAULTYDISK = enum.auto()
    EINSTANCELAYOUT = enum.auto()
    EINSTANCEMISSINGCFGPARAMETER = enum.auto()
    EINSTANCEMISSINGDISK = enum.auto()
    EINSTANCEPOLICY = enum.auto()
    EINSTANCESPLITGROUPS = enum.auto()
    EINSTANCEUNSUITABLENODE = enum.auto()
    EINSTANCEWRONGNODE = enum.auto()
    ENODEDRBD = enum.auto()
    ENODEDRBDHELPER = enum.auto()
    ENODEDRBDVERSION = enum.auto()
    ENODEFILECHECK = enum.auto()
    ENODEFILESTORAGEPATHS = enum.auto()
    ENODEFILESTORAGEPATHUNUSABLE = enum.auto()
    ENODEGLUSTERSTORAGEPATHUNUSABLE = enum.auto()
    ENODEHOOKS = enum.auto()
    ENODEHV = enum.auto()
    ENODELVM = enum.auto()
    ENODEN1 = enum.auto()
    ENODENET = enum.auto()
    ENODEOOBPATH = enum.auto()
    ENODEORPHANINSTANCE = enum.auto()
    ENODEORPHANLV = enum.auto()
    ENODEOS = enum.auto()
    ENODERPC = enum.auto()
    ENODESETUP = enum.auto()
    ENODESHAREDFILESTORAGEPATHUNUSABLE = enum.auto()
    ENODESSH = enum.auto()
    ENODETIME = enum.auto()
    ENODEUSERSCRIPTS = enum.auto()
    ENODEVERSION = enum.auto()
