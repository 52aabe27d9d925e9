"""OS definitions: the directories of scripts that put an operating system on an instance.

Reads, judges and describes them; running them is `os_scripts`.  Layout and versions of
the interface: `spec/os_api.json`.  A definition may have a file `os_version`, one line
that tells which release of it is installed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import OsDiagnosis
from ganeti.utils import files, process

API_VERSIONS = frozenset({10, 15, 20})
API_WITH_VARIANTS = 15
API_WITH_PARAMETERS = 20

_SCRIPTS = ("create", "create_untrusted", "import", "export", "rename", "verify")
_REQUIRED = ("import", "export", "rename")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.~:@-]*", re.ASCII)
_VARIANT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~:@-]*", re.ASCII)
_PARAMETER = re.compile(r"[a-z0-9_][a-z0-9_-]*", re.ASCII)
_LINES_LIMIT = 256 * 1024
_VERIFY_LIMIT = 60.0
_VALIDATE_CALLS = ("parameters",)


class OsDefinition(NamedTuple):
    """A definition found in a directory; `problems` is empty when it can be used."""

    name: str
    path: str
    api_versions: tuple[int, ...]
    variants: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    scripts: Mapping[str, str]
    version: str
    problems: tuple[str, ...]

    @property
    def api_version(self) -> int:
        """The version of the interface that is spoken with it: the highest both know."""
        return max(API_VERSIONS.intersection(self.api_versions), default=0)

    @property
    def trusted(self) -> bool:
        """Whether its create script may run with the daemon's rights."""
        return "create" in self.scripts

    def script(self, action: str) -> str:
        """Return the path of a script.

        Raises OpExecError when the definition has none for this action.
        """
        path = self.scripts.get(action)
        if path is None:
            raise errors.OpExecError(f"cannot {action} with OS {self.name}: {self.path} has no {action} script")
        return path


class Chosen(NamedTuple):
    """A definition and the variant of it that an instance uses; "" for one without variants."""

    definition: OsDefinition
    variant: str


# --- reading -------------------------------------------------------------------------


def split_name(full_name: str) -> tuple[str, str]:
    """Return (name, variant) of an OS name such as debian+testing; the variant may be empty."""
    name, _, variant = full_name.partition("+")
    return name, variant


def find_all(search_path: Sequence[str]) -> list[OsDefinition]:
    """Return all definitions of the search path, good and bad; of two with one name the first counts."""
    found = []
    for directory in search_path:
        try:
            names = sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            path = os.path.join(directory, name)
            if _NAME.fullmatch(name) and os.path.isdir(path):
                found.append(read_definition(name, path))
    return found


def find(full_name: str, search_path: Sequence[str]) -> OsDefinition:
    """Return the definition of an OS name, with or without variant.

    Raises OpExecError when it is nowhere or cannot be used.
    """
    name, _ = split_name(full_name)
    if not _NAME.fullmatch(name) or ".." in name:
        raise errors.ParameterError(f"cannot use OS {full_name!r}: not the name of an OS definition")
    for directory in search_path:
        path = os.path.join(directory, name)
        if os.path.isdir(path):
            definition = read_definition(name, path)
            if definition.problems:
                raise errors.OpExecError(f"cannot use OS {name} in {path}: {'; '.join(definition.problems)}")
            return definition
    raise errors.OpExecError(f"cannot use OS {name}: no such definition in {', '.join(search_path)}")


def choose(full_name: str, search_path: Sequence[str], *, force_variant: bool = True) -> Chosen:
    """Return definition and variant of an OS name; without a variant the first is meant.

    Raises OpExecError for a variant that is not supported, unless forced.
    """
    definition = find(full_name, search_path)
    _, variant = split_name(full_name)
    if definition.api_version < API_WITH_VARIANTS or not definition.variants:
        if variant and not force_variant:
            raise errors.OpExecError(f"cannot use OS {full_name}: {definition.name} has no variants")
        return Chosen(definition, variant)
    if not variant:
        return Chosen(definition, definition.variants[0])
    if variant not in definition.variants and not force_variant:
        known = ", ".join(definition.variants)
        raise errors.OpExecError(f"cannot use OS {full_name}: unknown variant {variant} (there are: {known})")
    return Chosen(definition, variant)


def read_definition(name: str, path: str) -> OsDefinition:
    """Return what a directory defines, with all that is wrong with it."""
    problems: list[str] = []
    versions = _read_versions(path, problems)
    common = max(API_VERSIONS.intersection(versions), default=0)
    variants = _read_variants(path, problems) if common >= API_WITH_VARIANTS else ()
    parameters = _read_parameters(path, problems) if common >= API_WITH_PARAMETERS else ()
    scripts = _find_scripts(path, problems)
    if "create" not in scripts and "create_untrusted" not in scripts:
        problems.append("no create script")
    required = (*_REQUIRED, "verify") if common >= API_WITH_PARAMETERS else _REQUIRED
    problems += [f"no {script} script" for script in required if script not in scripts]
    version = _read_lines(path, "os_version", problems, required=False)
    return OsDefinition(
        name=name,
        path=path,
        api_versions=versions,
        variants=variants,
        parameters=parameters,
        scripts=scripts,
        version=version[0] if version else "",
        problems=tuple(problems),
    )


