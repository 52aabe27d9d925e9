"""Plain values with a meaning: names, ids, addresses, sizes, times.

Each is a NewType, so that a node's name is never passed for an instance's, with a
check that runs wherever the value comes in from outside.  Names end up in file
names, command lines and line-based files, so none of them can hold a slash, "..",
a control character or a leading dash, or be longer than a file name may be.

Kinds of names matter beyond checking: names of the kinds below are completed and
resolved before an operation sees them.  A name that does not exist yet is marked
with `NEW` (`NewNodeName` and so on) and left as it is.
"""

from __future__ import annotations

import re
import socket
from typing import Annotated, NewType

from ganeti.schema_types import Check, constrain

MAX_NAME = 255
"""Longest name in bytes: what a file name and a DNS name may have."""
MAX_TAG = 128
MAX_PATH = 4095

# --- names -------------------------------------------------------------------------

NodeName = NewType("NodeName", str)
InstanceName = NewType("InstanceName", str)
HostName = NewType("HostName", str)
GroupName = NewType("GroupName", str)
NetworkName = NewType("NetworkName", str)
OsName = NewType("OsName", str)
"""An OS definition, with its variant if it has one: `image+default`."""
PluginName = NewType("PluginName", str)
"""A program kept in a directory of its kind: allocator, restricted command, compression tool."""
Uuid = NewType("Uuid", str)
Tag = NewType("Tag", str)
AbsolutePath = NewType("AbsolutePath", str)

_host_name = re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?").fullmatch
_os_name = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+~:@-]{0,254}").fullmatch
_plugin_name = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}").fullmatch
_uuid = re.compile(r"[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}").fullmatch
_tag = re.compile(rf"[\w.+*/:@-]{{1,{MAX_TAG}}}", re.ASCII).fullmatch
_mac_address = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}").fullmatch


def is_host_name(value: str) -> bool:
    """Tell whether this can name a node, an instance or any host; a short name can."""
    return _host_name(value) is not None


def is_label(value: str) -> bool:
    """Tell whether this can name a group or network: one line of printable text, no path."""
    if not value or len(value.encode("utf-8", "replace")) > MAX_NAME:
        return False
    return value.isprintable() and value == value.strip() and value[0] != "-" and "/" not in value and ".." not in value


def is_path(value: str) -> bool:
    """Tell whether this is an absolute path that stays below what it names."""
    if not value.startswith("/") or len(value.encode("utf-8", "replace")) > MAX_PATH:
        return False
    return value.isprintable() and ".." not in value.split("/")


_HOST_WORDS = "a name of letters, digits, '.', '-' and '_'"
_LABEL_WORDS = "a printable name without '/' and '..'"

for _host_kind in (NodeName, InstanceName, HostName):
    constrain(_host_kind, Check("str+", _HOST_WORDS, is_host_name))
for _label_kind in (GroupName, NetworkName):
    constrain(_label_kind, Check("str+", _LABEL_WORDS, is_label))
constrain(OsName, Check("str+", "the name of an OS definition", lambda v: _os_name(v) is not None))
constrain(PluginName, Check("str+", "the name of a program, without a path", lambda v: _plugin_name(v) is not None))
constrain(Uuid, Check("str+", "a UUID", lambda v: _uuid(v) is not None))
constrain(Tag, Check("str+", "a tag of at most 128 letters, digits and any of _.+*/:@-", lambda v: _tag(v) is not None))
constrain(AbsolutePath, Check("str+", "an absolute path without '..'", is_path))


NEW = Check("str+", "the name of something new", lambda v: True)
"""Marks a name of something yet to be made: the outermost check hides the kind of name below it."""

NewNodeName = Annotated[NodeName, NEW]
NewInstanceName = Annotated[InstanceName, NEW]
NewGroupName = Annotated[GroupName, NEW]
NewNetworkName = Annotated[NetworkName, NEW]

