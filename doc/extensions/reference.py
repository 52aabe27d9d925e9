"""The reference pages, written from the tables of the package: each function returns lines.

Pure: nothing here knows Sphinx.  `PAGES` is what a document can ask for.
"""

import enum
import re
import textwrap

from markup import code, definitions, escape, literal, prose, sentence, table, title

from ganeti import errors
from ganeti.cli.command import PROGRAMS, load_program
from ganeti.confd.requests import REQUESTS
from ganeti.luxi import methods
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.model import enums
from ganeti.model.objects import cluster, configdata, disk, filter, instance, network, nic, node, nodegroup
from ganeti.model.opcodes.base import OpCode, result_type
from ganeti.model.opcodes.registry import OPCODES
from ganeti.model.params import be, hv, ipolicy, nd
from ganeti.model.params import disk as disk_params
from ganeti.model.params import nic as nic_params
from ganeti.model.query.registry import TABLES
from ganeti.model.query.table import Need
from ganeti.procedure import table_of
from ganeti.rpc import procedures
from ganeti.schema import describe, fields_of

FIELD_WIDTHS = (26, 22, 16, 36)


# --- records: opcodes and the configuration ---------------------------------------------


def record_rows(cls, without=()):
    """Return the rows of a record: name, type, default, meaning."""
    return [
        (literal(name), literal(kind), default_text(default), sentence(doc))
        for name, kind, default, doc in describe(cls)
        if name not in without
    ]


def default_text(shown):
    """Return a default as the table shows it: enum members by their value."""
    if shown == "required":
        return "*required*"
    member = re.fullmatch(r"<(\w+)\.\w+: (.+)>", shown)
    shown = member[2] if member else shown
    return literal(shown if len(shown) <= 60 else f"{shown[:57]}...")


def opcodes():
    """Every operation: what it takes, what it answers, which hooks it runs."""
    common = {field.wire for field in fields_of(OpCode)}
    lines = title("Fields of every opcode", "-")
    lines += table(("field", "type", "default", "meaning"), record_rows(OpCode), FIELD_WIDTHS)
    nouns = {}
    for op in OPCODES.values():
        nouns.setdefault(op.__module__.rpartition(".")[2], []).append(op)
    for noun in sorted(nouns):
        lines += title(noun.capitalize(), "-")
        for op in sorted(nouns[noun], key=lambda op: op.OP_ID):
            lines += opcode(op, common)
    return lines


def opcode(op, common):
    """Return the section of one opcode."""
    lines = title(op.OP_ID, "~")
    lines += [sentence(op.__doc__.partition("\n\n")[0]), ""]
    if op not in UNITS:
        lines += ["*Not carried out by this release: a job with it ends in error.*", ""]
    lines += table(("field", "type", "default", "meaning"), record_rows(op, without=common), FIELD_WIDTHS)
    lines += [f"Answers {literal(result_type(op).notation)}."]
    if op.HOOKS_PATH:
        lines += [f"Runs the hooks {literal(op.HOOKS_PATH)}."]
    return [*lines, ""]


RECORDS = (
    configdata.ConfigData,
    cluster.Cluster,
    node.Node,
    nodegroup.NodeGroup,
    instance.Instance,
    nic.NIC,
    disk.Disk,
    network.Network,
    filter.Filter,
)


def records():
    """Every record of config.data."""
    lines = []
    for cls in RECORDS:
        lines += title(cls.__name__, "-")
        lines += [sentence(cls.__doc__.partition("\n\n")[0]), ""]
        lines += table(("field", "type", "default", "meaning"), record_rows(cls), FIELD_WIDTHS)
    return lines


def enumerations():
    """Every closed set of words, as types such as enum:DiskTemplate mean them."""
    lines = []
    for name, cls in sorted(vars(enums).items()):
        if isinstance(cls, type) and issubclass(cls, enum.Enum) and cls.__module__ == enums.__name__:
            lines += title(name, "-")
            values = ", ".join(literal(str(member.value)) for member in cls)
            lines += [sentence(cls.__doc__.partition("\n\n")[0]), "", f"{values}", ""]
    return lines


# --- calls --------------------------------------------------------------------------------


