"""Tags, the same for all nouns: list-tags, add-tags, remove-tags, search-tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.model.opcodes.tags import OpTagsDel, OpTagsSearch, OpTagsSet
from ganeti.utils.text import natural_sort

_KINDS: Mapping[str, TagKind] = {
    "gnt-cluster": TagKind.CLUSTER,
    "gnt-node": TagKind.NODE,
    "gnt-instance": TagKind.INSTANCE,
    "gnt-group": TagKind.NODEGROUP,
    "gnt-network": TagKind.NETWORK,
}


def list_tags(session: Session, options: Values, args: Sequence[str]) -> int:
    """List the tags of one thing."""
    kind, name, _ = _target(session, args)
    tags = session.client.call(methods.query_tags, kind.value, name or "")
    for tag in natural_sort(tags):
        session.console.out(tag)
    return ExitCode.SUCCESS


def add_tags(session: Session, options: Values, args: Sequence[str]) -> int:
    """Add tags to one thing."""
    kind, name, given = _target(session, args)
    tags = given + _from_file(session, options.tags_source)
    _refuse_none(tags)
    run_op(session, options, OpTagsSet.from_wire({"kind": kind.value, "name": name, "tags": tags}))
    return ExitCode.SUCCESS


def remove_tags(session: Session, options: Values, args: Sequence[str]) -> int:
    """Remove tags from one thing."""
    kind, name, given = _target(session, args)
    tags = given + _from_file(session, options.tags_source)
    _refuse_none(tags)
    run_op(session, options, OpTagsDel.from_wire({"kind": kind.value, "name": name, "tags": tags}))
    return ExitCode.SUCCESS


def search_tags(session: Session, options: Values, args: Sequence[str]) -> int:
    """Find what has tags that match a pattern; the exit code is 1 when nothing has."""
    found = run_op(session, options, OpTagsSearch.from_wire({"pattern": args[0]}))
    for path, tag in sorted(found):
        session.console.out(f"{path} {tag}")
    return ExitCode.SUCCESS if found else ExitCode.FAILURE


def _target(session: Session, args: Sequence[str]) -> tuple[TagKind, str | None, list[str]]:
    """Return what carries the tags, and the tags among the arguments."""
    kind = _KINDS[session.program.name]
    if kind is TagKind.CLUSTER:
        return kind, None, list(args)
    return kind, args[0], list(args[1:])


def _from_file(session: Session, source: str | None) -> list[str]:
    """Return the tags of a file, a line each; "-" is standard input."""
    if source is None:
        return []
    if source == "-":
        text = session.console.read_all()
    else:
        try:
            with open(source, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as err:
            raise UsageError(f"cannot read tags from {source}: {err}") from err
    return [line.strip() for line in text.splitlines() if line.strip()]


def _refuse_none(tags: Sequence[str]) -> None:
    if not tags:
        raise UsageError("no tags given: name them, or read them with --from FILE")
