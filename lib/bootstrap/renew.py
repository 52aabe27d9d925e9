"""`gnt-cluster renew-crypto`: carries out a change of the cluster's keys, from the master.

Works while the master daemon cannot, because certificates have expired: nodes are
known by the keys they hold, whatever the date.  What was cut off is gone on with
(see `ganeti.bootstrap.renewal` for the steps and why they may be repeated).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from ganeti import errors, mastership, ssconf
from ganeti.bootstrap import daemons, keys, renewal
from ganeti.bootstrap.renewal import Renewal, Step
from ganeti.confd.client import ConfdClient, read_key
from ganeti.confd.requests import RequestType
from ganeti.errors import ECode
from ganeti.mastership import Mastership
from ganeti.model.scalars import NodeName, Uuid
from ganeti.paths import Paths
from ganeti.procedure import Procedure
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address
from ganeti.rpc.curl import CredentialFiles, Credentials
from ganeti.rpc.result import NodeResult, Phase
from ganeti.rpc.sync import Caller
from ganeti.rpc.transport import DEFAULT_PORT, Endpoint
from ganeti.utils import files, x509

#: seconds in which confd has to take up a new key
CONFD_TIMEOUT = 20.0
_CONFD_TRY = 0.5

_SAID = {
    Step.ANNOUNCE: "telling nodes of the new keys",
    Step.SWITCH: "putting the new keys in use",
    Step.NODES: "renewing the certificates of nodes",
    Step.FORGET: "having nodes forget the old keys",
}

P = ParamSpec("P")
R = TypeVar("R")

Tell = Callable[[str], None]


class Wanted(NamedTuple):
    """What is to be renewed; contents are those of new files, "" for one that is made here."""

    server: bool = False
    hmac: bool = False
    nodes: bool = False
    rapi: str | None = None
    domain: str | None = None
    #: certificate with key, and the authority's certificate
    spice: tuple[str, str] | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all is to be renewed."""
        return self == Wanted()


class Means(NamedTuple):
    """What the caller lends: `renew_nodes` has the master daemon renew client certificates, `tell` shows progress.

    With `force` nodes that do not answer are left out.
    """

    renew_nodes: Callable[[], None]
    tell: Tell
    warn: Tell
    force: bool = False


def renew(paths: Paths, wanted: Wanted, means: Means) -> None:
    """Finish a change that was cut off, then make the one that is wanted now.

    Raises NoMasterError where this is not the master, OpPrereqError when nothing is to be
    done or it cannot be begun, OpExecError when it stops half way: then it may be repeated.
    """
    followed = mastership.read(paths).master or paths.hostname
    if ssconf.read_ssconf(paths, "master_node") != paths.hostname or followed != paths.hostname:
        raise errors.NoMasterError("cannot change keys of the cluster here")
    try:
        with files.locked_file(paths.renewal_lock, timeout=0):
            _renew(paths, wanted, means)
    except errors.LockError as err:
        raise errors.OpPrereqError("another change of keys is under way on this node", ECode.STATE) from err


def _renew(paths: Paths, wanted: Wanted, means: Means) -> None:
    begun = renewal.load(paths)
    if begun is not None and renewal.is_stale(paths, begun):
        means.warn("a change of keys that was begun here is dropped: another one was made since")
        renewal.finish(paths)
        begun = None
    if begun is not None:
        means.tell(f"going on with the change of keys that was cut off: {_SAID[begun.step]}")
        _carry_out(paths, begun, means)
        wanted = _left(wanted, begun)
        if wanted.is_nothing:
            return
    elif wanted.is_nothing:
        raise errors.OpPrereqError(
            "say what is to be renewed; nothing is left of an earlier change either", ECode.INVAL
        )
    change = _plan(paths, wanted)
    _look_at_nodes(paths, change, means)
    _carry_out(paths, change, means)


def _left(wanted: Wanted, done: Renewal) -> Wanted:
    """Return what is wanted beyond a change that has been finished; files that are given are always written."""
    return wanted._replace(
        server=wanted.server and done.server is None,
        hmac=wanted.hmac and done.hmac is None,
        nodes=wanted.nodes and done.server is None and not done.node_certificates,
        rapi=None if wanted.rapi == "" and renewal.RAPI in done.replaced else wanted.rapi,
        domain=None if wanted.domain == "" and renewal.DOMAIN in done.replaced else wanted.domain,
        spice=None if wanted.spice == ("", "") and renewal.SPICE in done.replaced else wanted.spice,
    )


