"""Brings the newest configuration and job queue to the node that becomes the master."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti import errors, ssconf
from ganeti.bootstrap.failover_votes import Copies
from ganeti.errors import ECode
from ganeti.masterd.config.load import parse_config
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.jobqueue.commit import DIR_MODE, FILE_MODE
from ganeti.masterd.jobqueue.merge import is_newer
from ganeti.model.scalars import JobId, NodeName
from ganeti.owners import disk_of
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import QueueCopy
from ganeti.rpc.client import Address, NodeRpc
from ganeti.utils import files
from ganeti.utils.digest import short_digest

_JOB = "job-"
_IN_QUEUE = re.compile(r"job-[0-9]{1,18}", re.ASCII).fullmatch
_IN_ARCHIVE = re.compile(r"archive/[0-9]{1,14}/job-[0-9]{1,18}", re.ASCII).fullmatch
#: a job may be in the queue of one replica and archived in another that was asked before
_ROUNDS = 2


class Queue(NamedTuple):
    """What is to be changed in the queue here.

    `files` are newer elsewhere, by name; `archived` are files of the archive, by path
    in the queue directory; `surplus` names what is to be put away; `drained` is None
    for as it is here.
    """

    files: Mapping[str, bytes]
    archived: Mapping[str, bytes]
    surplus: Sequence[str]
    serial: int
    drained: bool | None


def known_candidates(paths: Paths) -> frozenset[str]:
    """Return the names of the master candidates, as far as this node knows.

    The configuration here counts besides ssconf: of the two either may have been written last.
    Raises ConfigurationError on a node of no cluster.
    """
    found = set(ssconf.read_ssconf_lines(paths, "master_candidates"))
    with contextlib.suppress(OSError, errors.ConfigurationError):
        config = parse_config(files.read_file(paths.config_file), paths.config_file).config
        if config.cluster.uuid == ssconf.read_ssconf(paths, "cluster_uuid"):
            found.update(node.name for node in config.candidates())
    return frozenset(found)


async def fetch_config(rpc: NodeRpc, paths: Paths, nodes: Mapping[NodeName, Address], copies: Copies) -> Config:
    """Return the newest configuration.

    Raises ConfigurationError or OpExecError when it cannot be had.
    """
    if copies.config == paths.hostname:
        return parse_config(files.read_file(paths.config_file), paths.config_file).config
    answer = await rpc.call(nodes[copies.config], p.config_copy)
    text = answer.unwrap("fetch the configuration")
    return parse_config(text.encode(), f"of node {copies.config}").config


async def fetch_jobs(rpc: NodeRpc, paths: Paths, nodes: Mapping[NodeName, Address], copies: Copies) -> Queue:
    """Find out what the other candidates' queues have that the one here has not.

    Raises OpExecError when one of them cannot be read.
    """
    merging = _Merging(_own_files(paths), count_own=copies.own_count)
    for _ in range(_ROUNDS):
        for name in copies.jobs:
            more = True
            while more:
                answer = await rpc.call(nodes[name], p.jobqueue_read, merging.digests())
                copy = answer.unwrap("fetch the job queue")
                _check_names(name, copy)
                more = merging.take(copy) and copy.more
                if name == copies.config:
                    merging.drained = copy.drained
    return merging.result()


def _check_names(node: NodeName, copy: QueueCopy) -> None:
    """Refuse an answer with what is not a job: files are written by the names in it.

    Raises OpExecError.
    """
    named = (
        (_IN_QUEUE, [*copy.names, *(name for name, _ in copy.files)]),
        (_IN_ARCHIVE, [n for n, _ in copy.archived]),
    )
    for is_right, names in named:
        strange = next((name for name in names if not is_right(name)), None)
        if strange is not None:
            raise errors.OpExecError(
                f"cannot fetch the job queue from node {node}: {strange!r:.80} is not the name of a job file;"
                " see to that node, or mark it offline"
            )


def write_jobs(paths: Paths, queue: Queue) -> None:
    """Change the queue here; may be repeated."""
    disk = disk_of(paths)
    for directory in (paths.queue_dir, paths.archive_dir):
        disk.ensure_dir(directory, DIR_MODE)
    named = {**queue.archived, **queue.files}
    targets = {os.path.join(paths.queue_dir, name): data for name, data in named.items()}
    for directory in sorted({os.path.dirname(path) for path in targets}):
        disk.ensure_dir(directory, DIR_MODE)
    disk.write_files(list(targets.items()), FILE_MODE)
    for name in queue.archived:
        files.remove_file(os.path.join(paths.queue_dir, os.path.basename(name)), missing_ok=True)
    pairs = [(os.path.join(paths.queue_dir, n), paths.archived_job_file(_number(n))) for n in queue.surplus]
    disk.rename_files([pair for pair in pairs if os.path.exists(pair[0])], mode=DIR_MODE)
    disk.write_file(paths.queue_serial, f"{queue.serial}\n", mode=FILE_MODE)
    if queue.drained is True:
        disk.write_file(paths.queue_drain, b"", mode=FILE_MODE)
    elif queue.drained is False:
        files.remove_file(paths.queue_drain, missing_ok=True)


class _Merging:
    """Joins replicas of a queue; of a job in several the newest copy counts, and an archived one always."""

    def __init__(self, own: Mapping[str, bytes], *, count_own: bool) -> None:
        self._own = own
        self._count_own = count_own
        self._taken: dict[str, bytes] = {}
        self._archived: dict[str, bytes] = {}
        self._elsewhere: set[str] = set()
        #: digests of the copies that were looked at last, so that they are not sent again
        self._seen: dict[str, str] = {}
        self._serial = max((_number(name) for name in own), default=0)
        self._heard = False
        self.drained: bool | None = None

    def digests(self) -> dict[str, str]:
        gone = {os.path.basename(name) for name in self._archived}
        known = {name: short_digest(data) for name, data in {**self._own, **self._taken}.items()}
        return {name: digest for name, digest in {**known, **self._seen}.items() if name not in gone}

    def take(self, copy: QueueCopy) -> bool:
        """Take over what is newer; return whether there was anything to look at."""
        self._heard = True
        self._serial = max(self._serial, copy.serial)
        self._elsewhere.update(copy.names)
        for path, text in copy.archived:
            self._archived[path] = text.encode()
            self._taken.pop(os.path.basename(path), None)
        gone = {os.path.basename(name) for name in self._archived}
        for name, text in copy.files:
            self._seen[name] = short_digest(text.encode())
            known = self._taken.get(name) or (self._own.get(name) if self._count_own else None)
            if name not in gone and (known is None or is_newer(text.encode(), known, JobId(_number(name)))):
                self._taken[name] = text.encode()
        return bool(copy.files or copy.archived)

    def result(self) -> Queue:
        archived = {os.path.basename(name) for name in self._archived}
        surplus = () if self._count_own or not self._heard else sorted(self._own.keys() - self._elsewhere - archived)
        return Queue(
            files=self._taken, archived=self._archived, surplus=surplus, serial=self._serial, drained=self.drained
        )


def _own_files(paths: Paths) -> dict[str, bytes]:
    found = {}
    names = os.listdir(paths.queue_dir) if os.path.isdir(paths.queue_dir) else []
    for name in names:
        if name.startswith(_JOB) and name.removeprefix(_JOB).isdecimal():
            with contextlib.suppress(OSError):
                found[name] = files.read_file(os.path.join(paths.queue_dir, name))
    return found


def _number(name: str) -> int:
    return int(os.path.basename(name).removeprefix(_JOB))


def check_config(config: Config, me: NodeName, cluster_uuid: str) -> None:
    """See whether a configuration lets this node be the master.

    Raises OpPrereqError.
    """
    if config.cluster.uuid != cluster_uuid:
        raise errors.OpPrereqError(
            f"cannot become the master: the configuration is of cluster {config.cluster.uuid}, this node belongs to"
            f" {cluster_uuid}",
            ECode.STATE,
        )
    node = config.node_named(me)
    if node is None or not node.master_candidate or node.offline:
        problem = "is marked offline" if node and node.offline else "is not a master candidate (any more)"
        names = ", ".join(sorted(other.name for other in config.candidates() if not other.offline))
        raise errors.OpPrereqError(f"cannot become the master: {me} {problem}; run this on one of {names}", ECode.STATE)
