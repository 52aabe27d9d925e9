"""THE TABLE of questions confd answers, and the numbers that mean something in them.

Numbers and shapes are those of `spec/confd.json`; the two lists from 100 on are of the
2.1 design and never had a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

PROTOCOL = 1
DEFAULT_PORT = 1814


class RequestType(IntEnum):
    """What is asked for."""

    PING = 0
    NODE_ROLE_BYNAME = 1
    NODE_PIP_BY_INSTANCE_IP = 2
    CLUSTER_MASTER = 3
    NODE_PIP_LIST = 4
    MC_PIP_LIST = 5
    INSTANCES_IPS_LIST = 6
    NODE_DRBD = 7
    NODE_INSTANCES = 8
    INSTANCE_DISKS = 9
    CONFIG_QUERY = 10
    DATA_COLLECTORS = 11
    OFFLINE_NODES = 100
    INSTANCE_LIST = 101


class Status(IntEnum):
    """How a question was answered."""

    OK = 0
    ERROR = 1
    NOT_IMPLEMENTED = 2


class ErrorCode(IntEnum):
    """What is in an answer of status ERROR, if not a text."""

    UNKNOWN_ENTRY = 0
    INTERNAL = 1
    ARGUMENT = 2


class Role(IntEnum):
    """What a node is in the cluster."""

    MASTER = 0
    CANDIDATE = 1
    OFFLINE = 2
    DRAINED = 3
    REGULAR = 4


class QueryKey:
    """Keys of a query that is an object."""

    LINK = "0"
    IP = "1"
    IP_LIST = "2"
    FIELDS = "3"


class MasterField:
    """What may be asked for of the master."""

    NAME = "0"
    IP = "1"
    PRIMARY_IP = "2"


class Request(NamedTuple):
    """One kind of question; `name` is what users call it."""

    type: RequestType
    name: str
    query: str
    answer: str


_ROWS = (
    Request(RequestType.PING, "ping", "nothing", '"ok"'),
    Request(RequestType.NODE_ROLE_BYNAME, "node-role", "name of a node", "role, a number"),
    Request(
        RequestType.NODE_PIP_BY_INSTANCE_IP,
        "node-ip-by-instance-ip",
        'object: "1" an address or "2" a list of them, and "0" a link if not the default',
        "primary address of the instance's primary node; for a list, as many [status, answer]",
    ),
    Request(
        RequestType.CLUSTER_MASTER,
        "master",
        'nothing, or object: "3" a list of fields (0 name, 1 address of the cluster, 2 primary address of the node)',
        "name of the master, or the values of the fields",
    ),
    Request(RequestType.NODE_PIP_LIST, "node-ips", "nothing", "primary addresses of all nodes"),
    Request(RequestType.MC_PIP_LIST, "candidate-ips", "nothing", "primary addresses of the master candidates"),
    Request(RequestType.INSTANCES_IPS_LIST, "instance-ips", "a link, or nothing for all", "addresses of instances"),
    Request(
        RequestType.NODE_DRBD,
        "node-drbd",
        "name of a node",
        "for each DRBD disk it holds [node, minor, instance, disk, primary or secondary, other node]",
    ),
    Request(
        RequestType.NODE_INSTANCES,
        "node-instances",
        "name of a node",
        "[instances it is primary of, instances it is secondary of], as objects",
    ),
    Request(RequestType.INSTANCE_DISKS, "instance-disks", "name or uuid of an instance", "its disks, as objects"),
    Request(RequestType.CONFIG_QUERY, "config", "path into the configuration: cluster/cluster_name", "what is there"),
    Request(
        RequestType.DATA_COLLECTORS,
        "data-collectors",
        "nothing",
        "for each collector whether it is active, and its interval in microseconds",
    ),
    Request(RequestType.OFFLINE_NODES, "offline-nodes", "nothing", "names of the nodes that are offline"),
    Request(RequestType.INSTANCE_LIST, "instances", "nothing", "names of all instances"),
)

#: every kind of question, by its number
REQUESTS: Mapping[int, Request] = {row.type.value: row for row in _ROWS}
#: and by what users call it
BY_NAME: Mapping[str, Request] = {row.name: row for row in _ROWS}
