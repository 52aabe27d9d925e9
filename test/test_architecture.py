"""The rules of the tree, read off the source.

Each list of exceptions here only shrinks: a row goes when its reason is gone, and one
that is not needed any more fails the test.
"""

from __future__ import annotations

import ast
import functools
import glob
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIB = os.path.join(ROOT, "lib")

LONG_FILE, TOO_LONG_FILE = 600, 800
#: files longer than LONG_FILE lines, and how long they may be
LONG_FILES: Mapping[str, int] = {}

BOTTOM = frozenset(
    {
        "_autoconf",
        "clock",
        "errors",
        "mastership",
        "owners",
        "paths",
        "procedure",
        "schema",
        "schema_types",
        "ssconf",
        "utils",
    }
)
_MODEL = BOTTOM | {"model"}
_CLIENT = _MODEL | {"luxi", "rpc", "confd"}
#: what the parts of the tree may import besides themselves
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(BOTTOM, BOTTOM),
    "model": BOTTOM,
    "luxi": _MODEL,
    "rpc": _MODEL,
    "confd": _MODEL,
    "hypervisor": _MODEL,
    "storage": _MODEL,
    "noded": _MODEL | {"rpc", "hypervisor", "storage"},
    "masterd": _MODEL | {"luxi", "rpc"},
    "rapi": _MODEL | {"luxi"},
    # stops instances of its own node when that is cut off from the cluster
    "watcher": _CLIENT | {"hypervisor", "noded"},
    "bootstrap": _CLIENT | {"masterd"},
    "htools": _CLIENT,
    "cli": _CLIENT | {"bootstrap", "htools"},
    # starts all daemons of a virtual cluster as forks of one process
    "vcluster": _CLIENT | {"bootstrap", "hypervisor", "masterd", "noded", "rapi"},
    "tools": _CLIENT | {"bootstrap", "hypervisor", "vcluster"},
}

#: what a driver must know nothing of
NOT_FOR_DRIVERS = ("ganeti.model.opcodes", "ganeti.model.objects.configdata", "ganeti.model.query")

#: what a logical unit reaches only through its services
NOT_FOR_LOGICAL_UNITS = (
    "open", "print", "input",
    "os", "io", "pathlib", "shutil", "tempfile", "socket", "ssl", "select", "selectors", "signal", "subprocess", "time",
    "threading", "urllib", "http", "aiohttp", "pycurl", "psutil", "asyncio.subprocess", "asyncio.streams",
    "ganeti.utils.files", "ganeti.utils.net", "ganeti.utils.process", "ganeti.ssconf", "ganeti.rpc.client",
)  # fmt: skip

STARTS_PROGRAMS = "utils/process.py"
WRITES_FILES = "utils/files.py"


class Source(NamedTuple):
    """One file of the package, parsed; `name` is relative to lib/."""

    name: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        dotted = self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return "ganeti" if dotted == "__init__" else f"ganeti.{dotted}"

    @property
    def part(self) -> str:
        return self.name.split("/")[0].removesuffix(".py")

    def at(self, node: ast.AST) -> str:
        return f"lib/{self.name}:{getattr(node, 'lineno', 1)}"


@functools.cache
def sources() -> tuple[Source, ...]:
    found = []
    for path in sorted(glob.glob(os.path.join(LIB, "**", "*.py"), recursive=True)):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        found.append(Source(os.path.relpath(path, LIB), text, ast.parse(text, path)))
    return tuple(found)


@functools.cache
def modules() -> frozenset[str]:
    return frozenset(source.module for source in sources())


def imports(source: Source) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the full name of each module a file imports, wherever in the file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.at(node)}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in modules() or node.module == "asyncio" else str(node.module)), node