# "." stands for the cluster's default allocator (spec/constants.json, iallocator)
AllocatorName = Annotated[
    str, Check("str+", "the name of an allocator, or '.'", lambda v: v == "." or _plugin_name(v) is not None)
]

# --- addresses ---------------------------------------------------------------------

MacAddress = NewType("MacAddress", str)
IPAddress = NewType("IPAddress", str)
IPv4Address = NewType("IPv4Address", str)
IPv4Network = NewType("IPv4Network", str)
IPv6Address = NewType("IPv6Address", str)
IPv6Network = NewType("IPv6Network", str)


def is_address(family: int, value: str) -> bool:
    """Tell whether this is the text of one address of a family (AF_INET, AF_INET6)."""
    try:
        socket.inet_pton(family, value)
    except (OSError, ValueError):
        return False
    return True


def is_network(family: int, value: str) -> bool:
    """Tell whether this is an address and a prefix length; bits behind the prefix may be set."""
    address, slash, length = value.partition("/")
    longest = 32 if family == socket.AF_INET else 128
    digits = bool(slash) and length.isascii() and length.isdigit() and len(length) <= 3
    return digits and int(length) <= longest and is_address(family, address)


def _is_ipv4(value: str) -> bool:
    return is_address(socket.AF_INET, value)


def _is_ipv6(value: str) -> bool:
    return is_address(socket.AF_INET6, value)


constrain(MacAddress, Check("str+", "a MAC address (aa:00:00:12:34:56)", lambda v: _mac_address(v) is not None))
constrain(IPAddress, Check("str+", "an IP address", lambda v: _is_ipv4(v) or _is_ipv6(v)))
constrain(IPv4Address, Check("ipv4address", "an IPv4 address", _is_ipv4))
constrain(IPv6Address, Check("ipv6address", "an IPv6 address", _is_ipv6))
constrain(IPv4Network, Check("ipv4network", "an IPv4 network (192.0.2.0/24)", lambda v: is_network(socket.AF_INET, v)))
constrain(
    IPv6Network, Check("ipv6network", "an IPv6 network (2001:db8::/64)", lambda v: is_network(socket.AF_INET6, v))
)

# --- numbers -----------------------------------------------------------------------

JobId = NewType("JobId", int)
RelativeJobId = NewType("RelativeJobId", int)
"""A job submitted in the same request, counted back: -1 is the one before."""
MiB = NewType("MiB", int)
Seconds = NewType("Seconds", float)
WholeSeconds = NewType("WholeSeconds", int)
Timestamp = NewType("Timestamp", float)
"""Seconds since the epoch."""
Serial = NewType("Serial", int)
DiskIndex = NewType("DiskIndex", int)


def _read_job_id(value: object) -> object:
    """Return the number of a job id that is written as text; the rest unchanged."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return value


constrain(JobId, Check("jobid", "a job id", lambda v: v >= 0, _read_job_id))
constrain(RelativeJobId, Check("relative-jobid(int<0)", "a relative job id (-1 is the job before)", lambda v: v < 0))
constrain(MiB, Check("int>=0", "a size in MiB", lambda v: v >= 0))
constrain(WholeSeconds, Check("int>=0", "a whole number of seconds, 0 or more", lambda v: v >= 0))
constrain(DiskIndex, Check("int>=0,<16", "a disk index from 0 to 15", lambda v: 0 <= v < 16))

NonNegativeInt = Annotated[int, Check("int>=0", "a whole number, 0 or more", lambda v: v >= 0)]
PositiveInt = Annotated[int, Check("int>0", "a whole number above 0", lambda v: v > 0)]
NonEmptyStr = Annotated[str, Check("str+", "non-empty text", bool)]

# --- what must not be seen -----------------------------------------------------------

Private = Annotated[object, Check("private<any>", "anything", lambda v: True)]
"""A value left out of logs, lists and saved jobs."""
Secret = Annotated[object, Check("secret<any>", "anything", lambda v: True)]
"""A private value that is not even kept in the configuration."""
