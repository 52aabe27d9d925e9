"""The master's side of node calls: `await rpc.call(node, p.instance_start, instance, ...)`.

A call never raises for what is wrong with a node: its `NodeResult` tells.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from ganeti import errors
from ganeti.clock import Clock
from ganeti.mastership import Mastership
from ganeti.model.scalars import NodeName
from ganeti.procedure import Procedure
from ganeti.rpc.result import Failure, NodeResult, Phase
from ganeti.rpc.transport import (
    DEFAULT_PORT,
    OK,
    STILL_RUNNING,
    Call,
    Conversation,
    Endpoint,
    Loss,
    Pause,
    Response,
    Times,
    Transport,
    converse,
    end_earlier_request,
    end_request,
    new_key,
    read_answer,
    start_request,
)
from ganeti.utils import json

log = logging.getLogger(__name__)

#: what a node is given that is only glanced at
GLANCE = Times(first=1.0, grace=2.0)
#: the same, when it did not answer the last time
SHORT_GLANCE = Times(connect=1.0, first=0.5, grace=0.5)
#: seconds of trying to connect after which a node counts as silent: one that refuses does so at once
IN_VAIN = 1.0

P = ParamSpec("P")
R = TypeVar("R")


class Target(Protocol):
    """A node that can be called: a `Node` of the configuration, or an `Address`."""

    @property
    def name(self) -> NodeName:
        """Its name."""

    @property
    def primary_ip(self) -> str:
        """Where its daemon listens."""

    @property
    def offline(self) -> bool:
        """Whether it is not to be talked to."""


class Address(NamedTuple):
    """A node known by no more than its address."""

    name: NodeName
    primary_ip: str
    offline: bool = False


class NodeRpc:
    """Calls node daemons and keeps in mind which incarnation of each was last heard of.

    `cluster_uuid` goes with every request, and a node of another cluster refuses it;
    "" while there is no cluster yet.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        cluster_uuid: str,
        *,
        port: int = DEFAULT_PORT,
        times: Times | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._cluster_uuid = cluster_uuid
        self._port = port
        self._times = times or Times()
        self._daemons: dict[NodeName, str] = {}
        #: the last answer of each node to each steady call: as it came, and read
        self._last: dict[tuple[NodeName, str], tuple[object, Any]] = {}
        self._master = ""
        #: keys of calls begin with it
        self._life = new_key()
        self._deposed: Callable[[errors.NotMasterError], None] = lambda error: None
        #: calls made since the beginning, by name
        self.calls: Counter[str] = Counter()
        #: calls that failed, by name and how far they got
        self.failures: Counter[tuple[str, Phase]] = Counter()
        self._ending: set[asyncio.Task[Response | Loss]] = set()
        #: who let the last request wait in vain, and who of them for as long as a change would have waited
        self._unheard: set[NodeName] = set()
        self._silent: set[NodeName] = set()
        #: what these are given; None: what all are given
        self._times_of_silent: Times | None = None

    def speak_as(self, master: Mastership, deposed: Callable[[errors.NotMasterError], None]) -> None:
        """Make all calls in the name of the master; `deposed` is called when a node knows of a newer one."""
        self._master = master.header
        self._deposed = deposed

    def hurried(self, seconds: float = 1.0) -> NodeRpc:
        """Return the same with less patience: a node that let the last request wait in vain has seconds to say a word.

        It shares with this one what is known of nodes.
        """
        other = copy.copy(self)
        other._times_of_silent = Times(connect=seconds, first=seconds / 2, grace=seconds / 2)
        return other

    async def call(self, node: Target, proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> NodeResult[R]:
        """Call one node.

        Cancellation gives up waiting; what runs on the node goes on, unless the call is abandonable.
        """
        return await self._call(node, proc, self._encode(proc, proc.encode_arguments(*args, **kwargs)))

    async def call_many(
        self, nodes: Sequence[Target], proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> dict[NodeName, NodeResult[R]]:
        """Call several nodes at once with the same arguments; results by name, in the order given."""
        call = self._encode(proc, proc.encode_arguments(*args, **kwargs))
        results = await asyncio.gather(*[self._call(node, proc, call) for node in nodes])
        return {result.node: result for result in results}

    async def glance_many(
        self, nodes: Sequence[Target], proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> dict[NodeName, NodeResult[R]]:
        """As `call_many`, for what is only shown: who does not answer holds it up for three seconds, then for one."""
        call = self._encode(proc, proc.encode_arguments(*args, **kwargs))
        times = [SHORT_GLANCE if node.name in self._unheard else GLANCE for node in nodes]
        results = await asyncio.gather(
            *[self._call(node, proc, call, time) for node, time in zip(nodes, times, strict=True)]
        )
        return {result.node: result for result in results}

    def is_silent(self, node: Target) -> bool:
        """Tell whether a node let the last request to it wait in vain; one that was only glanced at does not count."""
        return node.name in self._silent

    async def call_each(
        self, proc: Procedure[..., R], arguments: Iterable[tuple[Target, Sequence[Any]]]
    ) -> dict[NodeName, NodeResult[R]]:
        """Call several nodes at once, each with its own arguments; results by name, in the order given."""
        calls = [(node, self._encode(proc, proc.encode_arguments(*args))) for node, args in arguments]
        results = await asyncio.gather(*[self._call(node, proc, call) for node, call in calls])
        return {result.node: result for result in results}

    async def start(self, node: Target, proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> NodeResult[None]:
        """Have one node begin a call whose end nobody waits for."""
        if node.offline and not proc.offline:
            return _offline(node)
        call = self._encode(proc, proc.encode_arguments(*args, **kwargs))
        self.calls[call.name] += 1
        request = start_request(call, new_key(self._life), 0, self._times.grace)
        heard = await self._transport.send(Endpoint(node.primary_ip, self._port), request)
        failure: Failure | None = None
        if isinstance(heard, Loss):
            failure = Failure(heard.phase, heard.message, uncertain=heard.sent)
        elif heard.status != STILL_RUNNING:
            answer = read_answer(heard)
            failure = answer if isinstance(answer, Failure) else None
        return self._result(node, call, None, failure)

    async def end_earlier(self, nodes: Sequence[Target]) -> None:
        """Have nodes end the scripts earlier master daemons wanted; waits a moment for the nodes that do not answer."""
        request = end_earlier_request(self._cluster_uuid, self._master, self._life, SHORT_GLANCE.grace)
        await asyncio.gather(
            *[
                self._transport.send(Endpoint(node.primary_ip, self._port), request)
                for node in nodes
                if not node.offline
            ]
        )

    async def close(self) -> None:
        """Close all connections, after telling nodes what nobody waits for any more."""
        if self._ending:
            await asyncio.wait(self._ending)
        await self._transport.close()

    def _encode(self, proc: Procedure[..., Any], arguments: list[Any]) -> Call:
        return Call(proc.name, json.dumps_bytes(arguments), proc.timeout, self._cluster_uuid, self._master)

    async def _call(
        self, node: Target, proc: Procedure[..., R], call: Call, times: Times | None = None
    ) -> NodeResult[R]:
        if node.offline and not proc.offline:
            return _offline(node)
        name = node.name
        if times is None and name in self._silent:
            times = self._times_of_silent
        self.calls[call.name] += 1
        key = new_key(self._life)
        conversation = converse(
            call, key, lambda: self._daemons.get(name, ""), self._clock.monotonic, times or self._times
        )
        try:
            outcome = await self._carry_out(node, conversation, glance=times is not None)
        except asyncio.CancelledError:
            if proc.abandonable:
                self._abandon(node, call, key)
            raise
        if isinstance(outcome, Failure):
            if proc.abandonable and outcome.phase is Phase.TIMEOUT:
                self._abandon(node, call, key)
            return self._result(node, call, None, outcome)
        try:
            return NodeResult(name, self._decode(name, proc, outcome))
        except errors.ParameterError as err:
            failure = Failure(Phase.REFUSED, f"cannot understand the answer: {err}", uncertain=True)
            return self._result(node, call, None, failure)

    async def _carry_out(self, node: Target, conversation: Conversation, *, glance: bool) -> object | Failure:
        endpoint = Endpoint(node.primary_ip, self._port)
        step = next(conversation)
        while True:
            heard: Response | Loss | None = None
            if isinstance(step, Pause):
                await self._clock.sleep(step.seconds)
            else:
                begun = self._clock.monotonic()
                heard = await self._transport.send(endpoint, step)
                self._note_silence(node.name, heard, self._clock.monotonic() - begun, glance=glance)
                if isinstance(heard, Response) and heard.status in (OK, STILL_RUNNING) and heard.daemon:
                    self._daemons[node.name] = heard.daemon
            try:
                step = conversation.send(heard)
            except StopIteration as end:
                outcome: object | Failure = end.value
                return outcome

    def _note_silence(self, name: NodeName, heard: Response | Loss, waited: float, *, glance: bool) -> None:
        if isinstance(heard, Response):
            self._unheard.discard(name)
            self._silent.discard(name)
        elif heard.phase is Phase.TIMEOUT or (waited >= IN_VAIN and not heard.sent):  # a machine that is off
            self._unheard.add(name)
            if not glance:
                self._silent.add(name)

    def _abandon(self, node: Target, call: Call, key: str) -> None:
        """Have a node end a call; whoever gave up waiting for it does not wait for this either."""
        log.info("call %s to node %s is abandoned", call.name, node.name)
        request = end_request(call, key, self._times.grace)
        task = asyncio.get_running_loop().create_task(
            self._transport.send(Endpoint(node.primary_ip, self._port), request)
        )
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _decode(self, node: NodeName, proc: Procedure[..., R], outcome: object) -> R:
        if not proc.steady:
            return proc.decode_answer(outcome)
        known = self._last.get((node, proc.name))
        if known is None or known[0] != outcome:
            known = self._last[node, proc.name] = outcome, proc.decode_answer(outcome)
        value: R = known[1]
        return value

    def _result(self, node: Target, call: Call, value: R | None, failure: Failure | None) -> NodeResult[R]:
        if failure is not None:
            self.failures[call.name, failure.phase] += 1
            log.info("call %s to node %s: %s: %s", call.name, node.name, failure.phase, failure.message)
            if failure.phase is Phase.REFUSED and isinstance(failure.error, errors.NotMasterError):
                self._deposed(failure.error)
        return NodeResult(node.name, value, failure)


def _offline(node: Target) -> NodeResult[Any]:
    return NodeResult(node.name, None, Failure(Phase.OFFLINE, "node is marked offline"))