def is_below(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def calls(source: Source) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with the dotted name of what is called, as written."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


# --- who may import whom --------------------------------------------------------------


def test_every_part_of_the_tree_has_its_place() -> None:
    parts = {source.part for source in sources()} - {"__init__"}

    assert parts - MAY_IMPORT.keys() == set()


def test_imports_point_down() -> None:
    wrong = []
    for source in sources():
        allowed = MAY_IMPORT.get(source.part, frozenset()) | {source.part}
        for name, node in imports(source):
            words = name.split(".")
            if words[0] == "ganeti" and len(words) > 1 and words[1] not in allowed:
                wrong.append(f"{source.at(node)}: {source.part} imports {name}")

    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {s.module: {name for name, _ in imports(s) if name in modules()} for s in sources()}
    done: set[str] = set()
    wrong = []

    def visit(module: str, way: tuple[str, ...]) -> None:
        if module in way:
            wrong.append(" -> ".join((*way[way.index(module) :], module)))
        elif module not in done:
            for name in sorted(graph[module]):
                visit(name, (*way, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())

    assert wrong == []


def test_drivers_know_nothing_of_opcodes_and_configuration() -> None:
    wrong = [
        f"{source.at(node)}: {name}"
        for source in sources()
        if source.part in ("hypervisor", "storage")
        for name, node in imports(source)
        if is_below(name, NOT_FOR_DRIVERS)
    ]

    assert wrong == []


def test_logical_units_touch_nothing_but_their_services() -> None:
    wrong = []
    for source in sources():
        if source.name.startswith("masterd/cmdlib/"):
            wrong += [
                f"{source.at(n)}: imports {name}"
                for name, n in imports(source)
                if is_below(name, NOT_FOR_LOGICAL_UNITS)
            ]
            wrong += [
                f"{source.at(n)}: calls {name}" for name, n in calls(source) if name in ("open", "print", "input")
            ]

    assert wrong == []


def test_what_the_command_line_starts_with_is_light() -> None:
    heavy = {
        "asyncio",
        "aiohttp",
        "pyparsing",
        "cryptography",
        "OpenSSL",
        "inspect",
        "dataclasses",
        "pathlib",
        "psutil",
    }
    light = ["ganeti.luxi.client", "ganeti.luxi.methods", "ganeti.schema", "ganeti.utils.text", "ganeti.paths"]
    light += ["ganeti.cli.main", *sorted(m for m in modules() if is_below(m, ("ganeti.model.opcodes",)))]
    wanted = [module for module in light if module in modules()]
    script = f"import sys; sys.path[:0] = {sys.path!r}\nfor m in {wanted!r}: __import__(m)\nprint(*sys.modules)"

    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True)

    assert heavy & set(done.stdout.split()) == set()


# --- how modules are written ----------------------------------------------------------


def test_imports_stand_at_the_top() -> None:
    wrong = []
    for source in sources():
        for function in functions(source.tree):
            inner = [n for n in ast.walk(function) if isinstance(n, (ast.Import, ast.ImportFrom))]
            wrong += [f"{source.at(node)}: import inside {function.name}" for node in inner]

    assert wrong == []


def test_packages_hold_no_code_of_their_own() -> None:
    wrong = []
    for source in sources():
        if os.path.basename(source.name) == "__init__.py":
            body = source.tree.body[1:] if ast.get_docstring(source.tree) else source.tree.body
            wrong += [f"{source.at(node)}: only a docstring belongs here" for node in body[:1]]
            wrong += [] if ast.get_docstring(source.tree) else [f"{source.at(source.tree)}: no docstring"]

    assert wrong == []


def test_no_file_grows_without_end() -> None:
    lines = {source.name: source.text.count("\n") for source in sources()}
    long = {name: count for name, count in lines.items() if count > LONG_FILES.get(name, LONG_FILE)}
    unneeded = {name for name in LONG_FILES if lines.get(name, 0) <= LONG_FILE}

    assert long == {}
    assert unneeded == set(), "not long any more: take them off LONG_FILES"
    assert all(cap <= TOO_LONG_FILE for cap in LONG_FILES.values())


def test_whoever_catches_everything_logs_it_or_passes_it_on() -> None:
    wrong = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and _catches_everything(node):
                body = ast.Module(node.body, [])
                raises = any(isinstance(n, ast.Raise) for n in ast.walk(body))
                logs = any(
                    isinstance(n, ast.Call) and ast.unparse(n.func).startswith(("log.", "logging.", "self._log."))
                    for n in ast.walk(body)
                )
                passes = any(isinstance(n, ast.Name) and n.id == node.name for n in ast.walk(body))
                if not (raises or logs or passes):
                    wrong.append(f"{source.at(node)}: catches everything in silence")

    assert wrong == []


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(c) in ("Exception", "BaseException") for c in caught)


