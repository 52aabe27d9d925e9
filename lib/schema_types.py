"""From a Python annotation to a `Type`: how a value is checked, read and written.

`type_of` turns annotations (`int`, `list[str]`, `Mapping[Uuid, Node]`, `X | None`,
enums, records, `Annotated[str, Check(...)]`, constrained NewTypes) into `Type`
objects.  `notation` is the short form used in reference pages and `spec/`
("str+", "list<int>", "enum:Name?").
"""

from __future__ import annotations

import collections.abc
import enum
import functools
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti import errors


class Check(NamedTuple):
    """A limit on a plain type, used in `Annotated[...]` or given to `constrain`.

    `notation` replaces the plain type's in documents; `expected` completes the
    sentence "expected ..."; `test` is true for a good value; `convert` turns a
    second form accepted from outside into the usual one, and returns what it does
    not know unchanged.
    """

    notation: str
    expected: str
    test: Callable[[Any], bool]
    convert: Callable[[Any], Any] | None = None


_constraints: dict[Any, Check] = {}


def constrain(newtype: Any, check: Check) -> None:
    """Attach a check to a NewType; called next to its definition, at import."""
    _constraints[newtype] = check


class Type:
    """How values of one annotation are checked, read and written."""

    #: short form for documents
    notation: str = "any"
    #: completes "expected ..." where the value may be of several types; empty for the notation
    words: str = ""
    #: true when the value in memory is its own wire form
    plain: bool = True

    def parse(self, value: Any, path: str) -> Any:
        """Return the value in memory of a wire value.

        Raises ParameterError naming `path`.
        """
        return value

    def dump(self, value: Any) -> Any:
        """Return the wire form of a value in memory."""
        return value


def expected(path: str, what: str, value: Any) -> errors.ParameterError:
    """Build the error of a value that is not what was asked for."""
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return errors.ParameterError(f"{path}: expected {what}, got {shown}" if path else f"expected {what}, got {shown}")


class ScalarType(Type):
    """str, int, float, bool or None."""

    _NAMES: typing.ClassVar[Mapping[type, str]] = {
        str: "str",
        int: "int",
        float: "float",
        bool: "bool",
        types.NoneType: "null",
    }
    _WORDS: typing.ClassVar[Mapping[type, str]] = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        types.NoneType: "null",
    }

    #: the largest there may be, and how to say so: others read our JSON, and whole numbers become floats
    _MOST: typing.ClassVar[Mapping[type, tuple[float, str]]] = {
        int: (2**63 - 1, "a whole number below 2**63"),
        float: (sys.float_info.max, "a finite number"),
    }

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.notation = self._NAMES[kind]
        self.words = self._WORDS[kind]
        self._most: float | None = None
        if kind in self._MOST:
            self._most, self._bounded = self._MOST[kind]

    def parse(self, value: Any, path: str) -> Any:
        if type(value) is self.kind:
            if self._most is None or abs(typing.cast(float, value)) <= self._most:
                return value
            raise expected(path, self._bounded, value)
        if self.kind is float and type(value) is int and abs(value) < 2**63:
            return float(value)
        if self.kind is not bool and self.kind is not types.NoneType and isinstance(value, self.kind):
            if not isinstance(value, bool):
                return self.kind(value)
        raise expected(path, self._WORDS[self.kind], value)


class CheckedType(Type):
    """A type with a limit on its values."""

    def __init__(self, inner: Type, check: Check, newtype: Any = None) -> None:
        self.inner = inner
        self.check = check
        #: the NewType it belongs to: what kind of name or id this is
        self.newtype = newtype
        self.notation = check.notation
        self.words = check.expected
        self.plain = inner.plain

    def parse(self, value: Any, path: str) -> Any:
        result = self.inner.parse(self.check.convert(value) if self.check.convert else value, path)
        if not self.check.test(result):
            raise expected(path, self.check.expected, value)
        return result

    def dump(self, value: Any) -> Any:
        return self.inner.dump(value)


