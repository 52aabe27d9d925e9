"""What an instance is found to be: the wish of the admin against what the nodes answered.  Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ganeti.model.enums import AdminState, AdminStateSource, InstanceStatus
from ganeti.model.objects.instance import Instance
from ganeti.model.scalars import InstanceName, Uuid

#: the state a hypervisor tells of a guest that was stopped from inside (spec/rpc.json: 0 running, 1 shut down)
SHUT_DOWN = 1


class Figures(Protocol):
    """What a node tells of one running instance."""

    @property
    def memory(self) -> int:
        """Memory it has now, in MiB."""

    @property
    def vcpus(self) -> int:
        """Virtual CPUs it has now."""

    @property
    def state(self) -> int:
        """Its state in the eyes of the hypervisor."""


class NodeState(enum.Enum):
    """Whether a node can tell what runs on it."""

    ANSWERED = enum.auto()
    SILENT = enum.auto()
    OFFLINE = enum.auto()


class GuestState(enum.Enum):
    """Where the guest was found."""

    ABSENT = enum.auto()
    RUNNING = enum.auto()
    #: its user stopped it from inside; the hypervisor still holds it
    STOPPED_INSIDE = enum.auto()
    ELSEWHERE = enum.auto()


class LiveInstances(NamedTuple):
    """What the nodes answered together.

    `figures` are of instances found on their primary node, or else on any other,
    and then they are in `elsewhere`; `silent` are nodes that should have answered.
    """

    figures: Mapping[InstanceName, Figures]
    elsewhere: frozenset[InstanceName]
    silent: frozenset[Uuid]

    def guest(self, name: InstanceName) -> GuestState:
        """Tell where the guest of an instance was found."""
        figures = self.figures.get(name)
        if figures is None:
            return GuestState.ABSENT
        if name in self.elsewhere:
            return GuestState.ELSEWHERE
        return GuestState.STOPPED_INSIDE if figures.state == SHUT_DOWN else GuestState.RUNNING


def collate(
    answers: Mapping[Uuid, Mapping[InstanceName, Figures] | None], primary_nodes: Mapping[InstanceName, Uuid]
) -> LiveInstances:
    """Put the answers of nodes together; None is the answer of a node that gave none.

    An instance that runs on its primary node and on another one, as during a
    migration, counts as running on the primary.
    """
    figures: dict[InstanceName, Figures] = {}
    elsewhere: dict[InstanceName, Figures] = {}
    for node, found in answers.items():
        for name, values in (found or {}).items():
            target = figures if primary_nodes.get(name) == node else elsewhere
            target[name] = values
    lost = {name: values for name, values in elsewhere.items() if name not in figures}
    silent = frozenset(node for node, found in answers.items() if found is None)
    return LiveInstances({**figures, **lost}, frozenset(lost), silent)


def instance_status(instance: Instance, node: NodeState, guest: GuestState, *, user_may_stop: bool) -> InstanceStatus:
    """Return what an instance is found to be.

    `user_may_stop` tells whether being stopped from inside is allowed for it.
    """
    if node is NodeState.OFFLINE:
        return InstanceStatus.ERROR_NODE_OFFLINE
    if node is NodeState.SILENT:
        return InstanceStatus.ERROR_NODE_DOWN
    if guest is GuestState.ELSEWHERE:
        return InstanceStatus.ERROR_WRONG_NODE
    wanted_up = instance.admin_state is AdminState.UP
    if guest is GuestState.RUNNING:
        return InstanceStatus.RUNNING if wanted_up else InstanceStatus.ERROR_UP
    if wanted_up:
        stopped = guest is GuestState.STOPPED_INSIDE and user_may_stop
        return InstanceStatus.USER_DOWN if stopped else InstanceStatus.ERROR_DOWN
    if instance.admin_state is AdminState.OFFLINE:
        return InstanceStatus.ADMIN_OFFLINE
    by_user = instance.admin_state_source is AdminStateSource.USER
    return InstanceStatus.USER_DOWN if by_user else InstanceStatus.ADMIN_DOWN
