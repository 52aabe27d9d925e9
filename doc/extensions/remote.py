"""The remote API's reference, written from its table; pure, as `reference` is."""

from markup import literal, prose, sentence, table, title

from ganeti.model.opcodes.base import OpCode
from ganeti.rapi import fields
from ganeti.rapi.arguments import ArgKind
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.table import Access
from ganeti.schema import fields_of

RIGHTS = {
    Access.NONE: "No login needed",
    Access.READ: "Needs ``read`` or ``write``",
    Access.WRITE: "Needs ``write``",
}
KINDS = {
    ArgKind.FLAG: "0 or 1",
    ArgKind.TEXT: "text",
    ArgKind.TEXTS: "words, with commas between",
    ArgKind.NUMBERS: "numbers, with commas between",
    ArgKind.REPEATED: "text, repeatable",
}
#: of a listing: what its objects hold
OBJECTS = {
    "Instances": fields.INSTANCE,
    "Nodes": fields.NODE,
    "Groups": fields.GROUP,
    "Networks": fields.NETWORK,
    "Jobs": fields.JOB,
    "Filter rules": fields.FILTER_RULE,
}


def resources():
    """Every resource with its methods."""
    lines = []
    for resource in sorted(RESOURCES, key=lambda resource: resource.path):
        lines += title(resource.path, "-")
        for verb in resource.methods:
            lines += method(verb, resource)
    return lines


def method(verb, resource):
    """Return the part of one method."""
    one = resource.methods[verb]
    lines = [f"**{verb}** {sentence(one.doc)} {RIGHTS[one.access]}."]
    if one.opcodes:
        lines += [f"Submits {', '.join(literal(op.OP_ID) for op in one.opcodes)}."]
    lines += [f"Answers: {sentence(one.answer.doc)}", ""]
    arguments = [
        (literal(arg.name), KINDS[arg.kind] + (", *required*" if arg.required else ""), sentence(arg.doc))
        for arg in one.args
    ]
    lines += table(("argument", "value", "meaning"), arguments, (20, 30, 50))
    if one.body is not None and one.body.doc:
        lines += [f"Body: {sentence(one.body.doc)} {opcode_names(one.body)}".rstrip(), ""]
        rows = [(literal(name), sentence(text)) for name, (_, text) in one.body.fields.items()]
        lines += table(("key", "meaning"), rows, (30, 70))
    return lines


def opcode_names(body):
    """Return what the body takes of its opcode, and under which names."""
    if body.opcode is None:
        return ""
    common = {field.wire for field in fields_of(OpCode)}
    here = {ours: name for name, ours in body.rename.items()}
    own = [field.wire for field in fields_of(body.opcode) if field.wire not in common.union(body.fixed)]
    return f"Keys: {', '.join(literal(here.get(name, name)) for name in own)}."


def objects():
    """What the objects of each listing hold."""
    rows = [(prose(name), ", ".join(map(literal, names))) for name, names in OBJECTS.items()]
    return table(("listing", "fields"), rows, (20, 80))


PAGES = {"rapi": resources, "rapi-objects": objects}
