"""Asks an allocator, a program on the master node, with figures fresh from the nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.iallocator import evacuation, request
from ganeti.masterd.iallocator.evacuation import Evacuation
from ganeti.masterd.iallocator.request import NodeFigures
from ganeti.masterd.storage_choice import storage_of
from ganeti.model.enums import DiskTemplate, EvacMode, HypervisorName
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.params.fill import fill_cluster_hvparams
from ganeti.model.scalars import InstanceName, NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.rpc.client import NodeRpc
from ganeti.schema_types import dump_any
from ganeti.utils import json

#: the word for the cluster's default allocator
DEFAULT = "."
NO_OPTIONS: Mapping[str, object] = {}


class Allocator:
    """Runs allocators for logical units."""

    def __init__(self, rpc: NodeRpc, search_path: Sequence[str]) -> None:
        self._rpc = rpc
        self._search_path = search_path

    async def place(
        self, config: Config, op: OpInstanceCreate, candidates: Collection[NodeName] | None
    ) -> list[NodeName]:
        """Return the nodes for a new instance, the primary first; None allows every node.

        Raises OpPrereqError when there is no allocator or no place, OpExecError when it misbehaves.
        """
        name = allocator_name(config, op.iallocator)
        hypervisor = op.hypervisor or config.cluster.enabled_hypervisors[0]
        template = op.disk_template or config.cluster.enabled_disk_templates[0]
        figures = await self.figures(config, hypervisor, template)
        question = request.document(config, figures, request.allocation(config, op, candidates))
        result = await self.ask(config, name, question)
        return request.chosen_nodes(name, result, config, request.nodes_needed(template), candidates)

    async def place_all(
        self, config: Config, ops: Sequence[OpInstanceCreate], allocator: str | None
    ) -> tuple[Mapping[InstanceName, list[NodeName]], list[InstanceName]]:
        """Return the nodes of several new instances, and the names of those there is no place for.

        Raises OpPrereqError when there is no allocator, OpExecError when it misbehaves.
        """
        name = allocator_name(config, allocator)
        cluster = config.cluster
        hypervisor = ops[0].hypervisor or cluster.enabled_hypervisors[0]
        templates = {op.disk_template or cluster.enabled_disk_templates[0] for op in ops}
        if len(with_disks := sorted(templates - {DiskTemplate.DISKLESS})) > 1:
            raise errors.OpPrereqError(
                f"cannot place instances of disk templates {' and '.join(with_disks)} at once: nodes tell allocators"
                " the space of one kind of storage; ask for each template by itself",
                ECode.INVAL,
            )
        template = with_disks[0] if with_disks else DiskTemplate.DISKLESS
        figures = await self.figures(config, hypervisor, template)
        question = request.document(config, figures, request.allocations(config, ops))
        result = await self.ask(config, name, question)
        needed = {
            op.instance_name: request.nodes_needed(op.disk_template or cluster.enabled_disk_templates[0]) for op in ops
        }
        return request.chosen_for_all(name, result, config, needed)

    async def relocate(self, config: Config, instance: Instance, allocator: str | None) -> list[NodeName]:
        """Return the new node of an instance whose disks every node can reach.

        Raises OpPrereqError when there is no allocator or no place, OpExecError when it misbehaves.
        """
        name = allocator_name(config, allocator)
        template = config.template_of(instance)
        known = template if isinstance(template, DiskTemplate) else DiskTemplate.DISKLESS
        figures = await self.figures(config, instance.hypervisor, known)
        question = request.document(config, figures, request.relocation(config, instance, known))
        result = await self.ask(config, name, question)
        return request.chosen_nodes(name, result, config, 1, _same_group(config, instance))

    async def evacuate(
        self,
        config: Config,
        instances: Sequence[Instance],
        mode: EvacMode,
        allocator: str | None,
        *,
        ignore_soft_errors: bool,
    ) -> Evacuation:
        """Return where instances that are to leave their node can go, and the jobs that bring them there.

        Raises OpPrereqError when there is no allocator, OpExecError when it misbehaves.
        """
        name = allocator_name(config, allocator)
        templates = [config.template_of(instance) for instance in instances]
        stored = [t for t in templates if isinstance(t, DiskTemplate) and t != DiskTemplate.DISKLESS]
        figures = await self.figures(config, instances[0].hypervisor, stored[0] if stored else DiskTemplate.DISKLESS)
        names = [instance.name for instance in instances]
        question = request.document(config, figures, request.evacuation(names, mode))
        more = {"ignore-soft-errors": None} if ignore_soft_errors else {}
        result = await self.ask(config, name, question, more)
        return evacuation.read(name, result, config, names)

    async def need(self, config: Config, name: str) -> None:
        """Have the master look for an allocator.

        Raises OpPrereqError when it is not there.
        """
        checks = {"oob-paths": [f"{directory}/{name}" for directory in self._search_path]}  # a check of any programs
        answer = await self._rpc.call(config.master, p.node_verify, checks, config.cluster.cluster_name, {})
        problems = answer.unwrap(f"look for allocator {name}").get("oob-paths")
        if "/" in name or not isinstance(problems, Sequence) or None not in problems:
            raise errors.OpPrereqError(
                f"cannot use allocator {name}: no such program in {', '.join(self._search_path)}", ECode.NOENT
            )

    async def ask(
        self, config: Config, name: str, question: Mapping[str, object], more: Mapping[str, object] = NO_OPTIONS
    ) -> object:
        """Run an allocator on a whole document, with `more` options, and return its result."""
        text = json.dumps(dump_any(question))
        usual = config.cluster.default_iallocator_params if name == config.cluster.default_iallocator else NO_OPTIONS
        options = {**usual, **more}
        answer = await self._rpc.call(config.master, p.iallocator_runner, name, text, options)
        return request.read_answer(name, answer.unwrap(f"run allocator {name}"))

    async def figures(
        self, config: Config, hypervisor: HypervisorName, template: DiskTemplate
    ) -> dict[Uuid, NodeFigures]:
        """Return what the nodes that may run instances tell about themselves; silent ones are left out."""
        nodes = [node for node in config.online_nodes() if node.vm_capable]
        hvparams = fill_cluster_hvparams(config.cluster, hypervisor)
        infos, running = await asyncio.gather(
            self._rpc.call_many(nodes, p.node_info, storage_of(config, template), [(hypervisor, hvparams)]),
            self._rpc.call_many(nodes, p.all_instances_info, [hypervisor], {hypervisor: hvparams}),
        )
        found = {}
        for node in nodes:
            info, there = infos[node.name], running[node.name]
            if info.ok and there.ok:
                found[node.uuid] = NodeFigures(info.unwrap("read figures"), there.unwrap("read figures"))
        return found


def _same_group(config: Config, instance: Instance) -> list[NodeName]:
    """Return the nodes an instance may be relocated to (`spec/iallocator.json`, relocate)."""
    (primary, *_) = config.nodes_of(instance)
    return [NodeName(node.name) for node in config.members_of(primary.group) if node.uuid != primary.uuid]


def allocator_name(config: Config, given: str | None) -> str:
    """Return the allocator to run.

    Raises OpPrereqError when none is given and the cluster has no default.
    """
    name = config.cluster.default_iallocator if given in (None, DEFAULT) else given
    if not name:
        raise errors.OpPrereqError(
            "no node and no allocator given, and the cluster has no default allocator"
            " (gnt-cluster modify --default-iallocator)",
            ECode.INVAL,
        )
    return name
