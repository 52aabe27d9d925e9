"""Verifies the nodes and instances of one group.

Asks every node once for everything and judges the answers with pure functions
(`verify_nodes`, `verify_files`, `verify_os`, `verify_instances`).  A node that does not
answer then is named, and not asked for anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ganeti import errors
from ganeti.masterd.cluster_files import ClusterFile
from ganeti.masterd.cmdlib.base import FailedHook, HookRun, Locks, LogicalUnit, get_group, names
from ganeti.masterd.cmdlib.cluster import (
    disks,
    verify_checks,
    verify_disks,
    verify_files,
    verify_instances,
    verify_nodes,
    verify_os,
)
from ganeti.masterd.cmdlib.cluster.findings import Finding, Style, report
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.model.enums import Level, VerifyCheck, VerifyCode
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.cluster import OpClusterVerifyGroup
from ganeti.model.params.fill import fill_cluster_hvparams
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import HypervisorFigures, OsDiagnosis
from ganeti.rpc.result import NodeResult
from ganeti.schema_types import Type, type_of
from ganeti.utils.text import plural

#: how often files that differ are looked at again: a change may just be on its way
FILE_TRIES = 3
FILE_PAUSE = 0.5
#: what a node has to say a word that is known to be silent
SILENT_SECONDS = 3.0

NodeAnswers = Mapping[NodeName, NodeResult[Mapping[str, object]]]

_CHECKSUMS: Type = type_of(Mapping[str, str])
_NAMES: Type = type_of(Sequence[str])
_OSES: Type = type_of(Sequence[OsDiagnosis])

T = TypeVar("T")


class Subject(NamedTuple):
    """What is verified: a group, its nodes and its instances."""

    group: NodeGroup
    nodes: Sequence[Node]
    instances: Sequence[Instance]

    @property
    def online(self) -> list[Node]:
        """The nodes that can be asked."""
        return [node for node in self.nodes if not node.offline]


class LUClusterVerifyGroup(LogicalUnit[OpClusterVerifyGroup, Subject]):
    """Ask the nodes, judge what they say, tell what is wrong."""

    EFFECTS = False

    def locks(self, level: Level, config: Config) -> Locks | None:
        group = get_group(config, self.op.group_name)
        if level == Level.INSTANCE:
            return Locks({instance.name for instance in config.instances_in(group.uuid)}, shared=True)
        if level == Level.NODEGROUP:
            return Locks({group.uuid}, shared=True)
        if level == Level.NODE:
            return Locks(set(names(config.members_of(group.uuid))), shared=True)
        return None

    async def check(self, config: Config) -> Subject:
        group = get_group(config, self.op.group_name)
        nodes = sorted(config.members_of(group.uuid), key=lambda node: node.name)
        # An instance that came after the locks were taken may be half made.
        locked = frozenset(self.held(Level.INSTANCE))
        instances = [i for i in config.instances_in(group.uuid) if i.name in locked]
        return Subject(group, nodes, instances)

    def hooks(self, plan: Subject, config: Config) -> HookRun:
        env = {"CLUSTER_TAGS": " ".join(sorted(config.cluster.tags))}
        env |= {f"NODE_TAGS_{node.name}": " ".join(sorted(node.tags)) for node in plan.nodes}
        return HookRun(env, [], names(plan.nodes))

    async def execute(self, plan: Subject) -> bool:
        self.info(
            f"* Verifying group {plan.group.name}: {plural(len(plan.nodes), 'node')},"
            f" {plural(len(plan.instances), 'instance')}"
        )
        if self.op.verify_clutter:
            self.warn("verify_clutter: SSH keys of nodes are not looked at by this version")
        await self.services.config.settle()  # what is on its way to the nodes would be found missing
        config = self.services.config.current
        fine = report(await self._verify_nodes(config, plan), self._style(), self.info)
        for note in _notes(plan):
            self.info(f"  - NOTICE: {note}")
        return fine

    def judge_hooks(self, plan: Subject, result: object, failed: Sequence[FailedHook]) -> object:
        """Count failed post hooks among what is wrong."""
        findings = [
            Finding(
                VerifyCode.ENODEHOOKS, hook.node, f"hook {hook.script} failed: {hook.output.strip() or 'no output'}"
            )
            for hook in failed
        ]
        return report(findings, self._style()._replace(simulate=False), self.info) and result

    def _style(self) -> Style:
        return Style(self.op.error_codes, self.op.ignore_errors, self.op.debug_simulate_errors)

    async def _verify_nodes(self, config: Config, plan: Subject) -> list[Finding]:
        services, skip = self.services, self.op.skip_checks
        files, misnamed = services.distribution.files(config, ssconf_values(config))
        common = verify_checks.checks_of_group(
            config, plan.group, [file.path for file in files], hvparams=VerifyCheck.HVPARAM_ASSESSMENT not in skip
        )
        if config.cluster.use_external_mip_script:
            common["user-scripts"] = [file.path for file in files if file.path.endswith("/master-ip-setup")]
        online = plan.online
        start = services.clock.time()
        answers = await self._ask(
            config, [(node, verify_checks.checks_of_node(config, node, common, online)) for node in online]
        )
        asked = verify_nodes.Asked(start, services.clock.time(), config.cluster.candidate_certs)
        findings = verify_nodes.judge_certificates(list(config.nodes.values()), asked)
        heard = [node for node in online if answers[node.name].ok]
        for node in online:
            answer = answers[node.name]
            if answer.ok:
                findings += verify_nodes.judge_node(node, answer.unwrap("verify it"), asked)
            else:
                findings.append(Finding(VerifyCode.ENODERPC, node.name, f"does not answer: {answer.failure}"))
        findings += [Finding(VerifyCode.ECLUSTERFILECHECK, "", text) for text in misnamed]
        of_files, of_copies, of_instances, of_orphans = await asyncio.gather(
            self._verify_files(config, heard, files, answers),
            self._verify_copies(online, answers),
            self._verify_instances(config, plan, answers),
            self._verify_orphans(config, heard),
        )
        findings += [*of_files, *of_copies]
        findings += verify_os.judge_oses(_parsed(answers, "oslist", _oses))
        findings += [*of_instances, *of_orphans]
        if VerifyCheck.NPLUSONE_MEM not in skip:
            free = _parsed(answers, "hvinfo", _free_memory)
            findings += verify_instances.judge_memory(config, plan.nodes, free)
        return findings

    async def _ask(self, config: Config, checks: Sequence[tuple[Node, Mapping[str, object]]]) -> NodeAnswers:
        cluster = config.cluster
        hvparams = {hv: fill_cluster_hvparams(cluster, hv) for hv in cluster.enabled_hypervisors}
        return await self.services.rpc.hurried(SILENT_SECONDS).call_each(
            p.node_verify, [(node, (wanted, cluster.cluster_name, hvparams)) for node, wanted in checks]
        )

    async def _verify_files(
        self, config: Config, heard: Sequence[Node], files: Sequence[ClusterFile], answers: NodeAnswers
    ) -> list[Finding]:
        """Compare files; those of the master, too, which may be in another group."""
        nodes = [*heard, *([] if config.master.name in answers else [config.master])]
        question = {"filelist": [file.path for file in files]}
        everything = {**answers, **await self._ask(config, [(n, question) for n in nodes if n.name not in answers])}
        for attempt in range(FILE_TRIES):
            found = verify_files.judge_files(files, nodes, _parsed(everything, "filelist", _checksums))
            if not found or attempt + 1 == FILE_TRIES:
                break
            await self.services.clock.sleep(FILE_PAUSE)
            everything = {**everything, **await self._ask(config, [(node, question) for node in nodes])}
        return found

    async def _verify_copies(self, nodes: Iterable[Node], answers: NodeAnswers) -> list[Finding]:
        """Name the nodes that miss what they were sent; not for what is just on its way, or was waiting for them."""
        distribution = self.services.distribution
        missing: dict[NodeName, Sequence[str]] = {}
        for attempt in range(FILE_TRIES):
            behind = distribution.behind
            missing = {node.name: sorted(behind[node.name]) for node in nodes if node.name in behind}
            answering = [name for name in missing if answers[name].ok]
            if not answering or attempt + 1 == FILE_TRIES:
                break
            await distribution.catch_up(answering)
            await self.services.clock.sleep(FILE_PAUSE)
        return [
            Finding(VerifyCode.ENODEFILECHECK, name, f"is behind: it misses {' and '.join(what)} until it answers")
            for name, what in missing.items()
        ]

    async def _verify_orphans(self, config: Config, heard: Sequence[Node]) -> list[Finding]:
        """Look twice for disks that belong to nobody: others come and go while we look."""
        checks = verify_disks.checks_of_nodes(config, heard)
        found: list[Finding] = []
        for attempt in range(FILE_TRIES):
            answers = await self._ask(config, checks)
            there = {check: _parsed(answers, check, _files) for check in verify_disks.CHECKS}
            being_made = self.services.config.instances_being_made()
            seen = verify_disks.judge_orphans(self.services.config.current, there, being_made)
            found = [finding for finding in seen if not attempt or finding in found]
            if not found or attempt + 1 == FILE_TRIES:
                break
            await self.services.clock.sleep(FILE_PAUSE)
        return found

    async def _verify_instances(self, config: Config, plan: Subject, answers: NodeAnswers) -> list[Finding]:
        running = _parsed(answers, "instancelist", _names)
        findings = [*verify_instances.judge_running(self.services.config.current, running)]
        for instance in plan.instances:
            findings += verify_instances.judge_instance(config, instance, running)
        silent = [name for name, answer in answers.items() if not answer.ok]
        measured = await disks.measure(self.services, config, plan.instances, silent)
        findings += verify_instances.judge_disks(config, measured.missing)
        findings += [
            Finding(VerifyCode.ENODERPC, node, f"cannot look at its disks: {why}") for node, why in measured.silent
        ]
        return findings


def _parsed(answers: NodeAnswers, check: str, parse: Callable[[object], T]) -> dict[NodeName, T]:
    """Return the results of one check by node, where there are any of the right form."""
    found: dict[NodeName, T] = {}
    for name, answer in answers.items():
        result = (answer.value or {}).get(check)
        if result is None or isinstance(result, str):
            continue
        with contextlib.suppress(errors.ParameterError):
            found[name] = parse(result)
    return found


def _checksums(value: object) -> Mapping[str, str]:
    checksums: Mapping[str, str] = _CHECKSUMS.parse(value, "filelist")
    return checksums


def _files(value: object) -> Sequence[str]:
    paths: Sequence[str] = _NAMES.parse(value, "file-disks")
    return paths


def _names(value: object) -> frozenset[str]:
    return frozenset(_NAMES.parse(value, "instancelist"))


def _oses(value: object) -> Sequence[OsDiagnosis]:
    oses: Sequence[OsDiagnosis] = _OSES.parse(value, "oslist")
    return oses


def _free_memory(value: object) -> int:
    return HypervisorFigures.from_wire(value, "hvinfo").memory_free


def _notes(plan: Subject) -> list[str]:
    offline = sum(1 for node in plan.nodes if node.offline)
    drained = sum(1 for node in plan.nodes if node.drained)
    found = []
    if offline:
        found.append(f"{offline} offline node(s) were not asked")
    if drained:
        found.append(f"{drained} node(s) are drained")
    return found
