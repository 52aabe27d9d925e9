"""Carries out changes of the pool of master candidates.

A candidate needs three things: its flag, the digest of its certificate among those
that nodes obey, and copies of configuration and jobs.  The digest is asked for first,
so that a node that does not answer is passed over instead of promoted half.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from ganeti.masterd.cmdlib.node import roles
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.rpc.result import NodeResult
from ganeti.schema import replace

CLIENT_CERT = "client-cert"

Tell = Callable[[str], None]


class Pool(NamedTuple):
    """A change of the pool that can be written down: who goes, and who comes with which digest."""

    promote: Sequence[Node] = ()
    demote: Sequence[Node] = ()
    digests: Mapping[Uuid, str] = {}


def digest_in(checks: Mapping[str, object]) -> tuple[str, str]:
    """Return (digest, "") from what node_verify found of a client certificate, or ("", what is wrong)."""
    match checks.get(CLIENT_CERT):
        case [None, str(digest)]:
            return digest, ""
        case [str(), str(problem)]:
            return "", problem
        case str(problem):
            return "", problem
    return "", "the node did not tell the digest of its certificate"


async def ask_digests(services: Services, config: Config, nodes: Sequence[Node]) -> dict[Uuid, tuple[str, str]]:
    """Return (digest, "") of each node's client certificate, or ("", why there is none)."""
    answers: Mapping[NodeName, NodeResult[Mapping[str, object]]] = await services.rpc.call_many(
        nodes, p.node_verify, {CLIENT_CERT: None}, config.cluster.cluster_name, {}
    )
    found = {}
    for node in nodes:
        answer = answers[node.name]
        found[node.uuid] = digest_in(answer.value or {}) if answer.ok else ("", str(answer.failure))
    return found


async def prepare_pool(
    services: Services, config: Config, warn: Tell, *, leaving: Collection[Uuid] = (), shrink: bool = False
) -> Pool:
    """Decide how the pool is filled again (or shrunk), asking the nodes that are to be promoted."""
    nodes, cluster = config.nodes.values(), config.cluster
    digests: dict[Uuid, str] = {}
    unable: set[Uuid] = set()
    while True:
        change = roles.plan_pool(
            nodes, cluster.master_node, cluster.candidate_pool_size, shrink=shrink, leaving=leaving, unable=unable
        )
        unasked = [node for node in change.promote if node.uuid not in digests]
        if not unasked:
            return Pool(change.promote, change.demote, digests)
        found = await ask_digests(services, config, unasked)
        for node in unasked:
            digest, problem = found[node.uuid]
            if digest:
                digests[node.uuid] = digest
            else:
                unable.add(node.uuid)
                warn(f"node {node.name} is not made master candidate: {problem}")


def write_pool(draft: Draft, pool: Pool) -> None:
    """Put a change of the pool into a draft."""
    for node in pool.promote:
        set_candidate(draft, node.uuid, pool.digests[node.uuid])
    for node in pool.demote:
        set_candidate(draft, node.uuid, None)


def set_candidate(draft: Draft, uuid: Uuid, digest: str | None) -> None:
    """Make a node a candidate with this certificate; None: take it out of the pool."""
    draft.nodes[uuid] = replace(draft.nodes[uuid], master_candidate=digest is not None)
    forget_digest(draft, uuid)
    if digest is not None:
        certs = {**draft.cluster.candidate_certs, uuid: digest}
        draft.cluster = replace(draft.cluster, candidate_certs=certs)


def forget_digest(draft: Draft, uuid: Uuid) -> None:
    """Obey a node's certificate no longer."""
    if uuid in draft.cluster.candidate_certs:
        certs = {known: digest for known, digest in draft.cluster.candidate_certs.items() if known != uuid}
        draft.cluster = replace(draft.cluster, candidate_certs=certs)


async def settle_pool(services: Services, pool: Pool, tell: Tell, warn: Tell) -> None:
    """Bring nodes into their new role after the change was written."""
    config = services.config.current
    for node in pool.promote:
        tell(f"node {node.name} is now master candidate")
        sent = await services.distribution.bring_up_to_date(config, config.nodes[node.uuid])
        for problem in sent.all_problems:
            warn(problem)
    for node in pool.demote:
        tell(f"node {node.name} is no longer master candidate")
        await demote(services, config.nodes[node.uuid], warn)


async def demote(services: Services, node: Node, warn: Tell) -> None:
    """Have a node put away its copies of configuration and jobs; only warn if it does not."""
    if node.offline:
        return
    answer = await services.rpc.call(node, p.node_demote_from_mc)
    if not answer.ok:
        warn(f"node {node.name} keeps its copy of the configuration: {answer.failure}")
