"""Runs instance allocators: programs that decide which nodes an instance goes to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.utils import files, process
from ganeti.utils.text import printable

#: seconds an allocator may think
TIME_LIMIT = 300.0
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.+-]*", re.ASCII)
_OPTION = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*", re.ASCII)
_SHOWN = 4096


class Allocators:
    """Calls that run allocators."""

    def __init__(self, node: NodeContext, time_limit: float = TIME_LIMIT) -> None:
        self._node = node
        self._time_limit = time_limit

    def iallocator_runner(self, name: str, idata: str, default_iallocator_params: Mapping[str, object]) -> str:
        """Run an allocator on `idata`; return what it wrote to its standard output.

        Raises OpExecError, with what it wrote, when it is not there, fails or takes too long.
        """
        program = self._find(name)
        options = [_option(name, key, value) for key, value in default_iallocator_params.items()]
        with files.temporary_file(idata, "ganeti-iallocator.") as question:
            result = process.run([program, question, *options], env=self._node.paths.environ, timeout=self._time_limit)
        if result.failed:
            shown = printable(result.output).strip()[-_SHOWN:] or "it wrote nothing"
            raise errors.OpExecError(f"cannot get an answer of allocator {name}: {result.reason}; {shown}")
        return result.stdout

    def _find(self, name: str) -> str:
        if not _NAME.fullmatch(name) or ".." in name:
            raise errors.ParameterError(f"cannot run allocator {name!r}: not the name of a program")
        for directory in self._node.paths.iallocator_search_path:
            path = os.path.join(directory, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        searched = ", ".join(self._node.paths.iallocator_search_path)
        raise errors.OpExecError(f"cannot run allocator {name}: no such program in {searched}")


def _option(name: str, key: str, value: object) -> str:
    if not _OPTION.fullmatch(key):
        raise errors.ParameterError(f"cannot run allocator {name}: {key!r} cannot be an option")
    return f"--{key}" if value is None else f"--{key}={value}"