class ListType(Type):
    """A sequence or set; a list on the wire."""

    def __init__(self, item: Type, make: Callable[[list[Any]], Any], word: str) -> None:
        self.item = item
        self.make = make
        self.notation = f"{word}<{item.notation}>" if item.notation != "any" else word
        self.plain = item.plain and make is list
        self.sort = make is frozenset

    def parse(self, value: Any, path: str) -> Any:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, collections.abc.Iterable):
            raise expected(path, "a list", value)
        parse = self.item.parse
        return self.make([parse(v, f"{path}[{i}]") for i, v in enumerate(value)])

    def dump(self, value: Any) -> Any:
        items = sorted(value) if self.sort else value
        return list(items) if self.item.plain else [self.item.dump(v) for v in items]


class DictType(Type):
    """A mapping with keys of one type and values of one type."""

    def __init__(self, key: Type, value: Type) -> None:
        self.key = key
        self.value = value
        bare = key.notation in ("any", "str") and value.notation == "any"
        self.notation = "dict" if bare else f"dict<{key.notation}, {value.notation}>"
        self.plain = key.plain and value.plain

    def parse(self, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise expected(path, "an object", value)
        return {self.key.parse(k, f"{path}.{k} (key)"): self.value.parse(v, f"{path}.{k}") for k, v in value.items()}

    def dump(self, value: Any) -> Any:
        if self.plain:
            return dict(value)
        return {self.key.dump(k): self.value.dump(v) for k, v in value.items()}


class TupleType(Type):
    """A list with exactly these items."""

    plain = False

    def __init__(self, items: Sequence[Type]) -> None:
        self.items = items
        self.notation = f"tuple<{', '.join(i.notation for i in items)}>"

    def parse(self, value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.items):
            raise expected(path, f"a list of {len(self.items)} items", value)
        return tuple(t.parse(v, f"{path}[{i}]") for i, (t, v) in enumerate(zip(self.items, value, strict=True)))

    def dump(self, value: Any) -> Any:
        return [t.dump(v) for t, v in zip(self.items, value, strict=True)]


class EnumType(Type):
    """One of the values of an enum."""

    plain = False

    def __init__(self, cls: type[enum.Enum]) -> None:
        self.cls = cls
        self.notation = f"enum:{cls.__name__}"
        self.values = {m.value: m for m in cls}

    def parse(self, value: Any, path: str) -> Any:
        if isinstance(value, self.cls):
            return value
        if not isinstance(value, bool) and isinstance(value, (str, int)) and value in self.values:
            return self.values[value]
        raise expected(path, f"one of {', '.join(str(v) for v in self.values)}", value)

    def dump(self, value: Any) -> Any:
        return value.value if isinstance(value, enum.Enum) else value


class LiteralType(Type):
    """One of some literal values."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self.notation = " | ".join(repr(v) for v in values)

    def parse(self, value: Any, path: str) -> Any:
        for allowed in self.values:
            if value == allowed and type(value) is type(allowed):
                return value
        raise expected(path, f"one of {', '.join(str(v) for v in self.values)}", value)


class UnionType(Type):
    """Any of several types: the first that accepts the value wins."""

    def __init__(self, options: Sequence[Type]) -> None:
        nulls = [o for o in options if o.notation == "null"]
        self.null = bool(nulls)
        self.options = [o for o in options if o.notation != "null"]
        self.plain = all(o.plain for o in self.options)
        text = " | ".join(o.notation for o in self.options)
        if self.null:
            text = f"({text})?" if len(self.options) > 1 else f"{text}?"
        self.notation = text

    def parse(self, value: Any, path: str) -> Any:
        if value is None and self.null:
            return None
        if len(self.options) == 1:
            return self.options[0].parse(value, path)
        deepest: tuple[int, errors.ParameterError] | None = None
        for option in self.options:
            try:
                return option.parse(value, path)
            except errors.ParameterError as err:
                depth = _depth_below(path, err)
                if depth and (deepest is None or depth > deepest[0]):
                    deepest = (depth, err)
        if deepest is not None:  # the option that came furthest is the one that was meant
            raise deepest[1]
        raise expected(path, " or ".join(o.words or o.notation for o in self.options), value)

    def dump(self, value: Any) -> Any:
        if value is None or self.plain:
            return value
        if len(self.options) == 1:
            return self.options[0].dump(value)
        return dump_any(value)


def _depth_below(path: str, error: errors.ParameterError) -> int:
    """Return how many steps below `path` the complaint is; 0 if it is about the value itself."""
    place = str(error).partition(": ")[0]
    if not path and place.startswith("expected "):
        return 0
    return place.count(".", len(path)) + place.count("[", len(path)) if place.startswith(path) else 0


class RecordType(Type):
    """A record; an object on the wire."""

    plain = False

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.notation = cls.__name__

    def parse(self, value: Any, path: str) -> Any:
        return value if isinstance(value, self.cls) else self.cls.from_wire(value, path)

    def dump(self, value: Any) -> Any:
        return value.to_wire()


class AnyType(Type):
    """Anything JSON can hold; records and enums inside are written in their wire form."""

    plain = False

    def dump(self, value: Any) -> Any:
        return dump_any(value)


def dump_any(value: Any) -> Any:
    """Return the wire form of a value whose type is not declared."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if hasattr(value, "to_wire"):
        return value.to_wire()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {dump_any(k): dump_any(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(dump_any(v) for v in value)
    if isinstance(value, (list, tuple)):
        return [dump_any(v) for v in value]
    return value


_LISTS: Mapping[Any, tuple[Callable[[list[Any]], Any], str]] = {
    list: (list, "list"),
    collections.abc.Sequence: (tuple, "list"),
    collections.abc.Collection: (tuple, "list"),
    collections.abc.Iterable: (tuple, "list"),
    set: (frozenset, "set"),
    frozenset: (frozenset, "set"),
    collections.abc.Set: (frozenset, "set"),
}


@functools.cache
def type_of(annotation: Any) -> Type:
    """Return the Type of a resolved annotation (no strings inside)."""
    if annotation is Any or annotation is object:
        return AnyType()
    if annotation is None:
        return ScalarType(types.NoneType)
    if annotation in _constraints:
        return CheckedType(type_of(annotation.__supertype__), _constraints[annotation], annotation)
    if isinstance(annotation, typing.NewType):
        return type_of(annotation.__supertype__)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        result = type_of(args[0])
        for check in args[1:]:
            if isinstance(check, Check):
                result = CheckedType(result, check)
            elif isinstance(result, CheckedType):
                # a name with a mark beside it is not the plain kind any more
                result = CheckedType(result.inner, result.check)
        return result
    if origin in (typing.Union, types.UnionType):
        return UnionType([type_of(a) for a in args])
    if origin is typing.Literal:
        return LiteralType(args)
    if origin is tuple or annotation is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return ListType(type_of(args[0]), tuple, "list")
        return TupleType([type_of(a) for a in args]) if args else ListType(AnyType(), tuple, "list")
    if (origin or annotation) in _LISTS:
        make, word = _LISTS[origin or annotation]
        return ListType(type_of(args[0]) if args else AnyType(), make, word)
    if (origin or annotation) in (dict, collections.abc.Mapping):
        return DictType(type_of(args[0]) if args else AnyType(), type_of(args[1]) if args else AnyType())
    if isinstance(annotation, type):
        if annotation in ScalarType._NAMES:
            return ScalarType(annotation)
        if issubclass(annotation, enum.Enum):
            return EnumType(annotation)
        if hasattr(annotation, "from_wire"):
            return RecordType(annotation)
    raise TypeError(f"no wire form for annotation {annotation!r}")
