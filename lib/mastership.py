"""Whom this node takes for the master: a term that only grows, and a name.

Every mastership has a term, one more than any before it.  A node remembers the newest
it was told of, by the vote of a failover (`promise`) or by a call of the new master
itself, and from then on refuses the calls of every earlier master: whoever was
replaced while it was cut off or stopped gets no acknowledgement any more.

A node without the file has heard of no failover: term 0, whose master is the one that
ssconf names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.owners import disk_of
from ganeti.paths import Paths
from ganeti.utils import files, json

FILE_MODE = 0o600
_FILE_LIMIT = 1024 * 1024


class Mastership(NamedTuple):
    """Who is the master in a term.

    `behind` are master candidates of which that master has told that they miss changes
    it has acknowledged: they must not follow it before they have fetched them.
    """

    term: int
    master: str
    behind: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """The value by which a call tells in whose name it is made."""
        return f"{self.term} {self.master}"


UNKNOWN = Mastership(0, "")


class Absence(NamedTuple):
    """That the master gives this node no answer: at how many looks in a row, and when at the first and the last.

    Times are seconds since the epoch.
    """

    master: str
    looks: int
    since: float
    last: float

    def seconds(self, master: str, now: float) -> float | None:
        """Return how long a master has been missed; None when it is not, or nobody has looked lately."""
        if self.master != master or not 0 <= now - self.last < ABSENCE_EXPIRY:
            return None
        return max(0.0, now - self.since)


#: seconds after which an absence that nobody looked at again counts no more
ABSENCE_EXPIRY = 900.0


def parse_header(text: str) -> Mastership:
    """Return what `Mastership.header` made.

    Raises ParameterError.
    """
    term, _, master = text.partition(" ")
    if not (term.isascii() and term.isdecimal() and len(term) < 16 and master):
        raise errors.ParameterError(f"cannot understand {text!r}: expected a term and the name of a master")
    return Mastership(int(term), master)


def read(paths: Paths) -> Mastership:
    """Return what this node remembers; term 0 of nobody when it has heard of no failover.

    Raises ConfigurationError when the file cannot be used.
    """
    path = paths.mastership_file
    try:
        match json.loads(files.read_file(path, _FILE_LIMIT)):
            case {"term": int(term), "master": str(master), "behind": list(behind)}:
                return Mastership(term, master, tuple(str(name) for name in behind))
    except FileNotFoundError:
        return UNKNOWN
    except (OSError, errors.ParseError) as err:
        raise errors.ConfigurationError(f"cannot read {path}: {err}") from err
    raise errors.ConfigurationError(f"cannot read {path}: not what this program writes there")


def write(paths: Paths, known: Mastership) -> None:
    """Remember a mastership; on disk when this returns."""
    files.ensure_dir(paths.data_dir, 0o755)
    text = json.dumps({"term": known.term, "master": known.master, "behind": list(known.behind)})
    disk_of(paths).write_file(paths.mastership_file, f"{text}\n", mode=FILE_MODE)


def read_absence(paths: Paths) -> Absence | None:
    """Return what the watcher of this node noted; None when the master answered it, or nothing can be read."""
    with contextlib.suppress(OSError, errors.ParseError):
        match json.loads(files.read_file(paths.master_absence_file, _FILE_LIMIT)):
            case {"master": str(master), "looks": int(looks), "since": float(since), "last": float(last)}:
                return Absence(master, looks, since, last)
    return None


def note_absence(paths: Paths, found: Absence | None) -> None:
    """Note that the master gave no answer, or (None) that it did."""
    if found is None:
        files.remove_file(paths.master_absence_file, missing_ok=True)
    else:
        text = json.dumps(found._asdict())
        files.write_file(paths.master_absence_file, f"{text}\n", mode=FILE_MODE, durable=False)


def forget(paths: Paths) -> None:
    """Forget it: the node leaves its cluster, or joins another."""
    files.remove_file(paths.mastership_file, missing_ok=True)


def judge(known: Mastership, caller: Mastership) -> bool:
    """Tell whether a caller is a newer master than the one a node knows.

    Raises NotMasterError when it is not the master any more.
    """
    if caller.term > known.term:
        return True
    if caller.term < known.term or (known.master and caller.master != known.master):
        raise errors.NotMasterError(
            f"{caller.master} is not the master any more (term {caller.term}):"
            f" {known.master} is, since term {known.term}",
            known.master,
        )
    return False


def grants(known: Mastership, wanted: Mastership, held_by: Sequence[str]) -> bool:
    """Tell whether a node may promise itself to a new master.

    `held_by` names the masters that are to be replaced: a node that meanwhile follows
    somebody else refuses.
    """
    if wanted.term == known.term:
        return wanted.master == known.master
    return wanted.term > known.term and (known.master in ("", wanted.master) or known.master in held_by)


def is_majority(count: int, of: int) -> bool:
    """Tell whether so many are more than half: two such groups always have somebody in common."""
    return 2 * count > of
