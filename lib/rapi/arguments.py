"""Arguments of the query part of an address: `?bulk=1&reason=maintenance`.

An unknown argument is ignored, as clients of other versions may send one.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganeti.rapi.replies import bad_request

_whole_number = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII).fullmatch

#: what was given, in order; a name may be given several times
Arguments = Mapping[str, Sequence[str]]


class ArgKind(enum.StrEnum):
    """How the text of an argument is read."""

    FLAG = "flag"
    TEXT = "text"
    TEXTS = "texts"
    NUMBERS = "numbers"
    REPEATED = "repeated"


class Arg(NamedTuple):
    """An argument; `field` is that of the opcode it sets, if it sets one under another name.

    An `own` argument sets none: the resource reads it itself.
    """

    name: str
    kind: ArgKind
    doc: str
    field: str = ""
    required: bool = False
    own: bool = False

    @property
    def target(self) -> str:
        """The field of the opcode it sets."""
        return self.field or self.name

    def value(self, given: Arguments) -> Any:
        """Return what was given; a flag that was not is false, all others are None.

        Raises Refusal.
        """
        texts = given.get(self.name, ())
        if not texts and self.required:
            raise bad_request(f"argument {self.name}: required, but missing")
        if self.kind is ArgKind.REPEATED:
            return list(texts)
        if not texts:
            return False if self.kind is ArgKind.FLAG else None
        match self.kind:
            case ArgKind.FLAG:
                return bool(_number(self.name, texts[0]))
            case ArgKind.TEXTS:
                return [word for word in texts[0].split(",") if word]
            case ArgKind.NUMBERS:
                return [_number(self.name, word) for word in texts[0].split(",") if word]
        return texts[0]


def flag(name: str, doc: str, field: str = "") -> Arg:
    """Return an argument that is a whole number, of which all but 0 mean yes."""
    return Arg(name, ArgKind.FLAG, doc, field)


def text(name: str, doc: str, field: str = "", *, required: bool = False) -> Arg:
    """Return an argument that is a text."""
    return Arg(name, ArgKind.TEXT, doc, field, required)


BULK = flag("bulk", "Answer everything about each, not only names")
LOCK = flag("lock", "Accepted and ignored: answers are consistent without locks")
DRY_RUN = flag("dry-run", "Only check whether it could be done", "dry_run")
FORCE = flag("force", "Do it although something speaks against it")
REASON = text("reason", "Why; goes to the job's reason trail")


def _number(name: str, word: str) -> int:
    if not _whole_number(word):
        raise bad_request(f"argument {name}: expected a whole number, got {word!r:.60}")
    return int(word)
