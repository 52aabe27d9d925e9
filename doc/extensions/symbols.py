"""What documents say about the source, held against it.

Two roles name things of the source: `:path:` a file or directory, `:sym:` a module,
class, function or field by its full name.  A document that names what is not there
does not build, and test/unit/test_doc_sources.py fails.
"""

import importlib
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

REFERENCE = re.compile(r":(path|sym):`([^`]+)`")


def references(text):
    """Yield (role, target) of everything of the source a document names."""
    yield from REFERENCE.findall(text)


def problem(role, target):
    """Return what is wrong with a reference, "" for nothing."""
    if role == "path":
        return "" if os.path.exists(os.path.join(ROOT, target)) else f"no such file in the source tree: {target}"
    return symbol_problem(target.removeprefix("~"))


def shown(role, target):
    """Return how a reference is printed: `~` in front leaves the modules out."""
    if role == "sym" and target.startswith("~"):
        module, names = split(target[1:])
        return names or module.rpartition(".")[2]
    return target


def split(name):
    """Return (module, names inside it) of a full name; ganeti.a.b.Class.method."""
    parts = name.split(".")
    for index in range(len(parts)):
        below = os.path.join(ROOT, "lib", *parts[1 : index + 1])
        if index and not os.path.isdir(below) and not os.path.isfile(f"{below}.py"):
            return ".".join(parts[:index]), ".".join(parts[index:])
    return name, ""


def symbol_problem(name):
    """Return why a full name means nothing, "" when it does."""
    module, names = split(name)
    if not module.startswith("ganeti"):
        return f"not a name of the package: {name}"
    found = importlib.import_module(module)
    for part in names.split(".") if names else ():
        if part in getattr(found, "_params", {}):  # the field of a record
            return ""
        if not hasattr(found, part):
            return f"{module} has no {names}"
        found = getattr(found, part)
    return ""
