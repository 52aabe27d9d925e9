"""Brings configurations of older releases into the present form.  Pure.

Works on the plain objects of JSON.  What came when (`spec/config_schema.json`):
nodes and instances were keyed by name until 2.8, disks lay inside their instance
until 2.11, device types of disks had other names in 2.7, policies had one range.
Defaults that a release did not have yet are filled in, keys nobody knows stay.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ganeti import errors
from ganeti.model import versions
from ganeti.model.enums import HypervisorName
from ganeti.model.params import be, disk, hv, ipolicy, nd, nic

#: an object of JSON
Data = dict[str, Any]

#: the oldest form that can be read
OLDEST = 2_070_000

_UUIDS_SINCE = 2_090_000
_NAMESPACE = uuid.UUID("6d1f7b0a-6a0e-5d53-9f0c-3a3f0b1f5e7d")
_OLD_TEMPLATES = {"lvm": "plain", "drbd8": "drbd"}
_FILE_TEMPLATES = ("file", "sharedfile")
_DEFAULT_GROUP = "default"


def upgrade(data: Mapping[str, Any]) -> Data:
    """Return the configuration in the present form; `data` is not changed.

    What needs a new uuid gets one made from the cluster's and its own name, so that
    the same file gives the same result on every node.

    Raises ConfigVersionMismatch if the version is unknown, ParameterError naming the
    path of what is not as it should be.
    """
    version = data.get("version")
    if not isinstance(version, int) or not OLDEST <= version < versions.CONFIG + 10_000:
        raise errors.ConfigVersionMismatch(versions.CONFIG, version)
    result: Data = {**data, "version": versions.CONFIG}
    for section in ("nodes", "nodegroups", "instances", "networks", "disks", "filters"):
        found = result.get(section)
        result[section] = _each({} if found is None else found, section, lambda record, _path: record)
    result["cluster"] = _object(result.get("cluster"), "cluster")
    new_uuid = _uuid_maker(str(result["cluster"].get("uuid", "")))
    if version < _UUIDS_SINCE:
        _key_by_uuid(result, new_uuid)
    _lift_disks(result, new_uuid)
    result["cluster"] = _cluster(result["cluster"], result)
    result["nodegroups"] = _each(result["nodegroups"], "nodegroups", _group)
    result["nodes"] = _each(result["nodes"], "nodes", _node)
    result["instances"] = _each(result["instances"], "instances", _instance)
    return result


def _cluster(old: Data, data: Data) -> Data:
    enabled = list(old.get("enabled_hypervisors") or ())
    known = _object(old.get("hvparams") or {}, "cluster.hvparams")
    hvparams = {
        name: _hvparams(name, known.get(name) or {}) for name in dict.fromkeys([*known, *map(str, HypervisorName)])
    }
    policy = _policy(old.get("ipolicy") or {})
    diskparams = old.get("diskparams") or {}
    missing: Data = {
        "tcpudp_port_pool": [],
        "highest_used_port": 10999,
        "enabled_disk_templates": _templates_in_use(data),
        "master_netmask": 128 if old.get("primary_ip_family") == 10 else 32,
    }
    return {
        **missing,
        **old,
        "enabled_hypervisors": enabled,
        "hvparams": hvparams,
        "os_hvp": _without_removed(old.get("os_hvp") or {}),
        "beparams": _under_default(old.get("beparams"), lambda own: {**be.be_defaults(), **_memory(own)}),
        "nicparams": _under_default(old.get("nicparams"), lambda own: {**nic.nic_defaults(), **own}),
        "ndparams": {**nd.nd_defaults(), **(old.get("ndparams") or {})},
        "diskparams": {
            str(template): {**own, **(diskparams.get(template) or {})} for template, own in disk.disk_defaults().items()
        },
        "ipolicy": {**ipolicy.ipolicy_defaults(), **policy},
    }


def _templates_in_use(data: Data) -> list[str]:
    """Return the templates of all disks: what is in use was enabled before there was a list."""
    found = dict.fromkeys(str(record.get("dev_type")) for record in data["disks"].values())
    return list(found) or ["plain"]


def _hvparams(name: str, own: Data) -> Data:
    try:
        defaults = hv.hv_defaults(HypervisorName(name))
    except ValueError as err:
        raise errors.ParameterError(f"cluster.hvparams.{name}: unknown hypervisor") from err
    kept = {key: value for key, value in own.items() if key not in hv.REMOVED}
    return {**defaults, **_mended(kept)}


def _mended(params: Data) -> Data:
    """Replace values that are not allowed any more (`spec/constants.json`, disk_discard)."""
    return {**params, "disk_discard": "ignore"} if params.get("disk_discard") == "default" else params


def _without_removed(os_hvp: Data) -> Data:
    return {
        os: {
            name: _mended({key: value for key, value in own.items() if key not in hv.REMOVED})
            for name, own in by_hv.items()
        }
        for os, by_hv in os_hvp.items()
    }


def _memory(params: Data) -> Data:
    return be.without_legacy({k: v for k, v in params.items() if k != "memory" or not params.keys() & {"maxmem"}})


def _under_default(old: Data | None, fill: Callable[[Data], Data]) -> Data:
    known = dict(old or {})
    return {**known, "default": fill(known.get("default") or {})}


def _policy(old: Data) -> Data:
    """Turn the one range of 2.7 (`min` and `max`) into a list of ranges; a partial one stays partial."""
    result = {key: value for key, value in old.items() if key not in ("min", "max")}
    if "min" in old or "max" in old:
        (default,) = ipolicy.ranges(ipolicy.ipolicy_defaults())
        result.setdefault(
            ipolicy.MINMAX,
            [{"min": {**default.min, **(old.get("min") or {})}, "max": {**default.max, **(old.get("max") or {})}}],
        )
    return result


def _group(old: Data, _path: str) -> Data:
    result = {key: value for key, value in old.items() if key != "members"}
    return {"serial_no": 1, "alloc_policy": "preferred", **result, "ipolicy": _policy(old.get("ipolicy") or {})}


def _node(old: Data, _path: str) -> Data:
    return {"master_capable": True, "vm_capable": True, "powered": True, **old, "ndparams": old.get("ndparams") or {}}


def _instance(old: Data, path: str) -> Data:
    # Computed since disks are on their own; a stale copy would only mislead.
    result = {k: v for k, v in old.items() if k not in ("disk_template", "disks_info", "secondary_nodes", "admin_up")}
    if "admin_state" not in result:
        result["admin_state"] = "up" if old.get("admin_up") else "down"
    if "disks_active" not in result:
        result["disks_active"] = result["admin_state"] == "up"
    result["hvparams"] = _mended({k: v for k, v in (old.get("hvparams") or {}).items() if k not in hv.REMOVED})
    result["beparams"] = _memory(_object(old.get("beparams") or {}, f"{path}.beparams"))
    return result


# --- from names to uuids ----------------------------------------------------------


def _key_by_uuid(data: Data, new_uuid: Callable[..., str]) -> None:
    """Replace names of nodes and instances by uuids, as keys and wherever nodes are named."""
    nodes = {str(name): str(node.get("uuid") or new_uuid("node", name)) for name, node in data["nodes"].items()}
    data["nodes"] = {nodes[name]: {**node, "uuid": nodes[name]} for name, node in data["nodes"].items()}
    master = data["cluster"].get("master_node")
    data["cluster"] = {**data["cluster"], "master_node": nodes.get(master, master)}
    instances = {}
    for name, old in data["instances"].items():
        own = str(old.get("uuid") or new_uuid("instance", name))
        primary = nodes.get(old.get("primary_node"), old.get("primary_node"))
        old_disks = [_rename_nodes(d, nodes, primary) if isinstance(d, dict) else d for d in old.get("disks") or ()]
        instances[own] = {**old, "uuid": own, "primary_node": primary, "disks": old_disks}
    data["instances"] = instances
    if not data["nodegroups"]:
        group = new_uuid("group", _DEFAULT_GROUP)
        data["nodegroups"] = {group: {"uuid": group, "name": _DEFAULT_GROUP}}
        data["nodes"] = {key: {**node, "group": group} for key, node in data["nodes"].items()}


def _rename_nodes(old: Data, nodes: Mapping[str, str], primary: str) -> Data:
    logical_id = list(old.get("logical_id") or ())
    if old.get("dev_type") in ("drbd8", "drbd") and len(logical_id) >= 2:
        logical_id[:2] = [nodes.get(name, name) for name in logical_id[:2]]
    children = [_rename_nodes(child, nodes, primary) for child in old.get("children") or ()]
    result = {key: value for key, value in old.items() if key != "physical_id"}
    return {**result, "logical_id": logical_id, "children": children}


def _lift_disks(data: Data, new_uuid: Callable[..., str]) -> None:
    """Move disks out of their instances, into a section of their own."""
    disks = dict(data["disks"])
    instances = {}
    for key, old in data["instances"].items():
        uuids = []
        for index, entry in enumerate(old.get("disks") or ()):
            if not isinstance(entry, dict):
                uuids.append(entry)
                continue
            own = str(entry.get("uuid") or new_uuid("disk", key, index))
            uuids.append(own)
            disks[own] = _disk(entry, own, old)
        instances[key] = {**old, "disks": uuids}
    data["instances"] = instances
    data["disks"] = disks


def _disk(entry: Data, own: str, instance: Data) -> Data:
    stamps: Data = {key: instance[key] for key in ("ctime", "mtime") if key in instance}
    template = instance.get("disk_template")
    result: Data = {**stamps, "serial_no": 1, **_device(entry, str(template)), "uuid": own}
    if not result.get("nodes"):
        by_id = result["dev_type"] == "drbd"
        result["nodes"] = result["logical_id"][:2] if by_id else [instance.get("primary_node")]
    return result


def _device(entry: Data, template: str) -> Data:
    kind = str(entry.get("dev_type"))
    # 2.7 calls both kinds of files "file"; the instance knew which.
    renamed = template if kind == "file" and template in _FILE_TEMPLATES else _OLD_TEMPLATES.get(kind, kind)
    children = [_device(child, template) for child in entry.get("children") or ()]
    return {**entry, "dev_type": renamed, "children": children}


# --- small things -----------------------------------------------------------------


def _uuid_maker(cluster: str) -> Callable[..., str]:
    return lambda *names: str(uuid.uuid5(_NAMESPACE, "/".join(map(str, (cluster, *names)))))


def _each(section: object, path: str, act: Callable[[Data, str], Data]) -> Data:
    records = _object(section, path)
    return {key: act(_object(record, f"{path}.{key}"), f"{path}.{key}") for key, record in records.items()}


def _object(value: object, path: str) -> Data:
    if not isinstance(value, dict):
        raise errors.ParameterError(f"{path}: expected an object, got {value!r}")
    return value
