"""A call between programs, declared once as a typed Python signature for both ends.

A table of calls is a module of stubs:

    @procedure(timeout=60)
    def instance_info(instance: InstanceName, hname: HypervisorName) -> Mapping[str, Any]:
        "Return memory, vcpus, state and time of an instance."

The caller uses the stub as a key and as a signature (`call(node, p.instance_info,
name, hv)` is checked by mypy); the server binds a function with the same parameter
names to it.  Arguments travel as a JSON list in the order declared.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, cast

from ganeti import errors
from ganeti.schema_types import Type, type_of

P = ParamSpec("P")
R = TypeVar("R")


class Procedure(Generic[P, R]):
    """One call: its wire name, arguments, answer and limits.

    `timeout` is in seconds; `inline` calls are served without a process of their
    own, because they cannot block beyond a small write; `offline` calls are made
    even to nodes that are marked offline; `abandonable` calls are ended when
    nobody waits for them any more; `steady` calls are made again and again, and
    mostly answered as they were before.
    """

    def __init__(
        self,
        stub: Any,
        *,
        name: str,
        timeout: float,
        inline: bool = False,
        offline: bool = False,
        abandonable: bool = False,
        steady: bool = False,
    ) -> None:
        self.stub = stub
        self.name = name
        self.timeout = timeout
        self.inline = inline
        self.offline = offline
        self.abandonable = abandonable
        self.steady = steady
        self.doc = stub.__doc__ or ""
        code = stub.__code__  # not inspect: importing that costs a command line program 10 ms
        self.names = code.co_varnames[: code.co_argcount]
        given = stub.__defaults__ or ()
        self.defaults = dict(zip(self.names[len(self.names) - len(given) :], given, strict=True))
        self._signature: tuple[Mapping[str, Type], Type] | None = None

    def __repr__(self) -> str:
        return f"<procedure {self.name}>"

    @property
    def arguments(self) -> Mapping[str, Type]:
        """Types of the arguments, by name, in order."""
        return self._resolve()[0]

    @property
    def answer(self) -> Type:
        """Type of the answer."""
        return self._resolve()[1]

    def with_timeout(self, timeout: float) -> Procedure[P, R]:
        """Return the same call with another time limit, in seconds."""
        return Procedure(
            self.stub,
            name=self.name,
            timeout=timeout,
            inline=self.inline,
            offline=self.offline,
            abandonable=self.abandonable,
            steady=self.steady,
        )

    def encode_arguments(self, *args: P.args, **kwargs: P.kwargs) -> list[Any]:
        """Return the JSON list that carries the arguments."""
        named = {**self.defaults, **dict(zip(self.names, args, strict=False)), **kwargs}
        if len(args) > len(self.names) or named.keys() != set(self.names):
            raise TypeError(f"{self.name} takes ({', '.join(self.names)})")
        types = self.arguments
        return [types[n].dump(named[n]) for n in self.names]

    def decode_arguments(self, values: object) -> list[Any]:
        """Return the arguments carried by a JSON list; defaults fill missing ones at its end.

        Raises ParameterError naming the argument that is wrong.
        """
        if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
            raise errors.ParameterError(f"{self.name}: arguments must be a list")
        types = self.arguments
        if len(values) > len(types):
            raise errors.ParameterError(f"{self.name}: takes {len(types)} arguments, got {len(values)}")
        result = [t.parse(v, f"{self.name}.{n}") for (n, t), v in zip(types.items(), values, strict=False)]
        for name in list(types)[len(values) :]:
            if name not in self.defaults:
                raise errors.ParameterError(f"{self.name}.{name}: required, but missing")
            result.append(self.defaults[name])
        return result

    def encode_answer(self, value: R) -> Any:
        """Return the JSON form of an answer."""
        return self.answer.dump(value)

    def decode_answer(self, value: object) -> R:
        """Return the answer carried by JSON.

        Raises ParameterError when the other end answered something else.
        """
        return cast(R, self.answer.parse(value, f"answer of {self.name}"))

    def check_handler(self, handler: Callable[..., Any]) -> None:
        """Refuse a handler whose parameters are not the procedure's.

        Raises ProgrammerError.
        """
        code = handler.__code__
        given = code.co_varnames[: code.co_argcount]
        given = given[1:] if given[:1] == ("self",) else given
        wanted = self.names
        if wanted != given:
            raise errors.ProgrammerError(f"handler of {self.name} takes {list(given)}, the procedure {list(wanted)}")

    def _resolve(self) -> tuple[Mapping[str, Type], Type]:
        if self._signature is None:
            hints = typing.get_type_hints(self.stub, include_extras=True)
            answer = type_of(hints.pop("return", None))
            self._signature = ({n: type_of(hints[n]) for n in self.names}, answer)
        return self._signature


def procedure(
    *,
    timeout: float,
    name: str | None = None,
    inline: bool = False,
    offline: bool = False,
    abandonable: bool = False,
    steady: bool = False,
) -> Callable[[Callable[P, R]], Procedure[P, R]]:
    """Make a procedure of a stub; `name` is the wire name when it differs from the stub's."""

    def make(stub: Callable[P, R]) -> Procedure[P, R]:
        return Procedure(
            stub,
            name=name or stub.__name__,
            timeout=timeout,
            inline=inline,
            offline=offline,
            abandonable=abandonable,
            steady=steady,
        )

    return make


def table_of(module: Any) -> dict[str, Procedure[..., Any]]:
    """Return the procedures of a module of stubs, by wire name."""
    found = (v for v in vars(module).values() if isinstance(v, Procedure))
    return {p.name: p for p in found}
