"""JSON schemas of what records and types declare: for those who read OpenAPI documents.

A schema tells the form; what the daemon checks beyond (names, units, ranges) is told in
words, with the notation of the manual.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from ganeti import schema_types as t
from ganeti.schema import REQUIRED, Field, Record, fields_of

Schema = dict[str, Any]

_SCALARS: Mapping[str, str] = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "null": "null"}


class Schemas:
    """Schemas of types; those of records are kept apart, by name, and referred to."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.records: dict[str, Schema] = {}

    def of(self, kind: t.Type) -> Schema:
        """Return the schema of a type."""
        for cls, make in self._MAKERS:
            if isinstance(kind, cls):
                return make(self, kind)
        return {}

    def of_field(self, field: Field) -> Schema:
        """Return the schema of a field of a record, with its text and default."""
        found = self.of(field.type)
        shown = {"description": f"{field.doc} ({field.type.notation})"} if field.doc else {}
        default = field.make_default()
        if default is REQUIRED or field.secret or "$ref" in found:
            return {**found, **shown}
        return {**found, **shown, "default": t.dump_any(default)}

    def of_record(self, cls: type[Record]) -> Schema:
        """Return a reference to the schema of a record."""
        name = cls.__name__
        if name not in self.records:
            self.records[name] = {}  # it may hold itself
            self.records[name] = self.object_of(cls)
        return {"$ref": f"{self._place}/{name}"}

    def object_of(self, cls: type[Record], leave_out: frozenset[str] = frozenset()) -> Schema:
        """Return the schema of a record itself, without some of its fields."""
        fields = [field for field in fields_of(cls) if field.stored and field.wire not in leave_out]
        required = [field.wire for field in fields if field.make_default() is REQUIRED]
        return {
            "type": "object",
            "properties": {field.wire: self.of_field(field) for field in fields},
            **({"required": required} if required else {}),
            **({} if cls._keep_unknown else {"additionalProperties": False}),
        }

    def _union(self, kind: t.UnionType) -> Schema:
        options = [self.of(option) for option in kind.options]
        if {} in options:
            return {}
        return {"anyOf": [*options, *([{"type": "null"}] if kind.null else [])]}

    def _tuple(self, kind: t.TupleType) -> Schema:
        items = [self.of(item) for item in kind.items]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    _MAKERS: tuple[tuple[type[t.Type], Callable[[Schemas, Any], Schema]], ...] = (
        (t.ScalarType, lambda self, kind: {"type": _SCALARS[kind.notation]}),
        (t.CheckedType, lambda self, kind: {} if kind.check.convert else self.of(kind.inner)),
        (t.ListType, lambda self, kind: {"type": "array", "items": self.of(kind.item)}),
        (t.DictType, lambda self, kind: {"type": "object", "additionalProperties": self.of(kind.value)}),
        (t.TupleType, _tuple),
        (t.EnumType, lambda self, kind: {"enum": [_plain(value) for value in kind.values]}),
        (t.LiteralType, lambda self, kind: {"enum": list(kind.values)}),
        (t.UnionType, _union),
        (t.RecordType, lambda self, kind: self.of_record(kind.cls)),
    )


def _plain(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value
