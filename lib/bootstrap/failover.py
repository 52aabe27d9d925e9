"""`gnt-cluster master-failover`: makes the node it runs on the master.

    ask all ── more than half answer? ── have them follow this node ── stop the old master
        ── fetch the newest configuration and jobs ── write, start the daemons

Nothing is written here before more than half of the nodes follow this one, and what
they promised is taken back when a later step fails.  Every step may be repeated: a
failover that was interrupted is run again.  What is guaranteed, and what cannot be, is
in doc/design-failover.rst.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from ganeti import errors, ssconf
from ganeti.bootstrap import failover_copies, failover_votes
from ganeti.bootstrap.failover_votes import Claim, Votes
from ganeti.clock import Clock
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.cluster.master_ip import address_of, holders
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.mastership import Mastership, is_majority
from ganeti.model.scalars import NodeName, Timestamp
from ganeti.owners import disk_of
from ganeti.paths import Paths
from ganeti.procedure import Procedure
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import MasterTerm
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.result import Failure, NodeResult, Phase
from ganeti.schema import replace
from ganeti.utils import net

R = TypeVar("R")

CONFIG_MODE = 0o640
#: seconds that more answers are waited for when there are enough
LATE = 2.0
#: seconds the old master is given to end
STOPPING = 45.0
#: seconds until the cluster's address must have left the old master
ADDRESS_PATIENCE = 10.0
_LOOK_EVERY = 0.5


class Options(NamedTuple):
    """What the command line says."""

    #: more than half of the nodes must agree
    voting: bool = True
    address_patience: float = ADDRESS_PATIENCE


class Daemons(Protocol):
    """The daemons of this node."""

    def start_master(self, *, voting: bool) -> None:
        """Start the daemons of the master; returns when they serve.  Raises EnvironmentFailure."""

    def holder(self, address: str, netdev: str) -> str:
        """Describe the machine that has an address on the network behind an interface; "" when none answers."""


class Failover:
    """One failover to this node; `tell` shows what goes on, `warn` what should be looked at."""

    def __init__(
        self,
        paths: Paths,
        rpc: NodeRpc,
        clock: Clock,
        daemons: Daemons,
        options: Options,
        tell: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._paths = paths
        self._rpc = rpc
        self._clock = clock
        self._daemons = daemons
        self._options = options
        self._tell = tell
        self._warn = warn
        self._me = NodeName(paths.hostname)
        self._nodes = known_nodes(paths)
        self._votes: Votes = {}
        #: nodes that did not answer: later they are asked too, but hold up nothing
        self._silent: set[NodeName] = set()
        #: masters that served until they were stopped
        self._stopped: list[NodeName] = []

    async def run(self) -> bool:
        """Become the master; return whether that was needed.

        Raises GenericError saying why it is not possible; then nothing is changed.
        """
        self._check_candidate()
        self._votes = await self._ask(p.master_vote)
        self._silent = {name for name, answer in self._votes.items() if not answer.ok}
        if self._is_master():
            return False
        claim = failover_votes.claim(self._me, self._votes, voting=self._options.voting)
        self._tell(f"asking {len(self._nodes)} nodes to follow {self._me} (term {claim.wanted.term})")
        promises = await self._ask(p.master_promise, claim.wanted.term, self._me, list(claim.held_by))
        try:
            failover_votes.check_promises(promises, claim.wanted, voting=self._options.voting)
            await self._take_over(claim)
        except (errors.GenericError, OSError, asyncio.CancelledError):
            await self._release(promises, claim.wanted)
            await self._go_on()
            raise
        self._tell("starting the daemons of the master")
        self._daemons.start_master(voting=self._options.voting)
        return True

    # --- before ---------------------------------------------------------------------

    def _check_candidate(self) -> None:
        candidates = ssconf.read_ssconf_lines(self._paths, "master_candidates")
        if self._me not in candidates:
            raise errors.OpPrereqError(
                f"cannot become the master: {self._me} is not a master candidate; run this on one of"
                f" {', '.join(candidates)}",
                ECode.STATE,
            )

    def _is_master(self) -> bool:
        given = {name: answer.unwrap("vote") for name, answer in self._votes.items() if answer.ok}
        mine = [vote for vote in given.values() if vote.master == self._me]
        return self._me in given and given[self._me].serving and is_majority(len(mine), len(given))

    # --- taking over ------------------------------------------------------------------

    async def _take_over(self, claim: Claim) -> None:
        """Fetch what is newest and write it; the last write makes this node the master."""
        for name in claim.held_by:
            await self._stop(name)
        # Asked again: until it was stopped, or refused, the old master may have gone on.
        votes = await self._ask(p.master_vote)
        candidates = failover_copies.known_candidates(self._paths)
        copies = failover_votes.copies(self._me, votes, candidates, voting=self._options.voting)
        config = await failover_copies.fetch_config(self._rpc, self._paths, self._nodes, copies)
        failover_copies.check_config(config, self._me, ssconf.read_ssconf(self._paths, "cluster_uuid"))
        queue = await failover_copies.fetch_jobs(self._rpc, self._paths, self._nodes, copies)
        if copies.config != self._me:
            self._tell(f"configuration {config.serial_no} comes from {copies.config}")
        if queue.files or queue.archived or queue.surplus:
            count = len(queue.files) + len(queue.archived) + len(queue.surplus)
            self._tell(f"{count} job files are brought up to date")
        await self._take_address(config, claim.held_by)
        failover_copies.write_jobs(self._paths, queue)
        self._write_config(with_master(config, self._me, claim.wanted, Timestamp(self._clock.time())))

    async def _stop(self, name: NodeName) -> None:
        node = self._nodes.get(name)
        answer: NodeResult[None] | None = None
        if node is not None and self._votes[name].ok:
            self._tell(f"stopping the master daemons on {name}")
            try:
                async with asyncio.timeout(STOPPING):
                    answer = await self._rpc.call(node, p.node_stop_master)
            except TimeoutError:
                failure = Failure(Phase.TIMEOUT, f"not done after {STOPPING:g} s")
                answer = NodeResult(name, None, failure)
        if answer is None or not answer.ok:
            reason = answer.failure if answer else "it does not answer"
            self._warn(f"cannot stop the old master {name}: {reason}; when it comes back it will find itself replaced")
        elif self._votes[name].unwrap("vote").serving:
            self._stopped.append(name)

    async def _go_on(self) -> None:
        """Let the old master go on: there will be no new one."""
        for name in self._stopped:
            answer = await self._rpc.call(self._nodes[name], p.node_start_master_daemons, False)
            if not answer.ok:
                self._warn(f"cannot start the master daemons on {name} again: {answer.failure}")

    async def _take_address(self, config: Config, old: Sequence[NodeName]) -> None:
        """Wait until nobody has the cluster's address any more.

        Raises OpPrereqError naming who keeps it.
        """
        ip = config.cluster.master_ip
        for name in old:
            if name in self._nodes and self._votes[name].ok:
                script = config.cluster.use_external_mip_script
                answer = await self._rpc.call(
                    self._nodes[name], p.node_deactivate_master_ip, address_of(config), script
                )
                if not answer.ok:
                    self._warn(f"cannot take the cluster's address {ip} off {name}: {answer.failure}")
        if net.is_loopback(ip) or net.is_own(ip):
            return
        end = self._clock.monotonic() + self._options.address_patience
        while found := self._daemons.holder(ip, config.cluster.master_netdev):
            if self._clock.monotonic() > end:
                raise errors.OpPrereqError(
                    f"cannot become the master: {found} still has the cluster's address {ip}"
                    f" ({await self._which_node(ip)}); take it away there, then try again",
                    ECode.STATE,
                )
            await self._clock.sleep(_LOOK_EVERY)

    async def _which_node(self, ip: str) -> str:
        answers = await self._ask(p.node_has_ip_address, ip)
        silent = [name for name, answer in answers.items() if not answer.ok]
        return holders(answers) or f"no node that answers has it; silent: {', '.join(silent) or 'none'}"

    def _write_config(self, config: Config) -> None:
        disk_of(self._paths).write_file(self._paths.config_file, config_text(config), mode=CONFIG_MODE)
        ssconf.write_ssconf(self._paths, ssconf_values(config))

    # --- talking to nodes -----------------------------------------------------------

    async def _release(self, promises: Mapping[NodeName, NodeResult[MasterTerm]], wanted: Mastership) -> None:
        """Take back what the nodes promised."""
        before = {name: answer.unwrap("vote") for name, answer in self._votes.items() if answer.ok}
        promise = MasterTerm(term=wanted.term, master=NodeName(wanted.master))
        calls = [
            (self._nodes[name], (promise, MasterTerm(term=vote.term, master=vote.master if vote.term else None)))
            for name, vote in before.items()
            if promises[name].ok
        ]
        for answer in (await self._rpc.call_each(p.master_release, calls)).values():
            if not answer.ok:
                self._warn(f"node {answer.node} goes on following {self._me}: {answer.failure}; run this again")

    async def _ask(self, procedure: Procedure[..., R], *args: Any) -> dict[NodeName, NodeResult[R]]:
        """Ask all nodes; when more than half have answered, the rest get little time."""
        calls = {
            name: asyncio.ensure_future(self._rpc.call(node, procedure, *args)) for name, node in self._nodes.items()
        }
        end: asyncio.Future[None] | None = None
        try:
            while waiting := [call for call in calls.values() if not call.done()]:
                good = [call for call in calls.values() if call.done() and call.result().ok]
                if end is None and is_majority(len(good), len(calls)):
                    end = asyncio.ensure_future(self._clock.sleep(LATE))
                hoped_for = [name for name, call in calls.items() if not call.done() and name not in self._silent]
                if end is not None and (end.done() or not hoped_for):
                    break
                either: list[asyncio.Future[Any]] = [*waiting, *([end] if end else [])]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            late = Failure(Phase.TIMEOUT, "it did not answer in time", uncertain=True)
            return {
                name: call.result() if call.done() else NodeResult(name, None, late) for name, call in calls.items()
            }
        finally:
            ending: list[asyncio.Future[Any]] = [*calls.values(), *([end] if end else [])]
            for future in ending:
                future.cancel()
            await asyncio.gather(*ending, return_exceptions=True)


def known_nodes(paths: Paths) -> dict[NodeName, Address]:
    """Return the nodes that are not marked offline, as this node knows them.

    Raises ConfigurationError on a node of no cluster.
    """
    found = [Address(NodeName(name), address) for name, address in ssconf.node_addresses(paths).items()]
    return {node.name: node for node in found}


def with_master(config: Config, me: NodeName, wanted: Mastership, now: Timestamp) -> Config:
    """Return the configuration under its new master."""
    node = config.node_named(me)
    assert node is not None, "checked before"
    cluster = replace(
        config.cluster,
        master_node=node.uuid,
        master_term=wanted.term,
        serial_no=config.cluster.serial_no + 1,
        mtime=now,
    )
    return config.changed({}, config.head._replace(cluster=cluster, serial_no=config.serial_no + 1, mtime=now))
