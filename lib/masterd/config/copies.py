"""The copies of the configuration that the master candidates keep, for when the master's own is damaged.

Who the candidates are is read from ssconf, as the configuration cannot tell.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors, ssconf
from ganeti.clock import Clock
from ganeti.masterd.config.load import DamagedConfig, parse_config
from ganeti.model.scalars import NodeName
from ganeti.owners import disk_of
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.utils import files
from ganeti.utils.digest import short_digest

CONFIG_MODE = 0o640


class Copy(NamedTuple):
    """What one candidate has; `problem` says why it is of no use."""

    node: NodeName
    text: bytes = b""
    serial: int = 0
    changed: float = 0.0
    problem: str = ""
    #: of the master that wrote it: what a replaced one wrote is older, whatever its serial number
    term: int = 0

    def __str__(self) -> str:
        if self.problem:
            return f"{self.node}: {self.problem}"
        when = datetime.datetime.fromtimestamp(self.changed).isoformat(" ", "seconds")
        return f"{self.node}: serial {self.serial} of {when}, checksum {short_digest(self.text)}"


class Restored(NamedTuple):
    """The copy that was put in place, and where the file it replaces is kept, "" when there was none."""

    copy: Copy
    kept: str


async def survey(paths: Paths, clock: Clock) -> list[Copy]:
    """Return what the other candidates have, the newest good copy first.

    Raises ConfigurationError when this node does not know who they are.
    """
    candidates = set(ssconf.read_ssconf_lines(paths, "master_candidates")) - {paths.hostname}
    addresses = [line.split() for line in ssconf.read_ssconf_lines(paths, "node_primary_ips")]
    nodes = [Address(NodeName(name), ip) for name, ip in addresses if name in candidates]
    uuid = ssconf.read_ssconf(paths, "cluster_uuid")
    rpc = NodeRpc(CurlEngine(CredentialFiles(paths.server_cert, paths.client_cert)), clock, uuid)
    try:
        answers = await rpc.call_many(nodes, p.config_copy)
    finally:
        await rpc.close()
    copies = [
        _judged(name, answer.unwrap("read its copy").encode(), uuid)
        if answer.ok
        else Copy(name, problem=str(answer.failure))
        for name, answer in answers.items()
    ]
    return sorted(copies, key=lambda copy: (bool(copy.problem), -copy.term, -copy.serial, copy.node))


def _judged(node: NodeName, text: bytes, uuid: str) -> Copy:
    try:
        config = parse_config(text, "config.data").config
    except DamagedConfig as err:
        return Copy(node, text, problem=err.reason)
    except errors.ConfigurationError as err:
        return Copy(node, text, problem=str(err))
    if config.cluster.uuid != uuid:
        return Copy(node, text, problem=f"it is of cluster {config.cluster.uuid}")
    term = config.cluster.master_term or 0
    return Copy(node, text, config.serial_no, config.head.mtime or 0.0, term=term)


async def newest_known(paths: Paths, clock: Clock) -> str:
    """Return a sentence about the newest good copy, "" when none is known."""
    try:
        copies = await survey(paths, clock)
    except errors.GenericError:
        return ""
    good = [copy for copy in copies if not copy.problem]
    if not good:
        return f"; no candidate has a good one ({', '.join(map(str, copies))})" if copies else ""
    same = [copy.node for copy in good[1:] if copy.text == good[0].text]
    return f"; the newest known is that of {good[0]}" + (f", the same on {', '.join(same)}" if same else "")


async def restore(paths: Paths, clock: Clock, wanted: str) -> Restored:
    """Replace the configuration here by the newest good copy, or by that of the node `wanted`.

    Raises ConfigurationError when it is not clear that this loses nothing, or cannot be done.
    """
    copies = await survey(paths, clock)
    path = paths.config_file
    chosen = _newest(path, copies) if not wanted else _of_node(path, copies, wanted)
    if not wanted:
        _refuse_older(path, chosen)
    kept, disk = "", disk_of(paths)
    try:
        old = files.read_file(path)
    except FileNotFoundError:
        pass
    else:
        kept = f"{path}.before-restore"
        disk.write_file(kept, old, mode=CONFIG_MODE)
    disk.write_file(path, chosen.text, mode=CONFIG_MODE)
    return Restored(chosen, kept)


def _newest(path: str, copies: Sequence[Copy]) -> Copy:
    if not copies or copies[0].problem:
        told = ", ".join(map(str, copies)) or "there is no other candidate"
        raise errors.ConfigurationError(f"cannot restore {path}: no candidate has a good copy ({told})")
    silent = [copy for copy in copies if copy.problem and not copy.text]
    if silent:
        raise errors.ConfigurationError(
            f"cannot restore {path}: {silent[0].node} may have a newer copy than {copies[0]}, but {silent[0].problem};"
            f" see to it, or use --restore-config={copies[0].node}"
        )
    return copies[0]


def _of_node(path: str, copies: Sequence[Copy], wanted: str) -> Copy:
    for copy in copies:
        if copy.node == wanted:
            if copy.problem:
                raise errors.ConfigurationError(f"cannot restore {path}: the copy of {copy} cannot be used")
            return copy
    known = ", ".join(copy.node for copy in copies) or "none"
    raise errors.ConfigurationError(f"cannot restore {path}: {wanted} is no other master candidate (they are: {known})")


def _refuse_older(path: str, chosen: Copy) -> None:
    try:
        serial = parse_config(files.read_file(path), path).config.serial_no
    except (OSError, errors.ConfigurationError):
        return
    raise errors.ConfigurationError(
        f"cannot restore {path}: it is good and has serial {serial}, the newest copy is that of {chosen};"
        f" if you mean it, use --restore-config={chosen.node}"
    )
