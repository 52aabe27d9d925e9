"""Copies files of the cluster from the master to nodes: keys, and what hypervisors and the administrator name."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ganeti.masterd.cluster_files import ClusterFile, Where, cluster_files, hypervisor_files
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.client import NodeRpc
from ganeti.rpc.result import Phase
from ganeti.utils.files import read_file

#: how far a call gets to a node that is down, and will be caught up when it is back
_DOWN = frozenset({Phase.OFFLINE, Phase.UNREACHABLE, Phase.TIMEOUT})
_LIST_MODE = 0o644


class Sent(NamedTuple):
    """What came of sending: what an administrator has to see to, in sentences, and who was not reached (with why)."""

    problems: Sequence[str] = ()
    missed: dict[NodeName, str] = {}

    @property
    def all_problems(self) -> list[str]:
        """Everything that went wrong, as sentences."""
        return [*self.problems, *self.missed.values()]


class _Copy(NamedTuple):
    """A file as it is sent: its name on all nodes, content and permissions."""

    name: str
    text: str
    mode: int
    user: str | None = None
    group: str | None = None


class FileSender:
    """Sends files; remembers nothing."""

    def __init__(self, rpc: NodeRpc, paths: Paths) -> None:
        self._rpc = rpc
        self._paths = paths

    async def send(self, config: Config, nodes: Sequence[Node], kinds: Collection[Where]) -> Sent:
        """Copy the files of these kinds to the nodes they belong to, one after the other.

        A node that fails with one gets no more of them: it may be one that hangs.
        """
        wanted = cluster_files(self._paths, config, ())
        problems, missed = list(wanted.problems), dict[NodeName, str]()
        for file in [file for file in wanted.files if file.sent and file.where in kinds]:
            targets = [node for node in nodes if file.where.includes(node) and node.name not in missed]
            if not targets:
                continue
            try:
                copies = [*self._list_before(file, config), _read(self._paths, file)]
            except OSError as err:
                if not (file.optional and isinstance(err, FileNotFoundError)):
                    problems.append(f"cannot read {file.path} on the master: {err.strerror}")
                continue
            for copy in copies:
                reached = [node for node in targets if node.name not in missed]
                answers = await self._rpc.call_many(reached, p.upload_file_single, *copy)
                for name, answer in answers.items():
                    if answer.failure is not None:
                        text = f"cannot copy {file.path} to node {name}: {answer.failure}"
                        if answer.failure.phase in _DOWN:
                            missed[name] = text
                        else:
                            problems.append(text)
        return Sent(problems, missed)

    def _list_before(self, file: ClusterFile, config: Config) -> list[_Copy]:
        """Return what a node has to know before it takes a file that a parameter of a hypervisor names."""
        named = hypervisor_files(self._paths, config).files
        if file.path not in named:
            return []
        inside = [path.removeprefix(self._paths.root) for path in named]
        text = "".join(f"{path}\n" for path in inside)
        return [_Copy(self._paths.virtualize(self._paths.hypervisor_list), text, _LIST_MODE)]


def _read(paths: Paths, file: ClusterFile) -> _Copy:
    """Read a file, and whose it is.  Raises OSError."""
    data, status = read_file(file.path), os.stat(file.path)
    user, group = _owner(status)
    text = data.decode(errors="surrogateescape")
    return _Copy(paths.virtualize(file.path), text, stat.S_IMODE(status.st_mode) & 0o777, user, group)


def _owner(status: os.stat_result) -> tuple[str | None, str | None]:
    try:
        return pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name
    except KeyError:  # nobody by name: on the node it is that of the node daemon
        return None, None
