"""Reads `config.data`.  A file that cannot be used is named, with what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.model import versions
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.upgrade import upgrade
from ganeti.utils import files, json

_REMEDY = (
    "every master candidate has a copy under the same path:"
    " put the one with the highest serial_no here, then start again"
)


class Loaded(NamedTuple):
    """A configuration, and the text and version it was read from."""

    config: Config
    text: bytes
    version: int

    @property
    def is_upgraded(self) -> bool:
        """Whether the file is of an older version."""
        return self.version != versions.CONFIG


def read_config(path: str) -> Loaded:
    """Return the configuration in a file, brought to the present version.

    Raises ConfigurationError naming the file and what to do.
    """
    try:
        text = files.read_file(path)
    except FileNotFoundError as err:
        raise errors.ConfigurationError(
            f"cannot load the configuration {path}: no such file; if this node is to be the master, {_REMEDY}"
        ) from err
    except OSError as err:
        raise errors.ConfigurationError(f"cannot load the configuration {path}: {err.strerror or err}") from err
    return parse_config(text, path)


def parse_config(text: bytes, path: str) -> Loaded:
    """Return the configuration in the text of a file; `path` is for messages.

    Raises as `read_config` does.
    """
    if not text.strip():
        raise errors.ConfigurationError(f"cannot load the configuration {path}: the file is empty; {_REMEDY}")
    try:
        data = json.loads(text)
    except errors.ParseError as err:
        raise errors.ConfigurationError(
            f"cannot load the configuration {path}: the file is damaged ({err}); {_REMEDY}"
        ) from err
    if not isinstance(data, dict):
        raise errors.ConfigurationError(f"cannot load the configuration {path}: not an object; {_REMEDY}")
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise errors.ConfigurationError(f"cannot load the configuration {path}: it names no version; {_REMEDY}")
    try:
        config = Config.from_data(ConfigData.from_wire(upgrade(data)))
        assert config.master  # a configuration without one can do nothing
    except errors.ConfigVersionMismatch as err:
        raise errors.ConfigurationError(
            f"cannot load the configuration {path}: {err}; start the release that wrote it"
        ) from err
    except (errors.ParameterError, errors.ConfigurationError) as err:
        raise errors.ConfigurationError(f"cannot load the configuration {path}: {err}; {_REMEDY}") from err
    return Loaded(config, text, version)
