"""The OpenAPI document of the remote API, made from its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ganeti import _autoconf
from ganeti.rapi.arguments import Arg, ArgKind
from ganeti.rapi.replies import JSON_TYPE
from ganeti.rapi.routing import VARIABLES
from ganeti.rapi.schemas import Schema, Schemas
from ganeti.rapi.table import Access, Body, Method, Resource

_ERROR: Schema = {
    "type": "object",
    "properties": {
        "code": {"type": "integer", "description": "HTTP status"},
        "message": {"type": "string", "description": "What is wrong"},
        "explain": {"type": "string", "description": "What the status means"},
    },
    "required": ["code", "message", "explain"],
}
_ARGUMENTS: Mapping[ArgKind, Schema] = {
    ArgKind.FLAG: {"type": "integer", "default": 0},
    ArgKind.TEXT: {"type": "string"},
    ArgKind.TEXTS: {"type": "string"},
    ArgKind.NUMBERS: {"type": "string", "pattern": r"^[0-9]+(,[0-9]+)*$"},
    ArgKind.REPEATED: {"type": "array", "items": {"type": "string"}},
}
_LOGIN: list[Mapping[str, list[str]]] = [{"basic": []}, {"token": []}]
_RIGHTS: Mapping[Access, str] = {
    Access.NONE: "",
    Access.READ: "Needs the right read or write.",
    Access.WRITE: "Needs the right write.",
}


def document(table: Iterable[Resource]) -> Schema:
    """Return the document of a table."""
    schemas = Schemas("#/components/schemas")
    paths = {_path(resource): _operations(resource, schemas) for resource in table}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ganeti remote API",
            "version": _autoconf.VERSION,
            "description": "Jobs, and questions about a cluster. Whatever changes something answers the id of a job.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR, **schemas.records},
            "responses": {
                "Error": {
                    "description": "The request was not served",
                    "content": {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _path(resource: Resource) -> str:
    return resource.path.replace("<", "{").replace(">", "}")


def _operations(resource: Resource, schemas: Schemas) -> Schema:
    variables = [word[1:-1] for word in resource.path.split("/") if word.startswith("<")]
    operations: Schema = {verb.lower(): _operation(resource, verb, schemas) for verb in resource.methods}
    if variables:
        operations["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{_plain(name)}$"}}
            for name in variables
        ]
    return operations


def _plain(variable: str) -> str:
    """Return the pattern of a variable for readers whose expressions know no ASCII flag."""
    return VARIABLES[variable].replace(r"\w", "A-Za-z0-9_")


def _operation(resource: Resource, verb: str, schemas: Schemas) -> Schema:
    method = resource.methods[verb]
    told = [method.doc, _RIGHTS[method.access], *(f"Submits {op.OP_ID}." for op in method.opcodes)]
    return {
        "operationId": f"{verb.lower()}_{resource.label or resource.path.strip('/') or 'root'}",
        "summary": method.doc.rstrip("."),
        "description": " ".join(filter(None, told)),
        **({"parameters": [_argument(arg) for arg in method.args]} if method.args else {}),
        **_request_body(method, schemas),
        **({} if method.access is Access.NONE else {"security": _LOGIN}),
        "responses": {
            str(int(HTTPStatus.OK)): {
                "description": method.answer.doc,
                "content": {method.answer.content_type: {"schema": method.answer.schema}},
            },
            "default": {"$ref": "#/components/responses/Error"},
        },
    }


def _argument(arg: Arg) -> Schema:
    return {
        "name": arg.name,
        "in": "query",
        "description": arg.doc,
        "required": arg.required,
        "schema": _ARGUMENTS[arg.kind],
    }


def _request_body(method: Method, schemas: Schemas) -> Schema:
    body = method.body
    if body is None or not body.doc:
        return {}
    schema = body.schema if body.schema is not None else _object(body, schemas)
    # Fields that are required make the body so; else it may be left out.
    return {
        "requestBody": {
            "description": body.doc,
            "required": body.schema is not None or bool(schema.get("required")),
            "content": {JSON_TYPE: {"schema": schema}},
        }
    }


def _object(body: Body, schemas: Schemas) -> Schema:
    fields: dict[str, Any] = {name: {**schema, "description": text} for name, (schema, text) in body.fields.items()}
    required = list(body.required)
    if body.opcode is not None:
        own = schemas.object_of(body.opcode, frozenset(body.fixed))
        shown = {ours: here for here, ours in body.rename.items()}
        fields |= {shown.get(name, name): schema for name, schema in own["properties"].items()}
        required += [shown.get(name, name) for name in own.get("required", ())]
    return {"type": "object", "properties": fields, **({"required": required} if required else {})}
