"""What a row of the remote API's table is made of.

A `Resource` is a path and its methods.  A `Method` says who may call it, what it takes,
what it answers, and names the handler that does it: most are a `Submission` (an opcode)
or a question (`look`), anything else is a function of a `Call`.  A handler that returns
a `web.StreamResponse` has sent its answer itself, and may have taken its time.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from ganeti.model.opcodes.base import OpCode
from ganeti.procedure import Procedure
from ganeti.rapi.arguments import Arg, Arguments
from ganeti.rapi.master import Master
from ganeti.rapi.replies import JSON_TYPE, Reply, bad_request
from ganeti.rapi.watching import Watching


class Access(enum.Enum):
    """Who may call a method: users with one of these options, or with a role that allows it."""

    NONE = ()
    READ = ("read", "write")
    WRITE = ("write",)


class Missing(enum.Enum):
    """The body of a request that has none."""

    BODY = enum.auto()


class Call(NamedTuple):
    """A request, checked as far as all requests are: what handlers get.

    `variables` are the parts of the path that vary; `body` is what its JSON says;
    `user` is who asks, "" for anybody.
    """

    request: web.BaseRequest
    resource: Resource
    variables: Mapping[str, str]
    arguments: Arguments
    body: Any | Missing
    user: str
    master: Master
    watching: Watching
    now: Callable[[], float]

    def object_body(self) -> dict[str, Any]:
        """Return a copy of the body, which must be an object; none is an empty one.

        Raises Refusal.
        """
        if self.body is Missing.BODY or self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise bad_request(f"body: expected an object, got {type(self.body).__name__}")
        return dict(self.body)


Handler = Callable[[Call], Awaitable["Reply | web.StreamResponse"]]


class Shape(NamedTuple):
    """What an answer looks like: for readers, and as JSON schema."""

    doc: str
    schema: Mapping[str, Any] = {}
    content_type: str = JSON_TYPE


JOB_ID = Shape("Id of the submitted job", {"type": "integer", "minimum": 1})
NOTHING = Shape("Nothing", {"type": "null"})
NAMES = Shape("List of strings", {"type": "array", "items": {"type": "string"}})


class Body(NamedTuple):
    """What the body of a request holds.

    `opcode` means its parameters, of which `rename` have other names here and `fixed`
    are set by the resource; `fields` are described one by one: name -> (JSON schema, text).
    `schema` is of a body that is no object.
    """

    doc: str
    opcode: type[OpCode] | None = None
    rename: Mapping[str, str] = {}
    fixed: Sequence[str] = ()
    fields: Mapping[str, tuple[Mapping[str, Any], str]] = {}
    required: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None


class Method(NamedTuple):
    """One HTTP method of a resource.

    `opcodes` and `calls` are what the master daemon must know for it.
    """

    access: Access
    doc: str
    handle: Handler
    answer: Shape
    args: Sequence[Arg] = ()
    body: Body | None = None
    opcodes: Sequence[type[OpCode]] = ()
    calls: Sequence[Procedure[..., Any]] = ()

    @property
    def needs(self) -> list[str]:
        """Names of all opcodes and calls it is made of."""
        return [*(opcode.OP_ID for opcode in self.opcodes), *(call.name for call in self.calls)]


class Resource(NamedTuple):
    """A row: path with its variables in brackets (`/2/nodes/<node>/role`), and what can be done with it."""

    path: str
    methods: Mapping[str, Method]

    @property
    def label(self) -> str:
        """Name of the resource in reason trails: `nodes_name_role`."""
        words = [word for word in self.path.split("/") if word][1:]
        return "_".join("name" if word.startswith("<") else word.replace("-", "_") for word in words)
