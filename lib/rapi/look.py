"""Resources that answer a question: lists of objects, one object, its tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.model.opcodes.tags import OpTagsDel, OpTagsSet
from ganeti.procedure import Procedure
from ganeti.rapi.arguments import BULK, DRY_RUN, LOCK, Arg, ArgKind
from ganeti.rapi.replies import Reply, not_found, reply
from ganeti.rapi.submit import job
from ganeti.rapi.table import NAMES, Access, Call, Method, Shape
from ganeti.utils import json

Object = dict[str, Any]
Adapt = Callable[[Object], None]
Ask = Procedure[[Sequence[str], Sequence[str], bool], list[Any]]


class Kind(NamedTuple):
    """A kind of named objects: how to ask for them, and how they are shown.

    `key` is what its name is called in the plain list; `adapt` changes an object as
    shown, in place, and `adapt_single` one that is shown alone, after that.
    """

    noun: str
    path: str
    variable: str
    key: str
    ask: Ask
    fields: tuple[str, ...]
    adapt: Adapt | None = None
    adapt_single: Adapt | None = None

    def listing(self) -> Method:
        """Return the method that lists all of them."""
        schema: Mapping[str, Any] = {"type": "array", "items": {"type": "object"}}
        shape = Shape(f"List of {{{self.key}, uri}}; with bulk, list of objects with the {self.noun} fields", schema)
        return Method(
            Access.NONE, f"List all {self.noun}s.", self._list, shape, args=[BULK, LOCK], calls=[self.ask]
        )  # fmt: skip

    def single(self) -> Method:
        """Return the method that shows one."""
        shape = Shape(f"Object with the {self.noun} fields", {"type": "object"})
        return Method(Access.NONE, f"Show one {self.noun}.", self._show, shape, args=[LOCK], calls=[self.ask])

    async def _list(self, call: Call) -> Reply:
        LOCK.value(call.arguments)
        if BULK.value(call.arguments):
            return Reply(await call.master.body(self.path, self._bulk, self.ask, [], self.fields, False))
        return Reply(await call.master.body(f"{self.path} names", self._plain, self.ask, [], ["name"], False))

    async def _show(self, call: Call) -> Reply:
        LOCK.value(call.arguments)
        rows = await call.master.call(self.ask, [call.variables[self.variable]], self.fields, False)
        if len(rows) != 1:
            raise not_found()
        shown = self._object(rows[0])
        if self.adapt_single:
            self.adapt_single(shown)
        return reply(shown)

    def _bulk(self, rows: Sequence[Sequence[Any]]) -> bytes:
        return json.dumps_bytes([self._object(row) for row in rows])

    def _plain(self, rows: Sequence[Sequence[Any]]) -> bytes:
        names = sorted(row[0] for row in rows)
        return json.dumps_bytes([{self.key: name, "uri": f"{self.path}/{name}"} for name in names])

    def _object(self, row: Sequence[Any]) -> Object:
        shown = dict(zip(self.fields, row, strict=True))
        if self.adapt:
            self.adapt(shown)
        return shown


# --- tags ---------------------------------------------------------------------------

TAG = Arg("tag", ArgKind.REPEATED, "A tag; can be given several times", "tags", required=True)


def tag_methods(kind: TagKind, variable: str = "") -> Mapping[str, Method]:
    """Return the methods of the tags of a kind of objects; without a variable, of the cluster."""

    async def list_tags(call: Call) -> Reply:
        tags = await call.master.call(methods.query_tags, kind, call.variables.get(variable, ""))
        return reply(sorted(tags))

    names = {variable: "name"} if variable else {}
    fixed = {"kind": kind, **({} if variable else {"name": ""})}
    noun = kind.value
    return {
        "GET": Method(Access.NONE, f"List the tags of a {noun}.", list_tags, NAMES, calls=[methods.query_tags]),
        "PUT": job(OpTagsSet, f"Add tags to a {noun}.", names=names, fixed=fixed, args=[TAG, DRY_RUN]),
        "DELETE": job(OpTagsDel, f"Remove tags from a {noun}.", names=names, fixed=fixed, args=[TAG, DRY_RUN]),
    }