_MAKERS = ("dict", "list", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter", "WeakValueDictionary")
_MUTATORS = frozenset(
    [
        "append",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "clear",
        "extend",
        "insert",
        "remove",
        "discard",
        "appendleft",
        "popleft",
        "sort",
        "reverse",
    ]
)
#: (file, name) of what is filled while modules are imported, and read afterwards
FILLED_AT_IMPORT = frozenset({("schema_types.py", "_constraints")})


def test_no_function_changes_what_belongs_to_its_module() -> None:
    wrong = []
    seen = set()
    for source in sources():
        names = _module_level_containers(source.tree)
        for function in functions(source.tree):
            local = {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
            local |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            for name, node in _changes(function):
                if isinstance(node, ast.Global) or (name in names and name not in local):
                    seen.add((source.name, name))
                    if (source.name, name) not in FILLED_AT_IMPORT:
                        wrong.append(f"{source.at(node)}: {function.name} changes {name}")

    assert wrong == []
    assert FILLED_AT_IMPORT - seen == set(), "not needed any more: take them off FILLED_AT_IMPORT"


def _module_level_containers(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        value = getattr(node, "value", None)
        made = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1].split("[")[0] in _MAKERS
        display = isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp))
        if isinstance(target, ast.Name) and (made or display):
            names.add(target.id)
    return names


def _changes(function: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            yield node.names[0], node
        elif (
            isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and not isinstance(node.ctx, ast.Load)
        ):
            yield node.value.id, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            if isinstance(node.func.value, ast.Name):
                yield node.func.value.id, node


# --- one door to the outside each ----------------------------------------------------------


def test_only_one_module_starts_programs() -> None:
    starters = ("subprocess", "asyncio.subprocess", "pty", "multiprocessing")
    wrong = []
    for source in sources():
        if source.name != STARTS_PROGRAMS:
            wrong += [f"{source.at(n)}: imports {name}" for name, n in imports(source) if is_below(name, starters)]
            wrong += [f"{source.at(n)}: {name}" for name, n in calls(source) if _starts_program(name)]

    assert wrong == []


def _starts_program(name: str) -> bool:
    last = name.split(".")[-1]
    return (name.startswith("os.") and (
        last in ("system", "popen", "posix_spawn", "posix_spawnp", "startfile") or last.startswith(("spawn", "exec"))
    )) or last in ("create_subprocess_exec", "create_subprocess_shell")  # fmt: skip


def test_only_one_module_opens_files_for_writing() -> None:
    wrong = [
        f"{source.at(node)}: {ast.unparse(node)}"
        for source in sources()
        if source.name != WRITES_FILES
        for name, node in calls(source)
        if _opens_for_writing(name, node)
    ]

    assert wrong == []


def _opens_for_writing(name: str, call: ast.Call) -> bool:
    if name == "os.open":
        flags = ast.unparse(call.args[1]) if len(call.args) > 1 else ""
        return any(f in flags for f in ("O_WRONLY", "O_RDWR", "O_CREAT")) and "devnull" not in ast.unparse(call.args[0])
    if name in ("open", "io.open"):
        given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
        return any(not isinstance(m, ast.Constant) or set("wax+") & set(str(m.value)) for m in given)
    return name.split(".")[-1] in ("write_text", "write_bytes", "NamedTemporaryFile", "mkstemp", "FileHandler")


# --- the source agrees with what is told about it ----------------------------------------------


@pytest.mark.skipif(not os.path.exists(os.path.join(ROOT, "doc", "conf.py")), reason="there is no manual yet")
def test_the_manual_tells_of_every_part() -> None:
    pages = []
    for path in glob.glob(os.path.join(ROOT, "doc", "**", "*.rst"), recursive=True):
        with open(path, encoding="utf-8") as file:
            pages.append(file.read())
    told = "\n".join(pages)

    untold = sorted({s.part for s in sources() if not s.part.startswith("_") and not _is_told(s, told)})

    assert untold == []


def _is_told(source: Source, told: str) -> bool:
    forms: list[Callable[[str], str]] = [lambda p: f"{p}/", lambda p: f"{p}.py", lambda p: f"ganeti.{p}"]
    return any(form(source.part) in told for form in forms)


def test_every_started_name_is_a_program_that_exists() -> None:
    stub = os.path.join(ROOT, "scripts", "gnt")
    wrong = []
    for directory in ("scripts", "daemons", "tools"):
        for name in os.listdir(os.path.join(ROOT, directory)):
            path = os.path.join(ROOT, directory, name)
            if os.path.islink(path) and os.path.realpath(path) == stub and not name.startswith(("gnt-", "ganeti-")):
                if not os.path.exists(os.path.join(LIB, "tools", f"{name.replace('-', '_')}.py")):
                    wrong.append(name)

    assert wrong == []
