"""Whom this node follows as the master, how it votes, and what it lends to who becomes the master."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from ganeti import errors, mastership, ssconf
from ganeti.mastership import Mastership
from ganeti.model.scalars import NodeName
from ganeti.noded.backend import daemons
from ganeti.noded.backend.jobqueue import newest_job
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import MasterTerm, MasterVote
from ganeti.utils import files, json


class Following:
    """Calls that decide who is the master.

    Those that change what the node remembers are inline: one after the other, and
    never between the check of a call and the call itself.
    """

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def master_vote(self) -> MasterVote:
        """Return whom this node takes for the master, and how new its own copies are."""
        paths = self._node.paths
        known = mastership.read(paths)
        term, serial = self._config_age()
        master = known.master or ssconf.read_ssconf(paths, "master_node")
        missed = mastership.read_absence(paths)
        return MasterVote(
            master=NodeName(master),
            term=known.term,
            behind=[NodeName(name) for name in known.behind],
            config_term=term,
            config_serial=serial,
            job_serial=None if serial is None else newest_job(paths),
            serving=daemons.runs(self._node, daemons.MASTERD),
            absent=missed.seconds(master, self._node.clock.time()) if missed else None,
        )

    def master_promise(self, term: int, master: NodeName, held_by: Sequence[NodeName]) -> MasterTerm:
        """Follow a new master from now on, unless this node follows one that is not known to be replaced."""
        known, wanted = mastership.read(self._node.paths), Mastership(term, master)
        if mastership.grants(known, wanted, held_by) and known[:2] != wanted[:2]:
            # Who is behind does not change with the master: it is forgotten when they have caught up.
            known = wanted._replace(behind=known.behind)
            mastership.write(self._node.paths, known)
        return MasterTerm(term=known.term, master=NodeName(known.master) if known.master else None)

    def master_release(self, promise: MasterTerm, before: MasterTerm) -> None:
        """Take back a promise, if the node still holds it."""
        known = mastership.read(self._node.paths)
        if known[:2] == (promise.term, promise.master):
            mastership.write(self._node.paths, Mastership(before.term, before.master or "", known.behind))

    def master_behind(self, names: Sequence[NodeName]) -> None:
        """Remember who misses changes; the call came from the master, or it would not be carried out."""
        known = mastership.read(self._node.paths)
        if known.behind != tuple(names):
            mastership.write(self._node.paths, known._replace(behind=tuple(names)))

    def _config_age(self) -> tuple[int | None, int | None]:
        """Return (term, serial) of the configuration here, None where none of this cluster can be read."""
        own = ssconf.read_ssconf(self._node.paths, "cluster_uuid")
        with contextlib.suppress(OSError, errors.ParseError):
            match json.loads(files.read_file(self._node.paths.config_file)):
                case {"serial_no": int(serial), "cluster": {"uuid": str(uuid), **cluster}} if uuid == own:
                    return int(str(cluster.get("master_term") or 0)), serial
        return None, None
