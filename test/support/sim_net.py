"""The network of the simulation: carries requests to nodes, late, twice, half or not at all."""

from __future__ import annotations

import asyncio
import enum
import random
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ganeti.model.scalars import NodeName
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import Endpoint, Loss, Request, Response, Times
from test.support.disk import Crash
from test.support.sim_node import SimNode, Waiting
from test.support.sim_time import SimTime

FASTEST, SLOWEST = 0.0005, 0.003


class Fault(enum.Enum):
    """What may happen to one request."""

    LOST_REQUEST = "the connection breaks before the request arrives"
    LOST_ANSWER = "the connection breaks before the answer arrives"
    DUPLICATE = "the request arrives once more, some time later"


class State(enum.Enum):
    """What is wrong with a node."""

    OFF = "does not answer at all: no power, or no network"
    NO_DAEMON = "refuses connections: the node daemon does not run"
    HANGING = "takes connections and never answers"


class _Flight(NamedTuple):
    digest: str
    request: Request


class Network:
    """All connections between the nodes."""

    def __init__(self, time: SimTime, rng: random.Random, nodes: Mapping[str, SimNode]) -> None:
        self._time = time
        self._rng = rng
        self._nodes = nodes
        self._in_flight: dict[int, tuple[SimNode, _Flight]] = {}
        self._sides: tuple[frozenset[NodeName], ...] = ()
        #: what is wrong with which node
        self.states: dict[NodeName, State] = {}
        #: seconds a node takes longer for everything
        self.slow: dict[NodeName, float] = {}
        #: up to how many seconds more a request to a node takes, by chance: requests overtake each other
        self.jitter: dict[NodeName, float] = {}
        #: how likely each request is to suffer what
        self.chances: dict[Fault, float] = {}
        #: what the next request for a call suffers, by its name
        self.lose_next: dict[str, Fault] = {}
        #: and what the one after that suffers
        self.lose_again: dict[str, Fault] = {}
        #: what was sent: "node1 -> node2 instance_start"
        self.sent: list[str] = []

    def cut(self, *sides: Iterable[SimNode]) -> None:
        """Let only the nodes of each side reach each other; with no sides all do."""
        self._sides = tuple(frozenset(node.name for node in side) for side in sides)

    def land(self) -> None:
        """Let what was on its way when its sender died arrive, or not."""
        for node, flight in self._in_flight.values():
            if self._rng.random() < 0.5 and node.name not in self.states:
                node.receive(flight.digest, flight.request)
        self._in_flight.clear()

    def is_cut_off(self, origin: NodeName, node: SimNode) -> bool:
        """Tell whether nothing gets from one node to the other."""
        if self.states.get(node.name) is State.OFF:
            return True
        return any((origin in side) != (node.name in side) for side in self._sides)

    async def carry(self, origin: NodeName, digest: str, endpoint: Endpoint, request: Request) -> Response | Loss:
        """Carry a request to a node and its answer back."""
        node = self._nodes[endpoint.host]
        number = len(self.sent)
        self.sent.append(f"{origin} -> {node.name} {request.path[1:]}")
        end = self._time.now + request.timeout
        if self.is_cut_off(origin, node):
            await asyncio.sleep(min(Times().connect, request.timeout))
            return Loss(Phase.TIMEOUT, f"cannot connect to node daemon at {endpoint.host}: no answer", False)
        if self.states.get(node.name) is State.NO_DAEMON:
            await asyncio.sleep(self._latency())
            return Loss(Phase.UNREACHABLE, f"cannot connect to node daemon at {endpoint.host}: refused", False)
        fault = self._draw(request.path[1:])
        if fault is Fault.LOST_REQUEST or self.states.get(node.name) is State.HANGING:
            return await self._lose(fault, node, end)
        heard = await self._arrival(number, node, _Flight(digest, request), fault, end)
        if heard is None:
            return await self._lose(None, node, end)
        return await self._bring_back(origin, node, heard, fault, end)

    async def _arrival(
        self, number: int, node: SimNode, flight: _Flight, fault: Fault | None, end: float
    ) -> Response | Waiting | None:
        """Return what the node says when the request arrives, None if that is too late; it arrives in any case."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[Response | Waiting] = loop.create_future()
        self._in_flight[number] = node, flight

        def arrive() -> None:
            del self._in_flight[number]
            if node.name not in self.states:
                heard = node.receive(*flight)
                if not arrived.done():
                    arrived.set_result(heard)
                if fault is Fault.DUPLICATE:
                    loop.call_later(10 * self._latency(), node.receive, *flight)

        extra = self.slow.get(node.name, 0.0) + self._rng.uniform(0.0, self.jitter.get(node.name, 0.0))
        loop.call_later(self._latency() + extra, arrive)
        try:
            async with asyncio.timeout_at(end):
                return await arrived
        except TimeoutError:
            return None

    async def _bring_back(
        self, origin: NodeName, node: SimNode, heard: Response | Waiting, fault: Fault | None, end: float
    ) -> Response | Loss:
        incarnation = node.incarnation
        if isinstance(heard, Waiting):
            function = heard.function
            await asyncio.sleep(max(0.0, min(function.ready_at - self._time.now, heard.seconds)))
            response = node.answer(function)
        else:
            response = heard
        await asyncio.sleep(self._latency())
        if fault is Fault.LOST_ANSWER or node.incarnation != incarnation:
            return await self._lose(Fault.LOST_ANSWER, node, end)
        if self._time.now > end or node.name in self.states or self.is_cut_off(origin, node):
            return await self._lose(None, node, end)
        return response

    async def _lose(self, fault: Fault | None, node: SimNode, end: float) -> Loss:
        if fault is not None:
            await asyncio.sleep(self._latency())
            return Loss(Phase.UNREACHABLE, f"connection to node daemon at {node.name} lost: reset", True)
        await asyncio.sleep(max(0.0, end - self._time.now))
        return Loss(Phase.TIMEOUT, f"node daemon at {node.name} did not answer in time", True)

    def _draw(self, name: str) -> Fault | None:
        for wanted in (self.lose_next, self.lose_again):
            if name in wanted:
                return wanted.pop(name)
        for fault, chance in self.chances.items():
            if self._rng.random() < chance:
                return fault
        return None

    def _latency(self) -> float:
        return self._rng.uniform(FASTEST, SLOWEST)


class SimTransport:
    """The transport of one process on one node.

    `crash_at` names the request (counted from 0) at which the process dies: before it
    is sent, or with `crash_late` when the answer is there.
    """

    def __init__(
        self,
        network: Network,
        origin: NodeName,
        digest: str,
        *,
        crash_at: int | None = None,
        crash_late: bool = False,
        die: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = network
        self._origin = origin
        self._digest = digest
        self._crash_at = crash_at
        self._crash_late = crash_late
        self._die = die
        self._dead = False
        #: how many requests there were
        self.count = 0

    async def send(self, endpoint: Endpoint, request: Request) -> Response | Loss:
        number = self.count
        self.count += 1
        if self._dead or (number == self._crash_at and not self._crash_late):
            self._crash()
        answer = await self._network.carry(self._origin, self._digest, endpoint, request)
        if number == self._crash_at:
            self._crash()
        return answer

    async def close(self) -> None:
        """Nothing is kept open."""

    def die_at(self, request: int, *, late: bool) -> None:
        """Die at a request, counted from the next one."""
        self._crash_at, self._crash_late = self.count + request, late

    def kill(self) -> None:
        """Send nothing any more."""
        self._dead = True

    def _crash(self) -> None:
        self._dead = True
        self._die()
        raise Crash
