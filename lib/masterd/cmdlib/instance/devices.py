"""Disks of an instance on its nodes: create, assemble, shut down, remove.

Every function acts on what it is given and changes no configuration.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.instance.persistence import Persistence
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.node import Node
from ganeti.model.scalars import MiB, NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import AssembledDisk, ReasonTrail
from ganeti.rpc.result import NodeResult
from ganeti.schema import replace

Warn = Callable[[str], None]
T = TypeVar("T")

#: an assembled disk: node, name in the instance, path of the device there
ActiveDisk = tuple[NodeName, str, str | None]

#: templates whose disks are files, in a directory of the instance
FILE_LIKE = (DiskTemplate.FILE, DiskTemplate.SHAREDFILE)


async def to_the_end(call: Coroutine[Any, Any, T]) -> T:
    """Make a call that is to be undone if the job is killed, and only then let it be killed.

    A call that nobody waits for goes on, and could come after what undoes it.
    """
    calling = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(calling)
    finally:
        await calling


def file_directories(disks: Sequence[Disk]) -> list[str]:
    """Return the directories that file-like disks lie in, each once."""
    paths = (str(disk.logical_id[1]) for disk in disks if disk.dev_type in FILE_LIKE)
    return list(dict.fromkeys(posixpath.dirname(path) for path in paths))


async def create_directories(services: Services, node: Node, instance: FilledInstance) -> None:
    """Make the directories of file-like disks on a node; those that are there stay as they are.

    Raises OpExecError.
    """
    for directory in file_directories(instance.disks_info):
        answer = await to_the_end(services.rpc.call(node, p.file_storage_dir_create, directory))
        answer.unwrap(f"make the directory of instance {instance.name}")


async def remove_directories(
    services: Services, node: Node, disks: Sequence[Disk], warn: Warn, again: Persistence
) -> None:
    """Remove the directories of file-like disks that are gone."""
    for directory in file_directories(disks):
        removal = partial(services.rpc.call, node, p.file_storage_dir_remove, directory)
        answer = await again.ask(removal)
        if not answer.ok:
            warn(f"cannot remove directory {directory} on node {node.name}: {answer.failure}")


async def create_disks(
    services: Services, config: Config, instance: FilledInstance, undo: AsyncExitStack, warn: Warn
) -> None:
    """Create all disks on all their nodes, and their directories; both are removed when `undo` unwinds.

    Raises OpExecError naming disk and node.
    """
    node = config.nodes[instance.primary_node] if instance.primary_node else config.master
    again = Persistence(services.clock)
    undo.push_async_callback(remove_directories, services, node, instance.disks_info, warn, again)
    await create_directories(services, node, instance)
    await create_in_directories(services, config, instance, undo, warn, again)


async def create_in_directories(
    services: Services, config: Config, instance: FilledInstance, undo: AsyncExitStack, warn: Warn, again: Persistence
) -> None:
    """Do as `create_disks` does where the directories are there, and stay."""
    for disk in instance.disks_info:
        # Before: a call whose answer is lost may have made it. A node removes only what is this very disk.
        undo.push_async_callback(_take_back, services, config, disk, warn, again)
        for node in config.holders_of(disk):
            primary = node.uuid == instance.primary_node
            creating = services.rpc.call(
                node, p.blockdev_create, disk, disk.size, instance.name, primary, text_of(instance), False
            )
            answer = await to_the_end(creating)
            answer.unwrap(f"create {disk.iv_name} of instance {instance.name}")


async def assemble_disks(
    services: Services, config: Config, instance: FilledInstance, warn: Warn, *, ignore_secondaries: bool = False
) -> None:
    """Make all disks usable, on the secondary nodes first.

    Raises OpExecError naming disk and node; nothing is left assembled on the primary then.
    """
    for index, disk in enumerate(instance.disks_info):
        for node in _secondaries_first(config, instance, disk):
            primary = node.uuid == instance.primary_node
            answer = await services.rpc.call(node, p.blockdev_assemble, disk, instance, primary, index)
            if answer.ok:
                continue
            if not primary and (ignore_secondaries or node.offline):
                warn(f"cannot assemble {disk.iv_name} on secondary node {node.name}: {answer.failure}")
                continue
            await shutdown_disks(services, config, instance, warn)
            answer.unwrap(f"assemble {disk.iv_name} of instance {instance.name}")


async def activate_disks(
    services: Services, config: Config, instance: FilledInstance, warn: Warn, *, ignore_size: bool
) -> list[ActiveDisk]:
    """Make usable what can be of all disks, on the secondary nodes first; return those of the primary node.

    A guest may be using them, so nothing is shut down when one cannot be assembled:
    then OpExecError is raised, after the others were tried.
    """
    found: list[ActiveDisk] = []
    failed: list[tuple[Disk, NodeResult[AssembledDisk]]] = []
    for index, disk in enumerate(instance.disks_info):
        # To a node a disk without a size is one of any size.
        sent = replace(disk, size=MiB(0)) if ignore_size else disk
        for node in _secondaries_first(config, instance, disk):
            primary = node.uuid == instance.primary_node
            answer = await services.rpc.call(node, p.blockdev_assemble, sent, instance, primary, index)
            if not answer.ok and node.offline and not primary:
                warn(f"cannot assemble {disk.iv_name} on secondary node {node.name}: {answer.failure}")
            elif answer.failure:
                failed.append((disk, answer))
            elif primary:
                path = answer.unwrap("read its path").dev_path
                found.append((NodeName(node.name), disk.iv_name, path if isinstance(path, str) else None))
    for disk, answer in failed[1:]:
        warn(f"cannot assemble {disk.iv_name} on node {answer.node}: {answer.failure}")
    if failed:
        disk, answer = failed[0]
        answer.unwrap(f"assemble {disk.iv_name} of instance {instance.name}")
    return found


def _secondaries_first(config: Config, instance: FilledInstance, disk: Disk) -> list[Node]:
    return sorted(config.holders_of(disk), key=lambda node: node.uuid == instance.primary_node)


async def shutdown_disks(services: Services, config: Config, instance: FilledInstance, warn: Warn) -> bool:
    """Shut down all disks everywhere; return whether that worked on every node that answers."""
    fine = True
    for disk in instance.disks_info:
        for node in config.holders_of(disk):
            if node.offline:
                continue
            answer = await services.rpc.call(node, p.blockdev_shutdown, disk)
            if not answer.ok:
                warn(f"cannot shut down {disk.iv_name} on node {node.name}: {answer.failure}")
                fine = False
    return fine


async def assemble_disks_on(services: Services, node: Node, instance: FilledInstance) -> None:
    """Make all disks usable on one node that is to become the primary.

    Raises OpExecError.
    """
    for index, disk in enumerate(instance.disks_info):
        answer = await services.rpc.call(node, p.blockdev_assemble, disk, instance, True, index)
        answer.unwrap(f"assemble {disk.iv_name} of instance {instance.name}")


async def shutdown_disks_on(services: Services, node: Node, instance: FilledInstance, warn: Warn) -> None:
    """Shut down all disks on one node."""
    for disk in instance.disks_info:
        answer = await services.rpc.call(node, p.blockdev_shutdown, disk)
        if not answer.ok:
            warn(f"cannot shut down {disk.iv_name} on node {node.name}: {answer.failure}")


async def remove_disks(services: Services, config: Config, instance: FilledInstance, warn: Warn) -> bool:
    """Remove all disks everywhere; return whether that worked everywhere."""
    fine = True
    for disk in instance.disks_info:
        for node in config.holders_of(disk):
            answer = await services.rpc.call(node, p.blockdev_remove, disk)
            if not answer.ok:
                warn(f"cannot remove {disk.iv_name} on node {node.name}: {answer.failure}")
                fine = False
    return fine


async def _take_back(services: Services, config: Config, disk: Disk, warn: Warn, again: Persistence) -> None:
    """Remove a disk that belongs to no instance."""
    for node in config.holders_of(disk):
        answer = await again.ask(partial(services.rpc.call, node, p.blockdev_remove, disk))
        if not answer.ok:
            warn(
                f"cannot remove {disk.iv_name} on node {node.name}: {answer.failure};"
                " gnt-cluster verify names what is left of it"
            )


async def start(
    services: Services, node: Node, instance: FilledInstance, paused: bool, trail: ReasonTrail, warn: Warn
) -> None:
    """Start an instance whose disks are assembled.

    Raises OpExecError when it does not start: its disks are shut down then, unless the
    answer was lost, for it may run.
    """
    (await try_to_start(services, node, instance, paused, trail, warn)).unwrap(f"start instance {instance.name}")


async def try_to_start(
    services: Services, node: Node, instance: FilledInstance, paused: bool, trail: ReasonTrail, warn: Warn
) -> NodeResult[None]:
    """Do as `start` does, and return what the node answered."""
    answer = await services.rpc.call(node, p.instance_start, instance, paused, trail)
    if answer.failure and not answer.failure.uncertain:
        await shutdown_disks(services, services.config.current, instance, warn)
    return answer


async def is_running(services: Services, node: Node, instance: FilledInstance) -> bool:
    """Tell whether an instance runs on a node.

    Raises OpExecError when the node does not answer.
    """
    answer = await services.rpc.call(node, p.instance_info, instance.name, instance.hypervisor, instance.hvparams)
    return answer.unwrap(f"look for instance {instance.name}") is not None


async def free_memory(services: Services, node: Node, instance: FilledInstance) -> int:
    """Return the free memory of a node in MiB, as the instance's hypervisor sees it.

    Raises OpExecError when the node does not answer.
    """
    answer = await services.rpc.call(node, p.node_info, (), [(instance.hypervisor, instance.hvparams)])
    return int(answer.unwrap("read the free memory").hypervisors[0].memory_free)


async def need_memory(services: Services, node: Node, instance: FilledInstance, wanted: MiB, act: str) -> None:
    """Refuse to go on when a node has less free memory than wanted.

    Raises OpPrereqError; OpExecError when the node does not answer.
    """
    free = await free_memory(services, node, instance)
    if wanted > free:
        raise errors.OpPrereqError(
            f"cannot {act} instance {instance.name}: it needs {wanted} MiB of memory,"
            f" node {node.name} has {free} MiB free",
            ECode.NORES,
        )


def text_of(instance: FilledInstance) -> str:
    """Return the text stored with disks where the storage can: whose they are."""
    return f"originstname+{instance.name}"