def _plan(paths: Paths, wanted: Wanted) -> Renewal:
    """Make the new keys; nothing is written yet."""
    replaced: dict[str, str] = {}
    if wanted.rapi is not None:
        replaced[renewal.RAPI] = wanted.rapi or keys.new_certificate(ca=False).decode()
    if wanted.domain is not None:
        replaced[renewal.DOMAIN] = wanted.domain or keys.new_secret().decode()
    if wanted.spice is not None:
        own = keys.new_certificate()
        replaced[renewal.SPICE] = wanted.spice[0] or own.decode()
        replaced[renewal.SPICE_CA] = wanted.spice[1] or x509.certificate_part(own).decode()
    server = hmac = None
    if wanted.server:
        server = renewal.Pair(old=files.read_text(paths.server_cert), new=keys.new_certificate().decode())
    if wanted.hmac:
        hmac = renewal.Pair(old=files.read_text(paths.hmac_key), new=keys.new_secret().decode())
    return Renewal(
        cluster_uuid=Uuid(ssconf.read_ssconf(paths, "cluster_uuid")),
        server=server,
        hmac=hmac,
        replaced=replaced,
        node_certificates=wanted.nodes,
    )


def _carry_out(paths: Paths, begun: Renewal, means: Means) -> None:
    for step in begun.steps:
        begun = renewal.store(paths, begun, step)
        means.tell(_SAID[step])
        if step is Step.NODES:
            daemons.start(paths, daemons.MASTERD)  # it may not have been able to, with certificates that had expired
            means.renew_nodes()
        else:
            _write_everywhere(paths, begun, step, means)
            if step is Step.ANNOUNCE and begun.hmac is not None:
                _wait_for_confd(paths, begun.hmac.new.encode(), means)
    renewal.finish(paths)


# --- nodes ----------------------------------------------------------------------------


class _Pinned:
    """Credentials of this node for calls to whoever holds one of the keys that are in use."""

    def __init__(self, paths: Paths, change: Renewal) -> None:
        self._files = CredentialFiles(paths.server_cert, paths.client_cert)
        self._new = change.server.new.encode() if change.server else b""

    def load(self) -> Credentials:
        found = self._files.load()
        pins = [x509.public_key_pins(pem) for pem in (found.ca, self._new) if pem]
        return found._replace(pins=";".join(pins))


def _call(
    paths: Paths, change: Renewal, node: Address, proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs
) -> NodeResult[R]:
    """Call a node in the name of the master: one that was replaced, and has not heard of it, is refused."""
    master = Mastership(mastership.read(paths).term, paths.hostname).header
    endpoint = Endpoint(node.primary_ip, DEFAULT_PORT)
    with Caller(node.name, endpoint, _Pinned(paths, change), change.cluster_uuid, master=master) as caller:
        return caller.call(proc, *args, **kwargs)


def _nodes(paths: Paths) -> list[Address]:
    """Return the nodes that are not marked offline, as this node knows them; itself first."""
    found = [Address(NodeName(name), address) for name, address in ssconf.node_addresses(paths).items()]
    return sorted(found, key=lambda node: (node.name != paths.hostname, node.name))


def _look_at_nodes(paths: Paths, change: Renewal, means: Means) -> None:
    """Refuse to begin while a node does not answer.

    Raises OpPrereqError.
    """
    silent = []
    for node in _nodes(paths):
        answer = _call(paths, change, node, p.node_crypto_tokens, [])
        if answer.failure is not None and isinstance(answer.failure.error, errors.NotMasterError):
            raise errors.OpPrereqError(f"cannot change keys of the cluster here: {answer.failure}", ECode.STATE)
        if not answer.ok:
            silent.append(f"node {node.name}: {answer.failure}")
    if silent and not means.force:
        raise errors.OpPrereqError(
            f"cannot change keys: {'; '.join(silent)}. Nothing was changed. Mark nodes that are down offline,"
            " or use --force; they are taken back with gnt-node add --readd",
            ECode.ENVIRON,
        )


def _write_everywhere(paths: Paths, change: Renewal, step: Step, means: Means) -> None:
    contents = renewal.contents_of(change, step)
    for node in _nodes(paths):
        answer = _call(paths, change, node, p.key_files_write, contents)
        if answer.ok:
            means.tell(f"- {node.name}")
            continue
        assert answer.failure is not None
        if not means.force or answer.failure.phase not in (Phase.UNREACHABLE, Phase.TIMEOUT):
            raise errors.OpExecError(
                f"cannot go on with {_SAID[step]}: node {node.name}: {answer.failure}. Old and new keys are accepted"
                " meanwhile; gnt-cluster renew-crypto goes on from here, with --force without nodes that are down"
            )
        means.warn(f"node {node.name} is left out, take it back with gnt-node add --readd: {answer.failure}")


def _wait_for_confd(paths: Paths, key: bytes, means: Means) -> None:
    """Wait until every confd that answers the old key answers the new one."""
    old = read_key(paths)
    waiting = [peer for peer in ssconf.read_ssconf_lines(paths, "master_candidates_ips") if _answers(old, peer)]
    end = time.monotonic() + CONFD_TIMEOUT
    while waiting := [peer for peer in waiting if not _answers(key, peer)]:
        if time.monotonic() > end:
            means.warn(f"confd at {', '.join(waiting)} has not taken up the new key; its clients may have to ask again")
            return


def _answers(key: bytes, peer: str) -> bool:
    with ConfdClient(key, [peer]) as client:
        try:
            client.ask(RequestType.PING, timeout=_CONFD_TRY, tries=2)
        except errors.ConfdClientError:
            return False
    return True
