"""From the path of a request to its row in the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ganeti.rapi.table import Resource

_name = r"[\w._-]{1,255}"
_number = r"[0-9]{1,18}"
#: what a variable of a path may hold; no slash and no percent sign, so that a path has one spelling
VARIABLES: Mapping[str, str] = {
    "node": _name,
    "instance": _name,
    "group": _name,
    "network": _name,
    "filter": _name,
    "query_res": _name,
    "job_id": _number,
    "disk": _number,
}

_MATCH = {name: re.compile(pattern, re.ASCII).fullmatch for name, pattern in VARIABLES.items()}


class Match(NamedTuple):
    """A row and what its variables hold."""

    resource: Resource
    variables: Mapping[str, str]

    def path(self) -> str:
        """Return the path that was asked for."""
        words = self.resource.path.split("/")
        return "/".join(self.variables[word[1:-1]] if word.startswith("<") else word for word in words)


class _Step:
    """What can follow in a path."""

    def __init__(self) -> None:
        self.words: dict[str, _Step] = {}
        self.variables: dict[str, _Step] = {}
        self.resource: Resource | None = None


class Router:
    """Finds rows of a table by path; a word goes before a variable."""

    def __init__(self, table: Iterable[Resource]) -> None:
        self._root = _Step()
        self._fixed: dict[str, Match] = {}
        for resource in table:
            step = self._root
            for word in resource.path.split("/")[1:]:
                ways, key = (step.variables, word[1:-1]) if word.startswith("<") else (step.words, word)
                step = ways.setdefault(key, _Step())
            step.resource = resource
            if "<" not in resource.path:
                self._fixed[resource.path] = Match(resource, {})

    def find(self, path: str) -> Match | None:
        """Return the row of a path as it stands in the request, None if there is none."""
        known = self._fixed.get(path)
        if known is not None or not path.startswith("/"):
            return known
        step = self._root
        variables: dict[str, str] = {}
        for word in path.split("/")[1:]:
            after = step.words.get(word)
            if after is None:
                name = next((name for name in step.variables if _MATCH[name](word)), None)
                if name is None:
                    return None
                variables[name] = word
                after = step.variables[name]
            step = after
        return Match(step.resource, variables) if step.resource else None
