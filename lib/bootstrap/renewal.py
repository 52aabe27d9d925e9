"""A change of the cluster's keys, as a sequence of steps that may be cut off anywhere.  Pure, but for its file.

    announce   every node trusts the new certificate and confd key beside the old ones, which stay in use
    switch     every node uses the new ones, and trusts the old ones still; all other files are replaced
    nodes      every node gets a client certificate of the new authority (a job)
    forget     every node trusts the new ones alone

Between any two nodes, whichever of two neighbouring steps each is at, each accepts what
the other shows: so nothing has to stand still, and a step may be done again.  What is
to become of the keys, and the step, are in a file of the master from before the first
node is touched until after the last.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.model.scalars import Uuid
from ganeti.paths import Paths
from ganeti.schema import Record, param, replace
from ganeti.utils import files, json, x509

_LIMIT = 16 * 1024 * 1024
_FILE_MODE = 0o600

SERVER, RAPI, HMAC, DOMAIN = "server.pem", "rapi.pem", "hmac.key", "cluster-domain-secret"
HMAC_NEW, HMAC_OLD = "hmac.key.new", "hmac.key.old"
SPICE, SPICE_CA = "spice.pem", "spice-ca.pem"

#: names of files and what they are to hold, None for no file
Contents = Sequence[tuple[str, str | None]]


class Step(enum.StrEnum):
    """What is done next."""

    ANNOUNCE = "announce"
    SWITCH = "switch"
    NODES = "nodes"
    FORGET = "forget"


class Pair(Record):
    """What a file held when the change began, and what it will."""

    old: str = param(secret=True, doc="Content before")
    new: str = param(secret=True, doc="Content after")


class Renewal(Record):
    """A change that is under way."""

    cluster_uuid: Uuid = param(doc="The cluster whose keys are changed")
    step: Step = param(default=Step.ANNOUNCE, doc="The step that is done next")
    server: Pair | None = param(default=None, doc="Key and certificate of the cluster")
    hmac: Pair | None = param(default=None, doc="Key of confd")
    replaced: Mapping[str, str] = param(factory=dict, secret=True, doc="Files that nobody compares, by name")
    node_certificates: bool = param(default=False, doc="Whether nodes get new client certificates")

    @property
    def steps(self) -> list[Step]:
        """The steps that are left; what is replaced without a transition takes one."""
        in_transition = self.server is not None or self.hmac is not None
        needed = {
            Step.ANNOUNCE: in_transition,
            Step.SWITCH: in_transition or bool(self.replaced),
            Step.NODES: self.server is not None or self.node_certificates,
            Step.FORGET: in_transition,
        }
        order = list(Step)
        return [step for step in order[order.index(self.step) :] if needed[step]]


def contents_of(renewal: Renewal, step: Step) -> list[tuple[str, str | None]]:
    """Return what every node's files hold after a step, in the order they are written."""
    found: list[tuple[str, str | None]] = []
    if renewal.server is not None:
        found.append((SERVER, _server_file(renewal.server, step)))
    if renewal.hmac is not None:
        found += _hmac_files(renewal.hmac, step)
    if step is Step.SWITCH:
        found += renewal.replaced.items()
    return found


def _server_file(pair: Pair, step: Step) -> str:
    old, new = pair.old.encode(), pair.new.encode()
    # The old file may trust more than its own certificate: an earlier change was cut off, on another master.
    trusted_before = [certificate.encode() for certificate in certificates_of(pair.old)]
    match step:
        case Step.ANNOUNCE:
            return x509.with_trust(old, *trusted_before, new).decode()
        case Step.FORGET:
            return pair.new
        case _:
            return x509.with_trust(new, *trusted_before).decode()


def _hmac_files(pair: Pair, step: Step) -> list[tuple[str, str | None]]:
    match step:
        case Step.ANNOUNCE:
            return [(HMAC_NEW, pair.new)]
        case Step.FORGET:
            return [(HMAC, pair.new), (HMAC_NEW, None), (HMAC_OLD, None)]
        case _:
            # confd reads them in another order, so that it always finds both
            return [(HMAC_OLD, pair.old), (HMAC, pair.new), (HMAC_NEW, None)]


def certificates_of(pem: str) -> list[str]:
    """Return the certificates of a PEM, each as one."""
    return [x509.as_pem(certificate) for certificate in x509.load_certificates(SERVER, pem.encode())]


# --- the file -------------------------------------------------------------------------


def load(paths: Paths) -> Renewal | None:
    """Return the change that was begun here and is still to be finished, None if there is none.

    Raises ConfigurationError when the file cannot be understood.
    """
    try:
        text = files.read_file(paths.renewal_file, _LIMIT)
    except FileNotFoundError:
        return None
    try:
        return Renewal.from_wire(json.loads(text), "renewal")
    except (errors.ParseError, errors.ParameterError) as err:
        raise errors.ConfigurationError(
            f"cannot go on with the change of keys in {paths.renewal_file}: {err}; move the file away and begin anew"
        ) from err


def store(paths: Paths, renewal: Renewal, step: Step) -> Renewal:
    """Write down what is done next, before it is done; return it."""
    now = replace(renewal, step=step)
    files.write_file(paths.renewal_file, json.dumps_bytes(now.to_wire()), mode=_FILE_MODE)
    return now


def finish(paths: Paths) -> None:
    """Note that nothing is left to do."""
    files.remove_file(paths.renewal_file, missing_ok=True)


def is_stale(paths: Paths, renewal: Renewal) -> bool:
    """Tell whether keys were changed by somebody else meanwhile, on another master."""
    pairs = ((renewal.server, paths.server_cert), (renewal.hmac, paths.hmac_key))
    return any(pair is not None and not _is_either(pair, path) for pair, path in pairs)


def _is_either(pair: Pair, path: str) -> bool:
    here = files.read_text(path)
    if pair.new.startswith("-----BEGIN"):
        now = x509.load_certificate(path, here.encode())
        return any(now == x509.load_certificate(path, pem.encode()) for pem in (pair.old, pair.new))
    return here in (pair.old, pair.new)
