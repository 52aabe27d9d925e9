"""Answers to the questions of the table, from maps that are built once per configuration.  Pure.

Works on the plain objects of `config.data`.  What must not be shown (private OS
parameters, secrets of DRBD) is taken out before anything is built: datagrams are not
encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from ganeti import errors
from ganeti.confd.requests import PROTOCOL, ErrorCode, MasterField, QueryKey, RequestType, Role, Status
from ganeti.utils import json

#: fields of the configuration that are for nobody; nested anywhere
SECRET_FIELDS = ("osparams_private", "osparams_private_cluster", "osparams_secret")
_DRBD_SECRET = 5

Object = Mapping[str, Any]
Query = object


class Answer(NamedTuple):
    """What is answered, before it is wrapped."""

    status: Status
    value: object


_UNKNOWN = Answer(Status.ERROR, ErrorCode.UNKNOWN_ENTRY.value)
_BAD_QUERY = Answer(Status.ERROR, ErrorCode.ARGUMENT.value)


class _Drbd(NamedTuple):
    """One end of a DRBD disk."""

    node: str
    minor: int
    instance: str
    disk: str
    role: str
    peer: str


class Answers:
    """All that can be asked about one configuration.

    Raises ConfigurationError for a configuration that cannot be understood.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        _remove_secrets(config)
        try:
            self.serial = int(config["serial_no"])
            self._config: Object = config
            self._cluster: Object = config["cluster"]
            self._nodes: Mapping[str, Object] = config["nodes"]
            self._instances: Mapping[str, Object] = config["instances"]
            self._disks: Mapping[str, Object] = config.get("disks", {})
            self._master = self._nodes[self._cluster["master_node"]]
            self._roles = {node["name"]: self._role(node) for node in self._nodes.values()}
            self._uuids = {node["name"]: uuid for uuid, node in self._nodes.items()}
            self._instance_uuids = {instance["name"]: uuid for uuid, instance in self._instances.items()}
            self._default_link = self._cluster["nicparams"]["default"].get("link", "")
            self._node_of_ip = self._addresses()
        except (KeyError, TypeError, AttributeError, ValueError) as err:
            raise errors.ConfigurationError(f"cannot answer from this configuration: {err!r}") from err
        #: made when first asked for
        self._of_node: Mapping[str, tuple[list[Object], list[Object]]] | None = None
        self._drbd: Mapping[str, list[_Drbd]] | None = None

    def answer(self, kind: int, query: Query) -> Answer | None:
        """Answer a question; None for one that nobody knows."""
        asked = self._TABLE.get(kind)
        return asked(self, query) if asked else None

    # --- nodes ------------------------------------------------------------------------

    def _ping(self, query: Query) -> Answer:
        return Answer(Status.ERROR, "non-empty ping query") if query else Answer(Status.OK, "ok")

    def _node_role(self, query: Query) -> Answer:
        if not isinstance(query, str):
            return _BAD_QUERY
        role = self._roles.get(query)
        return _UNKNOWN if role is None else Answer(Status.OK, role.value)

    def _cluster_master(self, query: Query) -> Answer:
        if not query:
            return Answer(Status.OK, self._master["name"])
        fields = query.get(QueryKey.FIELDS) if isinstance(query, Mapping) else None
        if not isinstance(fields, list):
            return _BAD_QUERY
        values = {
            MasterField.NAME: self._master["name"],
            MasterField.IP: self._cluster.get("master_ip"),
            MasterField.PRIMARY_IP: self._master["primary_ip"],
        }
        asked = [str(field) for field in fields if isinstance(field, (str, int))]
        return Answer(Status.OK, [values[field] for field in asked if field in values])

    def _node_pips(self, query: Query) -> Answer:
        return _nothing_asked(query) or Answer(Status.OK, [node["primary_ip"] for node in self._nodes.values()])

    def _candidate_pips(self, query: Query) -> Answer:
        ips = [node["primary_ip"] for node in self._nodes.values() if node.get("master_candidate")]
        return _nothing_asked(query) or Answer(Status.OK, ips)

    def _offline_nodes(self, query: Query) -> Answer:
        names = sorted(name for name, role in self._roles.items() if role == Role.OFFLINE)
        return _nothing_asked(query) or Answer(Status.OK, names)

    def _node_instances(self, query: Query) -> Answer:
        if not isinstance(query, str):
            return _BAD_QUERY
        uuid = self._uuids.get(query)
        if uuid is None:
            return _UNKNOWN
        if self._of_node is None:
            self._of_node = self._instances_by_node()
        return Answer(Status.OK, self._of_node.get(uuid, ([], [])))

    def _node_drbd(self, query: Query) -> Answer:
        if not isinstance(query, str):
            return _BAD_QUERY
        if query not in self._uuids:
            return _UNKNOWN
        if self._drbd is None:
            self._drbd = self._drbd_by_node()
        return Answer(Status.OK, [list(end) for end in self._drbd.get(query, [])])

    # --- instances --------------------------------------------------------------------

    def _node_pip_by_instance_ip(self, query: Query) -> Answer:
        if not isinstance(query, Mapping):
            return _BAD_QUERY
        link = query.get(QueryKey.LINK) or self._default_link
        if isinstance(query.get(QueryKey.IP), str):
            return self._pip_of(link, query[QueryKey.IP])
        addresses = query.get(QueryKey.IP_LIST)
        if not isinstance(addresses, list):
            return _BAD_QUERY
        found = [self._pip_of(link, address) for address in addresses]
        return Answer(Status.OK, [[status.value, value] for status, value in found])

    def _pip_of(self, link: object, address: object) -> Answer:
        if not isinstance(link, str) or not isinstance(address, str):
            return _BAD_QUERY
        found = self._node_of_ip.get(link, {}).get(address)
        return _UNKNOWN if found is None else Answer(Status.OK, self._nodes[found]["primary_ip"])

    def _instance_ips(self, query: Query) -> Answer:
        if query is not None and not isinstance(query, str):
            return _BAD_QUERY
        links = [query] if query else list(self._node_of_ip)
        return Answer(Status.OK, [ip for link in links for ip in self._node_of_ip.get(link, {})])

    def _instance_disks(self, query: Query) -> Answer:
        if not isinstance(query, str):
            return _BAD_QUERY
        instance = self._instances.get(self._instance_uuids.get(query, query))
        return _UNKNOWN if instance is None else Answer(Status.OK, [disk for _, disk in self._disks_of(instance)])

    def _instance_list(self, query: Query) -> Answer:
        return _nothing_asked(query) or Answer(Status.OK, sorted(self._instance_uuids))

    # --- the cluster --------------------------------------------------------------------

    def _config_query(self, query: Query) -> Answer:
        if not isinstance(query, str):
            return _BAD_QUERY
        place: object = self._config
        for part in filter(None, query.split("/")):
            if isinstance(place, Mapping) and part in place:
                place = place[part]
            elif isinstance(place, list) and part.isdecimal() and len(part) < 10 and int(part) < len(place):
                place = place[int(part)]
            else:
                return _BAD_QUERY
        return Answer(Status.OK, place)

    def _data_collectors(self, query: Query) -> Answer:
        return _nothing_asked(query) or Answer(Status.OK, self._cluster.get("data_collectors") or {})

    # --- maps -----------------------------------------------------------------------------

    def _role(self, node: Object) -> Role:
        if node is self._master:
            return Role.MASTER
        if node.get("master_candidate"):
            return Role.CANDIDATE
        if node.get("drained"):
            return Role.DRAINED
        return Role.OFFLINE if node.get("offline") else Role.REGULAR

    def _addresses(self) -> Mapping[str, Mapping[str, str]]:
        """Map link and address to the uuid of the primary node."""
        found: dict[str, dict[str, str]] = {}
        for instance in self._instances.values():
            for nic in instance.get("nics", ()):
                ip, node = nic.get("ip"), instance.get("primary_node")
                if ip and isinstance(node, str) and node in self._nodes:
                    link = nic.get("nicparams", {}).get("link") or self._default_link
                    found.setdefault(link, {})[ip] = node
        return found

    def _disks_of(self, instance: Object) -> Iterator[tuple[int, Object]]:
        for number, uuid in enumerate(instance.get("disks", ())):
            if uuid in self._disks:
                yield number, self._disks[uuid]

    def _instances_by_node(self) -> Mapping[str, tuple[list[Object], list[Object]]]:
        found: dict[str, tuple[list[Object], list[Object]]] = {}
        for instance in self._instances.values():
            primary = instance.get("primary_node")
            holders = {node for _, disk in self._disks_of(instance) for node in _holders(disk)}
            for node in {*holders, primary}:
                if isinstance(node, str) and node in self._nodes:
                    found.setdefault(node, ([], []))[node != primary].append(instance)
        return found

    def _drbd_by_node(self) -> Mapping[str, list[_Drbd]]:
        found: dict[str, list[_Drbd]] = {}
        for instance in self._instances.values():
            for number, disk in self._disks_of(instance):
                for device in _drbd_below(disk):
                    for end in self._ends(instance, f"disk/{number}", device["logical_id"]):
                        found.setdefault(end.node, []).append(end)
        return found

    def _ends(self, instance: Object, disk: str, logical_id: Sequence[Any]) -> Iterator[_Drbd]:
        nodes = logical_id[:2]
        if all(node in self._nodes for node in nodes):
            names = [self._nodes[node]["name"] for node in nodes]
            for here, there in ((0, 1), (1, 0)):
                role = "primary" if nodes[here] == instance.get("primary_node") else "secondary"
                yield _Drbd(names[here], logical_id[3 + here], instance["name"], disk, role, names[there])

    # Of the class: bound methods would keep a configuration that was replaced, as nothing looks for cycles.
    _TABLE: ClassVar[Mapping[int, Callable[[Answers, Query], Answer]]] = {
        RequestType.PING.value: _ping,
        RequestType.NODE_ROLE_BYNAME.value: _node_role,
        RequestType.NODE_PIP_BY_INSTANCE_IP.value: _node_pip_by_instance_ip,
        RequestType.CLUSTER_MASTER.value: _cluster_master,
        RequestType.NODE_PIP_LIST.value: _node_pips,
        RequestType.MC_PIP_LIST.value: _candidate_pips,
        RequestType.INSTANCES_IPS_LIST.value: _instance_ips,
        RequestType.NODE_DRBD.value: _node_drbd,
        RequestType.NODE_INSTANCES.value: _node_instances,
        RequestType.INSTANCE_DISKS.value: _instance_disks,
        RequestType.CONFIG_QUERY.value: _config_query,
        RequestType.DATA_COLLECTORS.value: _data_collectors,
        RequestType.OFFLINE_NODES.value: _offline_nodes,
        RequestType.INSTANCE_LIST.value: _instance_list,
    }


