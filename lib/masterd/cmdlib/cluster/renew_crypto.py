"""Gives the nodes new client certificates, without a moment in which one is not obeyed.

Each node makes its own and lays it beside the one in use.  Then all nodes are told to
obey both, then each takes the new one, then the old ones are forgotten.  Cut off
anywhere, what is in use is obeyed, and the whole may be done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.cluster import OpClusterRenewCrypto
from ganeti.model.scalars import NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.schema import replace
from ganeti.utils.text import plural

_TYPE = "ssl"
#: how often, and seconds apart, nodes that miss the new list are told again
_TRIES = 5
_PAUSE = 0.5


class Certificates(NamedTuple):
    """Digests of a node's client certificates: the one in use, "" without one, and the next."""

    now: str
    next: str


class LUClusterRenewCrypto(LogicalUnit[OpClusterRenewCrypto, Sequence[Node]]):
    """Renew the certificates of all nodes that are online."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks(ALL, shared=True) if level in (Level.NODE, Level.NODE_ALLOC) else None

    async def check(self, config: Config) -> Sequence[Node]:
        if self.op.renew_ssh_keys:
            raise errors.OpPrereqError(
                "cannot make new SSH keys: SSH keys of nodes are left to their administrator",
                ECode.INVAL,
            )
        if not self.op.node_certificates:
            raise errors.OpPrereqError("nothing is to be renewed: ask for node_certificates", ECode.INVAL)
        return config.online_nodes()

    async def execute(self, plan: Sequence[Node]) -> None:
        made = await self._make(plan)
        obeyed = {node.uuid: made[node.uuid] for node in plan if node.master_candidate}
        self.info(f"{plural(len(made), 'node')} made a new certificate; all are told to obey it")
        await self._obey({uuid: _both(certificates) for uuid, certificates in obeyed.items()})
        await self._all_know(plan)
        done = await self._activate(plan, made)
        await self._obey({uuid: certificates.next for uuid, certificates in obeyed.items() if uuid in done})
        if len(done) < len(plan):
            left = ", ".join(node.name for node in plan if node.uuid not in done)
            raise errors.OpExecError(f"cannot renew the certificates of {left}; the others have new ones, do it again")
        self.info("all nodes use their new certificates; the old ones are obeyed no longer")

    async def _make(self, nodes: Sequence[Node]) -> dict[Uuid, Certificates]:
        """Have every node make its next certificate; nothing is in use yet."""
        wanted: list[tuple[str, str, dict[str, object]]] = [(_TYPE, "get", {}), (_TYPE, "create", {})]
        answers = await self.services.rpc.call_many(nodes, p.node_crypto_tokens, wanted)
        failed = [f"node {name}: {answer.failure}" for name, answer in answers.items() if not answer.ok]
        if failed:
            raise errors.OpExecError(
                f"cannot renew certificates of nodes: {'; '.join(failed)}; nothing was changed."
                " Mark a node that is down offline, it is taken back with gnt-node add --readd"
            )
        found = {}
        for node in nodes:
            (_, now), (_, following) = answers[node.name].unwrap("make a certificate")
            found[node.uuid] = Certificates(now, following)
        return found

    async def _obey(self, digests: Mapping[Uuid, str]) -> None:
        """Write down whose certificates are obeyed, and tell all nodes."""
        with self.services.config.update() as draft:
            certs = {**draft.cluster.candidate_certs, **digests}
            draft.cluster = replace(draft.cluster, candidate_certs=certs)
        await self.services.config.durable(draft)

    async def _all_know(self, nodes: Sequence[Node]) -> None:
        """Go on only when every node obeys the new certificates: it would refuse the master else."""
        distribution = self.services.distribution
        late: list[NodeName] = []
        for _ in range(_TRIES):
            late = [node.name for node in nodes if "ssconf" in distribution.behind.get(node.name, ())]
            if not late:
                return
            await distribution.catch_up()
            await self.services.clock.sleep(_PAUSE)
        raise errors.OpExecError(
            f"cannot use new certificates: {', '.join(late)} could not be told of them; the old ones stay in use"
        )

    async def _activate(self, nodes: Sequence[Node], made: Mapping[Uuid, Certificates]) -> set[Uuid]:
        answers = await self.services.rpc.call_each(
            p.client_cert_activate, [(node, (made[node.uuid].next,)) for node in nodes]
        )
        for name, answer in answers.items():
            if not answer.ok:
                self.warn(f"node {name} goes on with its old certificate: {answer.failure}")
        return {node.uuid for node in nodes if answers[node.name].ok}


def _both(certificates: Certificates) -> str:
    return ",".join(digest for digest in (certificates.next, certificates.now) if digest)
