"""Records: one declaration gives validation, the wire form and the documentation.

A record is a frozen value whose fields are declared once, as annotations with a
`param()` each.  From that declaration come the constructor, `from_wire` (which
validates and names the offending path), `to_wire`, and `fields_of` (from which
manuals, `--help` and reference pages are made).

Annotations are resolved when a record is first validated, not when its module is
imported: a program that only needs ten of two hundred records pays for ten.

This module must know nothing of any particular record.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, cast, dataclass_transform

from ganeti import errors
from ganeti.schema_types import Check, Type, type_of

__all__ = [
    "REQUIRED",
    "Check",
    "Field",
    "Record",
    "Type",
    "cached",
    "describe",
    "extra_of",
    "fields_of",
    "param",
    "replace",
    "type_of",
]

R = TypeVar("R", bound="Record")
V = TypeVar("V")


def per_class(make: Callable[[type[Record]], V]) -> Callable[[type[Record]], V]:
    """Compute something about a record class once."""
    known: dict[type[Record], V] = {}

    def look_up(cls: type[Record]) -> V:
        if cls not in known:
            known[cls] = make(cls)
        return known[cls]

    return look_up


class _Required:
    """The default of a field that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


class _Param(NamedTuple):
    default: Any
    factory: Callable[[], Any] | None
    doc: str
    wire: str | None
    secret: bool
    stored: bool


class Field(NamedTuple):
    """One field of a record, resolved: what the manual prints and validation uses."""

    name: str
    wire: str
    type: Type
    default: Any
    factory: Callable[[], Any] | None
    doc: str
    secret: bool
    stored: bool

    def make_default(self) -> Any:
        """Return a fresh default value, or REQUIRED."""
        return self.factory() if self.factory else self.default


def param(
    *,
    default: Any = REQUIRED,
    factory: Callable[[], Any] | None = None,
    doc: str = "",
    wire: str | None = None,
    secret: bool = False,
    stored: bool = True,
) -> Any:
    """Declare a field of a record.

    `factory` makes a fresh default where it is a container; `wire` is the name
    outside when it is no Python name; `secret` values are left out of logs;
    `stored=False` fields live in memory only and never reach the wire form.
    """
    return _Param(default, factory, doc, wire, secret, stored)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(param,))