def node_calls():
    """Every call of the master to a node."""
    lines = []
    for name, one in sorted(table_of(procedures).items()):
        lines += call(name, one)
        marks = [f"Time limit {one.timeout:g} s"]
        marks += ["served without a process of its own"] if one.inline else []
        marks += ["made to offline nodes too"] if one.offline else []
        lines += [f"*{'; '.join(marks)}.*", ""]
    return lines


def luxi_methods():
    """Every call of a client to the master daemon."""
    lines = []
    for name, one in sorted(methods.METHODS.items()):
        lines += call(name, one)
        if name in methods.ABANDONABLE:
            lines += ["*Changes nothing; ends when the client hangs up.*", ""]
    return lines


def confd_requests():
    """Every question confd answers."""
    rows = [[str(row.type.value), literal(row.name), prose(row.query), prose(row.answer)] for row in REQUESTS.values()]
    return table(["Type", "Name", "Query", "Answer"], rows, [5, 20, 30, 45])


def call(name, one):
    """Return the section of one call: signature, arguments, meaning."""
    arguments = ", ".join(one.names)
    lines = [*title(name, "-"), f"{literal(f'{name}({arguments})')} → {literal(one.answer.notation)}", ""]
    lines += paragraphs(one.doc)
    rows = [
        (
            literal(argument),
            literal(kind.notation),
            literal(repr(one.defaults[argument])) if argument in one.defaults else "*required*",
        )
        for argument, kind in one.arguments.items()
    ]
    return lines + table(("argument", "type", "default"), rows, (30, 50, 20))


def paragraphs(doc):
    """Return a docstring as paragraphs of prose."""
    lines = []
    for paragraph in doc.strip().split("\n\n"):
        lines += [prose(paragraph), ""]
    return lines


# --- queries ------------------------------------------------------------------------------

NEEDS = {
    Need.ARCHIVED: "archive",
    Need.CONSOLE: "node",
    Need.LIVE: "node",
    Need.MODE: "locks",
    Need.OWNER: "locks",
    Need.PENDING: "locks",
    Need.QUEUE_DRAINED: "job queue",
    Need.WATCHER_PAUSE: "watcher",
}


def query_fields():
    """Every field of every resource that can be listed."""
    lines = []
    for resource, one in sorted(TABLES.items()):
        lines += title(str(resource), "-")
        rows = []
        for name, field in families(one.fields):
            source = NEEDS.get(field.need, "configuration")
            rows.append((literal(name), escape(field.title), literal(field.kind), source, sentence(field.doc)))
        lines += table(("field", "title", "kind", "from", "meaning"), rows, (24, 18, 12, 12, 34))
    return lines


def families(fields):
    """Yield (name, field); those numbered from 0 are shown once, as name/N."""
    for name, field in fields.items():
        stem, slash, number = name.rpartition("/")
        if slash and number.isdecimal():
            if number == "0":
                yield f"{stem}/N", field._replace(title=re.sub(r"\b0\b|0$", "N", field.title), doc=numbered(field.doc))
        else:
            yield name, field


def numbered(doc):
    """Return the sentence of the first of a family, made one about all."""
    return re.sub(r"\bfirst\b", "N-th", re.sub(r"\b(0|1)\b", "N", doc))


# --- parameters ---------------------------------------------------------------------------


def parameters():
    """Every parameter of hypervisors, instances, interfaces, nodes and disks."""
    lines = [
        *title("Backend parameters", "-"),
        "What an instance gets: ``-B memory=2g,vcpus=2``.",
        "",
    ]
    lines += parameter_table(be.BE_PARAMS)
    lines += [*title("Hypervisor parameters", "-"), "For what runs the instance: ``-H fake:migration_mode=live``.", ""]
    lines += [f"Set for the whole cluster only: {', '.join(map(literal, sorted(hv.GLOBALS)))}.", ""]
    for name, rows in hv.HV_PARAMS.items():
        lines += [*title(str(name), "~"), *parameter_table(rows)]
    lines += [*title("NIC parameters", "-"), "How a network interface is connected: ``--net 0:mode=routed``.", ""]
    lines += parameter_table(nic_params.NIC_PARAMS)
    lines += [
        *title("Node parameters", "-"),
        "For cluster, group or node: ``--node-parameters ssh_port=22``.",
        "",
    ]
    lines += parameter_table(nd.ND_PARAMS)
    lines += [*title("Disk parameters", "-"), "By disk template: ``-D drbd:metavg=meta``.", ""]
    for template, rows in disk_params.TEMPLATE_PARAMS.items():
        if rows:
            lines += [*title(str(template), "~"), *parameter_table(rows)]
    return lines + policy()