class Cache:
    """Answers in the form they are signed in, for the questions that are asked again and again."""

    MOST = 4096
    LONGEST_QUERY = 256

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._kept: dict[tuple[int, object], tuple[bytes, bytes]] = {}

    @property
    def serial(self) -> int:
        """Serial of the configuration."""
        return self._answers.serial

    def text(self, kind: int, query: Query) -> tuple[bytes, bytes] | None:
        """Return the message that answers a question and its quoted form; None if nobody knows the question."""
        key = (kind, query) if query is None or isinstance(query, str) else None
        if key is not None and (kept := self._kept.get(key)) is not None:
            return kept
        answer = self._answers.answer(kind, query)
        if answer is None:
            return None
        made = reply_text(answer, self.serial)
        if key is not None and (query is None or len(str(query)) <= self.LONGEST_QUERY):
            if len(self._kept) >= self.MOST:
                self._kept.clear()
            self._kept[key] = made
        return made


def reply_text(answer: Answer, serial: int) -> tuple[bytes, bytes]:
    """Return the message of an answer and its quoted form."""
    status, value = answer
    text = json.dumps({"protocol": PROTOCOL, "status": status.value, "answer": value, "serial": serial})
    return text.encode(), json.dumps_bytes(text)


def _nothing_asked(query: Query) -> Answer | None:
    return Answer(Status.ERROR, "this question takes no query") if query else None


def _holders(disk: Object) -> Sequence[str]:
    if disk.get("dev_type") == "drbd":
        return list(disk["logical_id"][:2])
    return list(disk.get("nodes", ()))


def _drbd_below(disk: Object) -> Iterator[Object]:
    if disk.get("dev_type") == "drbd" and len(disk.get("logical_id", ())) > _DRBD_SECRET - 1:
        yield disk
    for child in disk.get("children", ()):
        yield from _drbd_below(child)


def _remove_secrets(place: object) -> None:
    """Take out, in place, what nobody may see."""
    if isinstance(place, dict):
        for name in SECRET_FIELDS:
            place.pop(name, None)
        logical_id = place.get("logical_id")
        if place.get("dev_type") == "drbd" and isinstance(logical_id, list) and len(logical_id) > _DRBD_SECRET:
            logical_id[_DRBD_SECRET] = None
        for value in place.values():
            _remove_secrets(value)
    elif isinstance(place, list):
        for value in place:
            _remove_secrets(value)
