"""Whom this node takes for the master: a term that only grows, and a name.

Every mastership has a term, one more than any before it.  A node remembers the newest
it was told of, by the vote of a failover (`promise`) or by a call of the new master
itself, and from then on refuses the calls of every earlier master: whoever was
replaced while it was cut off or stopped gets no acknowledgement any more.

A node without the file has heard of no failover: term 0, whose master is the one that
ssconf names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
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
    files.write_file(paths.mastership_file, f"{text}\n", mode=FILE_MODE)


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
