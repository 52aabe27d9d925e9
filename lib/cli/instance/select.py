"""Which instances a command is about: by name, by node, by tag, or all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ganeti.cli import listing
from ganeti.cli.failures import UsageError
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.query.names import filter_of_names
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import match_name, natural_sort

_ON_NODES: Mapping[str, Callable[[str], listing.Filter]] = {
    "nodes": lambda node: ["|", ["==", "pnode", node], ["=[]", "snodes", node]],
    "nodes-pri": lambda node: ["==", "pnode", node],
    "nodes-sec": lambda node: ["=[]", "snodes", node],
}
_BY_NODE_TAGS: Mapping[str, str] = {
    "nodes-by-tags": "nodes",
    "nodes-pri-by-tags": "nodes-pri",
    "nodes-sec-by-tags": "nodes-sec",
}


def select_instances(session: Session, options: Values, args: Sequence[str]) -> list[str]:
    """Return the full names of the instances that arguments and options mean.

    Raises UsageError when nothing is named, or something does not exist.
    """
    mode = options.multi_mode or "instances"
    if mode == "cluster":
        if args:
            raise UsageError("--all takes every instance: name none")
        return _names(session, "instance", None)
    if not args:
        raise UsageError("name at least one, or use --all")
    if mode == "instances":
        return expand_names(session, "instance", args)
    if mode == "instances-by-tags":
        return _names(session, "instance", _with_tags(args))
    if mode in _BY_NODE_TAGS:
        nodes = _names(session, "node", _with_tags(args))
        mode = _BY_NODE_TAGS[mode]
    else:
        nodes = expand_names(session, "node", args)
    if not nodes:
        return []
    return _names(session, "instance", ["|", *(_ON_NODES[mode](node) for node in nodes)])


def confirm_several(session: Session, options: Values, names: Sequence[str], what: str) -> None:
    """Ask before something is done to more than one instance.

    Raises DeclinedError, and UsageError when there is none.
    """
    if not names:
        raise UsageError("no instance matches")
    if len(names) == 1 or options.force_multi or (options.get("multi_mode") is None and options.get("force")):
        return
    session.console.say(f"The {what} will affect {len(names)} instances:")
    for name in names:
        session.console.say(f"  {name}")
    session.console.confirm("Continue?", "--force-multiple leaves this question out")


def expand_names(session: Session, what: str, words: Sequence[str]) -> list[str]:
    """Return the full names that names and patterns mean, each once, in the order given.

    Raises UsageError naming one that does not exist or is not clear.
    """
    found = _names(session, what, filter_of_names(words, "name"))
    if len(found) == len(words) == 1:
        return found
    result: dict[str, None] = {}
    for word in words:
        if "*" in word or "?" in word:
            result.update(dict.fromkeys(_names(session, what, filter_of_names([word], "name"))))
            continue
        name = match_name(word, found)
        if name is None:
            every = _names(session, what, None)
            raise UsageError(f"unknown or ambiguous {what} {word}{did_you_mean(word, every)}")
        result[name] = None
    return list(result)


def full_name(session: Session, word: str) -> str:
    """Return the full name of an instance, to be shown before it is asked about.

    Raises UsageError when there is none.
    """
    names = expand_names(session, "instance", [word])
    return names[0] if len(names) == 1 else word


def check_group(session: Session, word: str) -> None:
    """Raise UsageError when no node group has this name or uuid."""
    if not _names(session, "group", ["|", ["==", "name", word], ["==", "uuid", word]]):
        raise UsageError(f"unknown node group {word}{did_you_mean(word, _names(session, 'group', None))}")


def _with_tags(tags: Sequence[str]) -> listing.Filter:
    return ["|", *(["=[]", "tags", tag] for tag in tags)]


def _names(session: Session, what: str, qfilter: listing.Filter | None) -> list[str]:
    answer = session.client.call(methods.query, what, ["name"], qfilter)
    return natural_sort(str(row[0][1]) for row in answer["data"])