def parameter_table(rows):
    """Return the table of one kind of parameters."""
    shown = []
    for row in rows.values():
        meaning = sentence(row.doc)
        if row.allowed:
            meaning += f" One of {', '.join(literal(str(value)) for value in sorted(row.allowed))}."
        if row.required:
            meaning += " Must not be empty."
        shown.append((literal(row.name), literal(row.type), literal(str(row.default)), meaning))
    return table(("name", "type", "default", "meaning"), shown, FIELD_WIDTHS)


def policy():
    """Return the section about the instance policy."""
    found = ipolicy.ipolicy_defaults()
    low, high = found[ipolicy.MINMAX][0]["min"], found[ipolicy.MINMAX][0]["max"]
    lines = [*title("Instance policy", "-"), "How large instances may be, and how densely they are packed.", ""]
    rows = [(literal(s), str(low[s]), str(high[s]), str(found[ipolicy.STD][s])) for s in ipolicy.SPECS]
    lines += table(("limit", "smallest", "largest", "standard"), rows, (40, 20, 20, 20))
    for key in (ipolicy.VCPU_RATIO, ipolicy.SPINDLE_RATIO):
        lines += [f"{literal(key)} is {found[key]} unless set.", ""]
    return lines


# --- errors ---------------------------------------------------------------------------------


def error_tree():
    """Every error, by family."""
    lines = code(textwrap.dedent(errors.__doc__.split("\n\n")[1]).splitlines())
    families = (errors.UserError, errors.StateError, errors.EnvironmentFailure, errors.Bug)
    for family in families:
        lines += [*title(family.__name__, "-"), sentence(family.__doc__), ""]
        items = [(name_of(cls, family), sentence(cls.__doc__)) for cls in descendants(family)]
        lines += definitions(items)
    lines += [*title("Kinds of wrong requests", "-"), "Second argument of ``OpPrereqError``:", ""]
    lines += [", ".join(literal(str(code.value)) for code in errors.ECode) + ".", ""]
    return lines


def descendants(cls):
    """Yield the classes below an error, nearest first."""
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield sub
            yield from descendants(sub)


def name_of(cls, family):
    """Return the name of an error, with what it also is."""
    above = cls.__mro__[1]
    return literal(cls.__name__) + (f" (a {above.__name__})" if above is not family else "")


# --- hooks ------------------------------------------------------------------------------------


def hook_paths():
    """Every directory of hooks and the operation that runs it."""
    rows = [
        (literal(f"{op.HOOKS_PATH}-pre.d, {op.HOOKS_PATH}-post.d"), literal(op.OP_ID), literal(str(op.HOOKS_TYPE)))
        for op in OPCODES.values()
        if op.HOOKS_PATH and op in UNITS
    ]
    return table(("directories", "operation", "object"), sorted(rows), (50, 32, 18))


def programs():
    """Every command of every gnt-* program, in one line each."""
    lines = []
    for name in PROGRAMS:
        program = load_program(name)
        rows = [(literal(c.name), sentence(c.summary)) for c in sorted(program.commands, key=lambda c: c.name)]
        lines += [*title(name, "-"), f"{sentence(program.summary)} See :doc:`/man/{name}`.", ""]
        lines += table(("command", "what it does"), rows, (25, 75))
    return lines


PAGES = {
    "opcodes": opcodes,
    "records": records,
    "enumerations": enumerations,
    "node-calls": node_calls,
    "luxi": luxi_methods,
    "confd": confd_requests,
    "query-fields": query_fields,
    "parameters": parameters,
    "errors": error_tree,
    "hook-paths": hook_paths,
    "programs": programs,
}
