"""Resources that submit a job: from path, arguments and body to an opcode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti.luxi import methods
from ganeti.model.opcodes.base import OpCode
from ganeti.rapi.arguments import DRY_RUN, REASON, Arg
from ganeti.rapi.replies import Reply, bad_request, reply
from ganeti.rapi.table import JOB_ID, Access, Body, Call, Method

Fields = dict[str, Any]
#: makes the fields an opcode gets from a call besides those of path, arguments and fixed ones
BodyOf = Callable[[Call], Fields]
#: makes the opcodes of the job from the one that is complete
Around = Callable[[Call, Fields], list[Fields]]

#: key of the bodies of all resources that submit a job: after which other jobs
DEPENDS = "depends"
_MICROSECONDS = 1_000_000


class Submission(NamedTuple):
    """Submits a job of one opcode, or of those that `around` makes of it; answers its id.

    `names` says which field each variable of the path is.
    """

    opcode: type[OpCode]
    names: Mapping[str, str]
    args: Sequence[Arg]
    fixed: Mapping[str, object]
    rename: Mapping[str, str]
    body_of: BodyOf | None
    around: Around | None

    async def run(self, call: Call) -> Reply:
        """Do it.

        Raises Refusal, and errors of the master daemon.
        """
        fields = self._complete(call)
        ops = self.around(call, fields) if self.around else [{"OP_ID": self.opcode.OP_ID, **fields}]
        job_id = await call.master.call(methods.submit_job, ops)
        return reply(job_id)

    def _complete(self, call: Call) -> Fields:
        fields: Fields = {**self.fixed, **{field: call.variables[name] for name, field in self.names.items()}}
        for arg in self.args:
            value = arg.value(call.arguments)
            if value is not None:
                fields[arg.target] = value
        if DRY_RUN.value(call.arguments):
            # Whoever asks for a dry run gets one, or is refused, wherever that is.
            fields[DRY_RUN.target] = True
        body = renamed(self.body_of(call), self.rename) if self.body_of else {}
        if isinstance(call.body, dict) and DEPENDS in call.body:
            body = {**body, DEPENDS: call.body[DEPENDS]}
        clash = sorted(body.keys() & {*fields, "OP_ID"})
        if clash:
            raise bad_request(f"{clash[0]}: the resource sets this itself, the body must not")
        self.opcode.from_wire({**body, **fields})
        return {**body, **fields, "reason": reason_trail(call, body.get("reason"))}


def renamed(body: Fields, names: Mapping[str, str]) -> Fields:
    """Return a body with the opcode's names in place of those of the interface.

    Raises Refusal when both are there.
    """
    for old, new in names.items():
        if old in body and new in body:
            raise bad_request(f"{old} and {new} are the same, only one can be given")
    return {names.get(key, key): value for key, value in body.items()}


def reason_trail(call: Call, given: Iterable[object] | None = None) -> list[object]:
    """Return the trail of an opcode made for a call: the one given, what the caller said, and this resource."""
    now = int(call.now() * _MICROSECONDS) * 1000
    trail: list[object] = list(given or ())
    said = REASON.value(call.arguments)
    if said is not None:
        trail.append(["gnt:user", said, now])
    return [*trail, [f"gnt:library:rlib2:{call.resource.label}", "", now]]


def whole_body(call: Call) -> Fields:
    """Return the body: the parameters of the opcode."""
    return call.object_body()


def job(
    opcode: type[OpCode],
    doc: str,
    *,
    names: Mapping[str, str] | None = None,
    args: Sequence[Arg] = (),
    fixed: Mapping[str, object] | None = None,
    body: bool | BodyOf = False,
    rename: Mapping[str, str] | None = None,
    described: Body | None = None,
    around: Around | None = None,
    also: Sequence[type[OpCode]] = (),
    access: Access = Access.WRITE,
) -> Method:
    """Return a method that submits an opcode.

    `body` says whether it takes parameters of the opcode, or how they are made of what
    it takes; `described` says so to readers where that differs.
    """
    names, fixed, rename = names or {}, fixed or {}, rename or {}
    body_of = whole_body if body is True else body or None
    setting = [arg for arg in args if not arg.own]
    handle = Submission(opcode, names, setting, fixed, rename, body_of, around)
    set_here = [*names.values(), *fixed, *(arg.target for arg in setting)]
    if described is None and body:
        described = Body(f"Parameters of {opcode.OP_ID}", opcode, rename, set_here)
    return Method(access, doc, handle.run, JOB_ID, [*args, REASON], described, [opcode, *also], [methods.submit_job])
