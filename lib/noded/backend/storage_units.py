"""Storage units of this node, and the directories of file-based disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.model.enums import StorageType
from ganeti.noded.context import NodeContext
from ganeti.storage import units
from ganeti.storage.units import FileUnits, SharedFileUnits


class StorageUnits:
    """Calls about storage units."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def storage_list(
        self, su_name: StorageType, su_args: Sequence[object], name: str | None, fields: Sequence[str]
    ) -> Sequence[Sequence[object]]:
        """Return a row per storage unit of a type, values in the order of `fields`; None for `name` means all."""
        kind = units.kind_of(su_name, self._node.storage)
        if name is None:
            return units.select(kind.units(_texts(su_args)), fields)
        unit = kind.unit(name)
        if unit.problem is not None and "status" not in fields:
            raise errors.StorageError(f"cannot list storage unit {name}: {unit.problem}")
        return units.select([unit], fields)

    def storage_modify(
        self, su_name: StorageType, su_args: Sequence[object], name: str, changes: Mapping[str, object]
    ) -> None:
        """Change attributes of a storage unit."""
        units.kind_of(su_name, self._node.storage).modify(name, changes)

    def storage_execute(self, su_name: StorageType, su_args: Sequence[object], name: str, op: str) -> None:
        """Run an operation of a storage unit."""
        units.kind_of(su_name, self._node.storage).execute(name, op)


class FileStorage:
    """Calls about directories of file-based disks; shared ones are told by where they lie."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def file_storage_dir_create(self, file_storage_dir: str) -> None:
        """Create a directory for disks, inside an allowed one."""
        self._kind(file_storage_dir).create(file_storage_dir)

    def file_storage_dir_remove(self, file_storage_dir: str) -> None:
        """Remove an empty directory of disks."""
        self._kind(file_storage_dir).remove(file_storage_dir)

    def file_storage_dir_rename(self, old_file_storage_dir: str, new_file_storage_dir: str) -> None:
        """Rename a directory of disks."""
        self._kind(old_file_storage_dir).rename(old_file_storage_dir, new_file_storage_dir)

    def _kind(self, path: str) -> FileUnits:
        """Return the kind of unit that allows a path; that of plain file storage when none does."""
        shared = SharedFileUnits(self._node.storage)
        return shared if shared.allows(path) else FileUnits(self._node.storage)


def _texts(arguments: Sequence[object]) -> list[str]:
    """Return the names among the arguments of a kind, which may be a list in a list."""
    found: list[str] = []
    for argument in arguments:
        if isinstance(argument, str):
            found += [argument] if argument else []
        elif isinstance(argument, (list, tuple)):
            found += _texts(argument)
    return found
