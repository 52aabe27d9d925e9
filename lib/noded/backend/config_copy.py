"""The copy of the configuration that a master candidate keeps."""

from __future__ import annotations

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.utils import files


class ConfigCopy:
    """Calls about the copy."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def config_copy(self) -> str:
        """Return the copy as it is."""
        path = self._node.paths.config_file
        try:
            return files.read_file(path).decode()
        except OSError as err:
            raise errors.EnvironmentFailure(f"cannot read {path}: {err.strerror}") from err
        except UnicodeDecodeError as err:
            raise errors.EnvironmentFailure(f"cannot read {path}: the file is damaged ({err})") from err
