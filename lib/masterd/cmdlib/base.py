"""What a logical unit is: the four questions the processor asks of one.

    locks(level, config)   what must be locked at this level?
    check(config)          may it be done?  answers a plan, or raises OpPrereqError
    hooks(plan, config)    which hooks run, where, with what environment?
    execute(plan)          do it

A unit keeps nothing between the questions but its opcode and services: what `check`
finds out travels to `execute` in the plan.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.enums import Level, LogType
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import GroupName, InstanceName, JobId, NodeName, Uuid

O = TypeVar("O", bound=OpCode)  # noqa: E741 - the opcode
P = TypeVar("P")


#: the source of reason trails that the watcher writes (spec/constants.json)
REASON_WATCHER = "gnt:watcher"


class All(enum.Enum):
    """Stands for every lock of a level, also those of objects yet to come."""

    ALL = "ALL"


ALL = All.ALL


class Locks(NamedTuple):
    """Locks wanted at one level.

    `opportunistic` asks for those of `names` that are free now.
    """

    names: Collection[str] | All
    shared: bool = False
    opportunistic: bool = False


class HookRun(NamedTuple):
    """Where hooks run and what they are told (keys without the GANETI_ prefix).

    Nodes in `farewell` run the post hooks before the execution: they are gone after it.
    """

    env: Mapping[str, str]
    pre: Sequence[NodeName]
    post: Sequence[NodeName]
    farewell: Sequence[NodeName] = ()


class FailedHook(NamedTuple):
    """A hook script that failed on a node, and what it printed."""

    node: NodeName
    script: str
    output: str


class Jobs(NamedTuple):
    """A result that asks for more jobs; the processor submits them and answers their ids.

    `more` is merged into the answer beside the key `jobs`.
    """

    jobs: Sequence[Sequence[OpCode]]
    more: Mapping[str, object] = {}


class Call(Protocol):
    """What a running opcode knows of its job."""

    @property
    def job_id(self) -> JobId: ...

    def log(self, kind: LogType, message: object) -> None:
        """Append to the job's log, which its submitter reads."""

    def raise_if_canceled(self) -> None:
        """Raise JobCanceled when somebody asked to cancel the job."""


class LogicalUnit(Generic[O, P]):
    """Base of all logical units; `O` is the opcode, `P` the plan."""

    #: takes the cluster lock exclusively: nothing else runs meanwhile
    EXCLUSIVE: ClassVar[bool] = False
    #: changes something outside the master daemon; one that only looks is run again after a crash
    EFFECTS: ClassVar[bool] = True

    def __init__(self, op: O, services: Services, call: Call, held: Callable[[Level], Collection[str]]) -> None:
        self.op = op
        self.services = services
        self.call = call
        #: the locks held at a level, by name
        self.held = held

    def locks(self, level: Level, config: Config) -> Locks | None:
        """Say what is needed at `level`; asked once per level, in order, with the lower levels held."""
        return None

    async def check(self, config: Config) -> P:
        """Look whether the operation may go on and return the plan; change nothing.

        Raises OpPrereqError.
        """
        raise NotImplementedError

    def hooks(self, plan: P, config: Config) -> HookRun | None:
        """Describe the hooks; asked before and again after the execution."""
        return None

    def preview(self, plan: P) -> object:
        """Return what a dry run answers: the public part of the plan."""
        return None

    async def execute(self, plan: P) -> object:
        """Do what the plan says; return the opcode's result."""
        raise NotImplementedError

    def judge_hooks(self, plan: P, result: object, failed: Sequence[FailedHook]) -> object:
        """Return the opcode's result after post hooks failed; they were told as warnings already."""
        return result

    def reason_trail(self) -> list[tuple[str, str, int]]:
        """Return why this is done, as nodes record it with a change of state; the job queue added this opcode."""
        trail = []
        for entry in self.op.reason or ():
            match entry:
                case [str(source), str(text), int(when)]:
                    trail.append((source, text, when))
        return trail

    @property
    def asked_by_watcher(self) -> bool:
        """Whether this repairs what the watcher saw a moment ago: it may have changed since."""
        trail = self.op.reason or ()
        return any(isinstance(entry, Sequence) and list(entry[:1]) == [REASON_WATCHER] for entry in trail)

    def info(self, message: str) -> None:
        """Tell the submitter what is going on."""
        self.call.log(LogType.MESSAGE, message)

    def warn(self, message: str, *, hint: str | None = None) -> None:
        """Tell the submitter that something is not as it should be, and what may help."""
        self.call.log(LogType.MESSAGE, f" - WARNING: {message}")
        if hint:
            self.call.log(LogType.MESSAGE, f"      Hint: {hint}")


# --- looking things up: the errors every unit gives in the same words ----------------


def get_instance(config: Config, name: InstanceName) -> Instance:
    """Return the instance.

    Raises OpPrereqError if it does not exist.
    """
    instance = config.instance_named(name)
    if instance is None:
        raise errors.OpPrereqError(f"instance {name} is not known", ECode.NOENT)
    return instance


def get_node(config: Config, name: NodeName) -> Node:
    """Return the node.

    Raises OpPrereqError if it does not exist.
    """
    node = config.node_named(name)
    if node is None:
        raise errors.OpPrereqError(f"node {name} is not known", ECode.NOENT)
    return node


def node_of(config: Config, name: NodeName | None, uuid: Uuid | None) -> Node | None:
    """Return the node given by name, uuid or both; None when neither is given.

    Raises OpPrereqError if it does not exist, or they are two nodes.
    """
    node = get_node(config, name) if name else None
    if uuid and uuid not in config.nodes:
        raise errors.OpPrereqError(f"node {uuid} is not known", ECode.NOENT)
    if node and uuid and node.uuid != uuid:
        raise errors.OpPrereqError(f"uuid {uuid} is not the one of node {name}, {node.uuid}", ECode.INVAL)
    return config.nodes[uuid] if uuid else node


def get_group(config: Config, name: GroupName) -> NodeGroup:
    """Return the node group, by name or uuid.

    Raises OpPrereqError if it does not exist.
    """
    group = config.group_named(name)
    if group is None:
        raise errors.OpPrereqError(f"node group {name} is not known", ECode.NOENT)
    return group


def need_online(node: Node, act: str, remedy: str = "") -> None:
    """Refuse to go on with an offline node.

    Raises OpPrereqError.
    """
    if node.offline:
        told = f"; {remedy}" if remedy else ""
        raise errors.OpPrereqError(f"cannot {act}: node {node.name} is marked offline{told}", ECode.STATE)


def names(nodes: Iterable[Node]) -> list[NodeName]:
    """Return the names of nodes, in the order given."""
    return [NodeName(node.name) for node in nodes]