def _read_lines(path: str, name: str, problems: list[str], *, required: bool) -> list[str]:
    """Return the lines of a file that say something: not empty, no comment."""
    try:
        text = files.read_text(os.path.join(path, name), limit=_LINES_LIMIT)
    except FileNotFoundError:
        if required:
            problems.append(f"no file {name}")
        return []
    except (OSError, UnicodeDecodeError) as err:
        problems.append(f"cannot read {name}: {err}")
        return []
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _read_versions(path: str, problems: list[str]) -> tuple[int, ...]:
    lines = _read_lines(path, "ganeti_api_version", problems, required=True)
    bad = [line for line in lines if not (line.isascii() and line.isdecimal() and len(line) < 6)]
    if bad:
        problems.append(f"ganeti_api_version holds {bad[0]!r}, which is no version")
    versions = tuple(sorted({int(line) for line in lines if line not in bad}))
    if not bad and not API_VERSIONS.intersection(versions) and not problems:
        known = ", ".join(str(v) for v in sorted(API_VERSIONS))
        given = ", ".join(str(v) for v in versions) or "none"
        problems.append(f"interface versions {given} are not supported (supported are: {known})")
    return versions


def _read_variants(path: str, problems: list[str]) -> tuple[str, ...]:
    lines = _read_lines(path, "variants.list", problems, required=False)
    bad = [line for line in lines if not _VARIANT.fullmatch(line)]
    if bad:
        problems.append(f"variants.list holds {bad[0]!r}, which cannot be the name of a variant")
    return tuple(dict.fromkeys(line for line in lines if line not in bad))


def _read_parameters(path: str, problems: list[str]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for line in _read_lines(path, "parameters.list", problems, required=True):
        name, *doc = line.split(None, 1)
        name = name.lower()
        if not _PARAMETER.fullmatch(name):
            problems.append(f"parameters.list holds {name!r}, which cannot be the name of a parameter")
        elif name in found:
            problems.append(f"parameters.list holds {name} twice")
        else:
            found[name] = doc[0] if doc else ""
    return tuple(found.items())


def _find_scripts(path: str, problems: list[str]) -> dict[str, str]:
    found = {}
    for name in _SCRIPTS:
        script = os.path.join(path, name)
        try:
            status = os.stat(script)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            problems.append(f"{name} is no plain file")
        elif not status.st_mode & stat.S_IXUSR:
            problems.append(f"{name} is not executable")
        else:
            found[name] = script
    return found


# --- calls -----------------------------------------------------------------------------


def core_environment(chosen: Chosen, parameters: Mapping[str, object], debug: int) -> dict[str, str]:
    """Return the variables every script gets, also those that know no instance."""
    definition = chosen.definition
    env = {
        "PATH": process.SEARCH_PATH,
        "OS_API_VERSION": str(definition.api_version),
        "OS_NAME": definition.name,
        "DEBUG_LEVEL": str(debug),
    }
    if definition.api_version >= API_WITH_VARIANTS:
        env["OS_VARIANT"] = chosen.variant
    if definition.api_version >= API_WITH_PARAMETERS:
        for name, value in parameters.items():
            env[f"OSP_{name.upper().replace('-', '_')}"] = "" if value is None else str(value)
    return env


class OsDefinitions:
    """Calls that look at OS definitions."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def os_diagnose(self) -> Sequence[OsDiagnosis]:
        """Return all definitions of the search path, good and bad, in the order of the path."""
        return [_diagnosis(definition) for definition in find_all(self._node.paths.os_search_path)]

    def os_get(self, name: str) -> OsDiagnosis:
        """Return one definition that can be used."""
        return _diagnosis(find(name, self._node.paths.os_search_path))

    def os_validate(
        self, required: bool, name: str | None, checks: Sequence[str], params: Mapping[str, str], force_variant: bool
    ) -> bool:
        """Check parameters with the definition's verify script; false when it is not there and not required."""
        unknown = [check for check in checks if check not in _VALIDATE_CALLS]
        if unknown:
            raise errors.ParameterError(f"cannot validate OS {name}: unknown check {', '.join(unknown)}")
        if not name:
            if required:
                raise errors.ParameterError("cannot validate OS parameters: no OS is named")
            return False
        try:
            definition = find(name, self._node.paths.os_search_path)
        except errors.OpExecError:
            if required:
                raise
            return False
        chosen = choose(name, self._node.paths.os_search_path, force_variant=force_variant)
        if definition.api_version >= API_WITH_PARAMETERS and "parameters" in checks:
            self._check_parameters(chosen, params)
        return True

    def _check_parameters(self, chosen: Chosen, params: Mapping[str, str]) -> None:
        definition = chosen.definition
        known = {name for name, _ in definition.parameters}
        unknown = sorted(name for name in params if name.lower() not in known)
        if unknown:
            shown = ", ".join(sorted(known)) or "none"
            raise errors.OpExecError(
                f"cannot use OS {definition.name}: unknown parameter {', '.join(unknown)} (there are: {shown})"
            )
        result = process.run(
            [definition.script("verify"), *_VALIDATE_CALLS],
            env={**core_environment(chosen, params, debug=0), **self._node.paths.environ},
            cwd=definition.path,
            reset_env=True,
            timeout=_VERIFY_LIMIT,
        )
        if result.failed:
            raise errors.OpExecError(
                f"cannot use parameters of OS {definition.name}: {result.output.strip() or result.reason}"
            )


def _diagnosis(definition: OsDefinition) -> OsDiagnosis:
    return OsDiagnosis(
        name=definition.name,
        path=definition.path,
        status=not definition.problems,
        diagnose="; ".join(definition.problems),
        variants=definition.variants,
        parameters=definition.parameters,
        api_versions=definition.api_versions,
        trusted=definition.trusted,
        version=definition.version,
    )
