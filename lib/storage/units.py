"""Storage units: the pools that disks are taken from, whatever their kind.

A kind of unit lists its units, tells whether one is healthy, changes its attributes
and runs operations on it; which attributes and operations there are is the kind's
business.  Kinds do not know what they are stacked on.
"""

from __future__ import annotations

import abc
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from ganeti import errors
from ganeti.model.enums import StorageType
from ganeti.model.scalars import MiB
from ganeti.storage import paths
from ganeti.storage.base import Host
from ganeti.storage.space import Space, space_of
from ganeti.utils import files


class Unit(NamedTuple):
    """One storage unit; sizes are None when they cannot be told, `problem` says why it cannot be used."""

    type: StorageType
    name: str
    size: MiB | None
    used: MiB | None
    free: MiB | None
    allocatable: bool
    problem: str | None


#: what can be asked of a unit; `status` is "ok" or what is wrong
FIELDS: Mapping[str, Callable[[Unit], object]] = {
    "type": lambda unit: unit.type.value,
    "name": lambda unit: unit.name,
    "size": lambda unit: unit.size,
    "used": lambda unit: unit.used,
    "free": lambda unit: unit.free,
    "allocatable": lambda unit: unit.allocatable,
    "status": lambda unit: unit.problem or "ok",
}


class UnitKind(abc.ABC):
    """A kind of storage unit on this node.  Methods raise StorageError with the unit named."""

    TYPE: ClassVar[StorageType]

    def __init__(self, host: Host) -> None:
        self.host = host

    @abc.abstractmethod
    def units(self, among: Sequence[str] = ()) -> list[Unit]:
        """Return the units, in order; `among` are those of the configuration, for kinds that need to be told."""

    @abc.abstractmethod
    def unit(self, name: str) -> Unit:
        """Return one unit; `problem` tells when it is not there."""

    def modify(self, name: str, changes: Mapping[str, object]) -> None:
        """Change attributes of a unit."""
        if changes:
            shown = ", ".join(sorted(changes))
            raise errors.StorageError(f"cannot modify storage unit {name}: {self.TYPE} units have no attribute {shown}")

    def execute(self, name: str, operation: str) -> None:
        """Run an operation on a unit."""
        raise errors.StorageError(f"cannot {operation} storage unit {name}: not an operation of {self.TYPE} units")


class FileUnits(UnitKind):
    """Directories that hold file-based disks."""

    TYPE: ClassVar[StorageType] = StorageType.FILE
    SHARED: ClassVar[bool] = False

    def units(self, among: Sequence[str] = ()) -> list[Unit]:
        return [self.unit(name) for name in (among or self._allowed())]

    def unit(self, name: str) -> Unit:
        try:
            path = self._local(name)
            total = None if self.SHARED else self.host.disk_total()
            if not os.path.isdir(path):
                # a virtual node's space does not depend on its file system: its first disk makes the directory
                if total is None or path not in self._allowed():
                    return self._unusable(name, "no such directory")
                path = _existing_parent(path)
            space: Space = space_of(path, self._allowed(), total)
        except (OSError, errors.FileStoragePathError) as err:
            return self._unusable(name, str(err))
        writable = os.access(path, os.R_OK | os.W_OK | os.X_OK)
        problem = None if writable else "not writable"
        return Unit(self.TYPE, name, space.size, space.used, space.free, writable, problem)

    def execute(self, name: str, operation: str) -> None:
        """Run `create` or `remove` (of an empty directory); see UnitKind."""
        match operation:
            case "create":
                self.create(name)
            case "remove":
                self.remove(name)
            case _:
                super().execute(name, operation)

    def disks(self, name: str) -> list[str]:
        """Return the disks in a directory and those below, by their paths inside of it, sorted."""
        top = self._local(name)
        found = [
            os.path.relpath(os.path.join(directory, file), top)
            for directory, _, names in os.walk(top)
            for file in names
            if not file.startswith(".")  # identities, and what is being written
        ]
        return sorted(found)

    def create(self, name: str) -> None:
        """Make a directory for disks, inside an allowed one; harmless when it is there."""
        path = self._local(name)
        try:
            files.ensure_dir(path, 0o750)
        except OSError as err:
            raise errors.StorageError(f"cannot create directory {path}: {err.strerror}") from err

    def remove(self, name: str) -> None:
        """Remove an empty directory; harmless when it is gone."""
        path = self._local(name, exact=False)
        try:
            files.remove_leftovers(path, math.inf)
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as err:
            raise errors.StorageError(f"cannot remove directory {path}: {err.strerror}") from err

    def rename(self, old: str, new: str) -> None:
        """Rename a directory; harmless when that was done already."""
        source, target = self._local(old, exact=False), self._local(new, exact=False)
        if not os.path.lexists(source) and os.path.isdir(target):
            return
        if os.path.lexists(target):
            raise errors.StorageError(f"cannot rename directory {source} to {target}: that exists already")
        try:
            files.rename_files([(source, target)])
        except OSError as err:
            raise errors.StorageError(f"cannot rename directory {source} to {target}: {err.strerror}") from err

    def allows(self, name: str) -> bool:
        """Tell whether a directory may be one of these units, or inside one."""
        try:
            self._local(name)
        except errors.FileStoragePathError:
            return False
        return True

    def _allowed(self) -> Sequence[str]:
        return self.host.shared_dirs() if self.SHARED else self.host.file_dirs()

    def _local(self, name: str, *, exact: bool = True) -> str:
        path = self.host.localize(paths.check_path(name), self.SHARED)
        return paths.check_allowed(path, self._allowed(), exact=exact)

    def _unusable(self, name: str, problem: str) -> Unit:
        return Unit(self.TYPE, name, None, None, None, False, problem)


class SharedFileUnits(FileUnits):
    """Directories all nodes see."""

    TYPE: ClassVar[StorageType] = StorageType.SHAREDFILE
    SHARED: ClassVar[bool] = True


class DisklessUnits(UnitKind):
    """No storage at all: always there, never with a size."""

    TYPE: ClassVar[StorageType] = StorageType.DISKLESS

    def units(self, among: Sequence[str] = ()) -> list[Unit]:
        return []

    def unit(self, name: str) -> Unit:
        return Unit(self.TYPE, name, None, None, None, True, None)


def _existing_parent(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


KINDS: Mapping[StorageType, type[UnitKind]] = {kind.TYPE: kind for kind in (FileUnits, SharedFileUnits, DisklessUnits)}


def kind_of(name: StorageType, host: Host) -> UnitKind:
    """Return a kind of storage unit on this node.

    Raises StorageError for one that this release does not know to list.
    """
    try:
        return KINDS[name](host)
    except KeyError:
        known = ", ".join(sorted(KINDS))
        raise errors.StorageError(f"cannot use storage type {name}: not available here (there are: {known})") from None


def select(units: Sequence[Unit], fields: Sequence[str]) -> list[list[object]]:
    """Return a row per unit, values in the order of `fields`.

    Raises StorageError for an unknown field.
    """
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise errors.StorageError(f"cannot list storage units: unknown field {', '.join(unknown)}")
    return [[FIELDS[field](unit) for field in fields] for unit in units]