class Record:
    """Base of all records.

    Class arguments: `omit_none` leaves fields that are None out of the wire form;
    `keep_unknown` keeps keys that are not declared (see `extra_of`) instead of
    refusing them.
    """

    __slots__ = ("_cache", "_extra")

    _params: ClassVar[Mapping[str, _Param]] = {}
    _defaults: ClassVar[Mapping[str, Any]] = {}
    _factories: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    _omit_none: ClassVar[bool] = False
    _keep_unknown: ClassVar[bool] = False

    def __init_subclass__(cls, omit_none: bool | None = None, keep_unknown: bool | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        params = dict(cls._params)
        for name, annotation in cls.__dict__.get("__annotations__", {}).items():
            if "ClassVar" in str(annotation):
                continue
            given = cls.__dict__.get(name, REQUIRED)
            params[name] = given if isinstance(given, _Param) else _Param(given, None, "", None, False, True)
            if name in cls.__dict__:
                delattr(cls, name)
        cls._params = params
        cls._defaults = {n: p.default for n, p in params.items() if p.factory is None and p.default is not REQUIRED}
        cls._factories = {n: p.factory for n, p in params.items() if p.factory is not None}
        if omit_none is not None:
            cls._omit_none = omit_none
        if keep_unknown is not None:
            cls._keep_unknown = keep_unknown

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        full = {**cls._defaults, **values}
        for name, factory in cls._factories.items():
            if name not in values:
                full[name] = factory()
        if len(full) != len(cls._params) or not full.keys() <= cls._params.keys():
            _complain(cls, full)
        self.__dict__.update(full)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: use replace() to change {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__ and extra_of(self) == extra_of(other)

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{n}={'<secret>' if self._params[n].secret else repr(v)}" for n, v in self.__dict__.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), dict(self.__dict__), dict(extra_of(self))))

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form: plain dicts, lists, strings and numbers."""
        result: dict[str, Any] = {}
        values = self.__dict__
        for name, wire, dump in _dumpers(type(self)):
            value = values[name]
            if value is None:
                if not self._omit_none:
                    result[wire] = None
            else:
                result[wire] = dump(value) if dump else value
        if self._keep_unknown:
            result.update(extra_of(self))
        return result

    @classmethod
    def from_wire(cls, data: Any, path: str = "") -> Self:
        """Build a record from its JSON form; missing fields take their default.

        Raises ParameterError naming the path (`disks[0].size`) of what is wrong.
        """
        if not isinstance(data, Mapping):
            raise errors.ParameterError(f"{path or cls.__name__}: expected an object, got {_show(data)}")
        known = _by_wire(cls)
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        prefix = f"{path}." if path else ""
        for key, raw in data.items():
            field = known.get(key)
            if field is not None and field.secret:
                values[field.name] = _parse_secret(field, raw, prefix + key)
            elif field is not None:
                values[field.name] = field.type.parse(raw, prefix + key)
            elif cls._keep_unknown:
                extra[key] = raw
            else:
                raise errors.ParameterError(
                    f"{prefix}{key}: unknown field of {cls.__name__}{_suggest(str(key), known)}"
                )
        for field in known.values():
            if field.name not in values and field.default is REQUIRED and field.factory is None:
                raise errors.ParameterError(f"{prefix}{field.wire}: required, but missing")
        result = cls(**values)
        if extra:
            object.__setattr__(result, "_extra", extra)
        return result


def _parse_secret(field: Field, raw: Any, path: str) -> Any:
    """Read the value of a secret field; an error does not repeat it, as others do."""
    try:
        return field.type.parse(raw, path)
    except errors.ParameterError:
        raise errors.ParameterError(f"{path}: expected {field.type.notation}, got something else") from None


def _rebuild(cls: type[R], values: dict[str, Any], extra: dict[str, Any]) -> R:
    result = cls(**values)
    if extra:
        object.__setattr__(result, "_extra", extra)
    return result


def extra_of(record: Record) -> Mapping[str, Any]:
    """Return the undeclared keys a `keep_unknown` record was loaded with."""
    return cast(Mapping[str, Any], getattr(record, "_extra", None) or {})


def replace(record: R, **changes: Any) -> R:
    """Return a copy with some fields changed; undeclared keys are kept."""
    result = type(record)(**{**record.__dict__, **changes})
    extra = extra_of(record)
    if extra:
        object.__setattr__(result, "_extra", extra)
    return result


def cached(record: R, make: Callable[[R], Any]) -> Any:
    """Return `make(record)`, computed once per record and kept with it.

    A record holds one cached value; it is meant for the serialised form.
    """
    try:
        return object.__getattribute__(record, "_cache")
    except AttributeError:
        value = make(record)
        object.__setattr__(record, "_cache", value)
        return value


@per_class
def fields_of(cls: type[Record]) -> tuple[Field, ...]:
    """Return the fields of a record class, in the order declared, base class first."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(
        Field(name, p.wire or name, type_of(hints[name]), p.default, p.factory, p.doc, p.secret, p.stored)
        for name, p in cls._params.items()
    )


def describe(cls: type[Record]) -> Iterator[tuple[str, str, str, str]]:
    """Yield (wire name, type, default, doc) of each field: the rows of a reference page."""
    for field in fields_of(cls):
        default = field.make_default()
        yield field.wire, field.type.notation, "required" if default is REQUIRED else repr(default), field.doc


@per_class
def _by_wire(cls: type[Record]) -> Mapping[str, Field]:
    return {field.wire: field for field in fields_of(cls) if field.stored}


@per_class
def _dumpers(cls: type[Record]) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    return tuple((f.name, f.wire, None if f.type.plain else f.type.dump) for f in fields_of(cls) if f.stored)


def _complain(cls: type[Record], given: Mapping[str, Any]) -> None:
    missing = [n for n in cls._params if n not in given]
    unknown = [n for n in given if n not in cls._params]
    parts = [f"missing {', '.join(missing)}"] if missing else []
    parts += [f"unknown {', '.join(unknown)}"] if unknown else []
    raise TypeError(f"{cls.__name__}: {'; '.join(parts)}")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _suggest(key: str, known: Mapping[str, Field]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
