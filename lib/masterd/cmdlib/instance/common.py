"""What logical units about one existing instance have in common: locks, hooks, texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.enums import AdminState, DiskTemplate, Level
from ganeti.model.objects.disk import Disk, drbd_id
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.nic import NIC
from ganeti.model.objects.node import Node
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import InstanceName, NodeName, Uuid
from ganeti.schema import replace


def instance_locks(level: Level, config: Config, name: InstanceName, *, nodes_shared: bool = True) -> Locks | None:
    """Lock one instance, and the nodes that hold it."""
    if level == Level.INSTANCE:
        return Locks({name})
    if level == Level.NODE:
        return Locks(set(node_names(config, name)), shared=nodes_shared)
    return None


def node_names(config: Config, name: InstanceName) -> list[NodeName]:
    """Return the nodes of an instance, primary first; none when it does not exist."""
    instance = config.instance_named(name)
    return [NodeName(node.name) for node in config.nodes_of(instance)] if instance else []


def primary_of(config: Config, instance: Instance, act: str) -> Node:
    """Return the primary node.

    Raises OpPrereqError for an instance that is only planned and has none.
    """
    if instance.primary_node is None:
        raise errors.OpPrereqError(f"cannot {act} instance {instance.name}: it is only planned", ECode.STATE)
    return config.nodes[instance.primary_node]


class Placed(NamedTuple):
    """An instance, as nodes are sent it, and its primary node: the plan of simple units."""

    instance: Instance
    on_node: FilledInstance
    primary: Node


def placed(config: Config, instance: Instance, act: str) -> Placed:
    """Return an instance with its primary node.

    Raises OpPrereqError for one that is only planned.
    """
    return Placed(instance, fill_instance(config, instance), primary_of(config, instance, act))


async def need_stopped(services: Services, plan: Placed, act: str) -> None:
    """Refuse to go on with an instance that is meant to run, or runs; nothing runs on a node marked offline.

    Raises OpPrereqError.
    """
    if plan.instance.admin_state != AdminState.DOWN:
        raise errors.OpPrereqError(
            f"cannot {act}: it is marked {plan.instance.admin_state}; stop it first (gnt-instance shutdown)",
            ECode.STATE,
        )
    if plan.instance.moving:
        raise errors.OpPrereqError(
            f"cannot {act}: a move of it was cut off; see gnt-instance migrate --cleanup", ECode.STATE
        )
    if not plan.primary.offline and await devices.is_running(services, plan.primary, plan.on_node):
        raise errors.OpPrereqError(f"cannot {act}: it runs on node {plan.primary.name}", ECode.STATE)


async def record_instance(services: Services, instance: Instance, disks: Iterable[Disk]) -> Config:
    """Record an instance and disks of it as they are now; returns when that is durable."""
    with services.config.update() as draft:
        draft.instances[instance.uuid] = instance
        for disk in disks:
            if disk.uuid:
                draft.disks[disk.uuid] = disk
    return await services.config.durable(draft)


async def record_disks(services: Services, instance: Uuid, *, active: bool) -> None:
    """Record whether the disks of an instance are to be assembled; nothing is written when that is known."""
    if services.config.current.instances[instance].disks_active == active:
        return
    with services.config.update() as draft:
        draft.instances[instance] = replace(draft.instances[instance], disks_active=active)
    await services.config.durable(draft)


# --- hooks --------------------------------------------------------------------------


def instance_hooks(
    config: Config, instance: Instance, env: Mapping[str, object], *, extra: Iterable[NodeName] = ()
) -> HookRun:
    """Describe hooks that run on the master and the nodes of the instance (and `extra`), before and after."""
    where = list(dict.fromkeys([NodeName(config.master.name), *node_names(config, instance.name), *extra]))
    return HookRun({**instance_env(config, instance), **as_text(env)}, where, where)


def as_text(env: Mapping[str, object]) -> dict[str, str]:
    """Return environment values in the text form hooks know: True, False, None, numbers."""
    return {key: str(value) for key, value in env.items()}


def instance_env(config: Config, instance: Instance) -> dict[str, str]:
    """Return what hooks are told of an instance (`spec/hooks.json`, instance_env), without GANETI_."""
    filled = fill_instance(config, instance)
    nodes = node_names(config, instance.name)
    env: dict[str, object] = {
        "OP_TARGET": instance.name,
        "INSTANCE_NAME": instance.name,
        "INSTANCE_PRIMARY": nodes[0] if nodes else "",
        "INSTANCE_SECONDARIES": " ".join(nodes[1:]),
        "INSTANCE_OS_TYPE": instance.os,
        "INSTANCE_STATUS": instance.admin_state,
        "INSTANCE_MINMEM": filled.beparams["minmem"],
        "INSTANCE_MAXMEM": filled.beparams["maxmem"],
        "INSTANCE_MEMORY": filled.beparams["maxmem"],
        "INSTANCE_VCPUS": filled.beparams["vcpus"],
        "INSTANCE_DISK_TEMPLATE": config.template_of(instance),
        "INSTANCE_HYPERVISOR": instance.hypervisor,
        "INSTANCE_TAGS": " ".join(sorted(instance.tags)),
        **_nics_env(filled.nics),
        **_disks_env(config, filled),
        **{f"INSTANCE_BE_{name}": value for name, value in filled.beparams.items()},
        **{f"INSTANCE_HV_{name}": value for name, value in filled.hvparams.items()},
    }
    return as_text(env)


def _nics_env(nics: Sequence[NIC]) -> dict[str, object]:
    env: dict[str, object] = {"INSTANCE_NIC_COUNT": len(nics)}
    for index, nic in enumerate(nics):
        prefix = f"INSTANCE_NIC{index}_"
        mode, link = nic.nicparams.get("mode"), nic.nicparams.get("link")
        env |= {f"{prefix}IP": nic.ip or "", f"{prefix}MAC": nic.mac, f"{prefix}MODE": mode, f"{prefix}LINK": link}
        if mode in ("bridged", "openvswitch"):
            env[f"{prefix}BRIDGE"] = link
        if nic.name:
            env[f"{prefix}NAME"] = nic.name
        env[f"{prefix}UUID"] = nic.uuid or ""
        env[f"{prefix}VLAN"] = nic.nicparams.get("vlan", "")
        if nic.netinfo:
            net = nic.netinfo
            values = {
                "NAME": net.name,
                "UUID": net.uuid,
                "TAGS": " ".join(sorted(net.tags)),
                "SUBNET": net.network,
                "GATEWAY": net.gateway,
                "SUBNET6": net.network6,
                "GATEWAY6": net.gateway6,
                "MAC_PREFIX": net.mac_prefix,
            }
            env |= {f"{prefix}NETWORK_{key}": value for key, value in values.items() if value is not None}
        elif nic.network:
            env[f"{prefix}NETWORK_NAME"] = nic.network
    return env


def _disks_env(config: Config, instance: FilledInstance) -> dict[str, object]:
    env: dict[str, object] = {"INSTANCE_DISK_COUNT": len(instance.disks_info)}
    for index, disk in enumerate(instance.disks_info):
        prefix = f"INSTANCE_DISK{index}_"
        env |= {f"{prefix}SIZE": disk.size, f"{prefix}MODE": disk.mode}
        if disk.name:
            env[f"{prefix}NAME"] = disk.name
        env |= {f"{prefix}UUID": disk.uuid or "", f"{prefix}DEV_TYPE": disk.dev_type}
        env |= {prefix + key: value for key, value in _id_fields(config, disk).items()}
    return env


#: names of the items of a logical id, by kind of device
_ID_FIELDS: Mapping[DiskTemplate, tuple[str, str]] = {
    DiskTemplate.PLAIN: ("VG", "ID"),
    DiskTemplate.FILE: ("DRIVER", "ID"),
    DiskTemplate.SHAREDFILE: ("DRIVER", "ID"),
    DiskTemplate.GLUSTER: ("DRIVER", "ID"),
    DiskTemplate.BLOCKDEV: ("DRIVER", "ID"),
    DiskTemplate.RBD: ("DRIVER", "ID"),
    DiskTemplate.EXT: ("PROVIDER", "ID"),
}


def _id_fields(config: Config, disk: Disk) -> dict[str, object]:
    if disk.dev_type == DiskTemplate.DRBD:
        parts = drbd_id(disk)
        env: dict[str, object] = {
            "PNODE": config.nodes[parts.node_a].name,
            "SNODE": config.nodes[parts.node_b].name,
            "PORT": parts.port,
            "PMINOR": parts.minor_a,
            "SMINOR": parts.minor_b,
        }
        for which, child in zip(("DATA", "META"), disk.children, strict=False):
            env |= {f"{which}_{key}": value for key, value in _id_fields(config, child).items()}
        return env
    names = _ID_FIELDS.get(disk.dev_type)
    return dict(zip(names, disk.logical_id, strict=False)) if names else {}
