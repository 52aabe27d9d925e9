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
    "every master candidate has a copy:"
    " ganeti-masterd --restore-config puts the newest good one here, --restore-config=NODE that of a node"
)


class DamagedConfig(errors.ConfigurationError):
    """A file that cannot be used, where another copy of it could be; args: (path, reason)."""

    @property
    def reason(self) -> str:
        """What is wrong with it."""
        return str(self.args[1])

    def _describe(self) -> str:
        return "cannot load the configuration {}: {}; {}".format(*self.args, _REMEDY)


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
        raise DamagedConfig(path, "no such file") from err
    except OSError as err:
        raise errors.ConfigurationError(f"cannot load the configuration {path}: {err.strerror or err}") from err
    return parse_config(text, path)


def parse_config(text: bytes, path: str) -> Loaded:
    """Return the configuration in the text of a file; `path` is for messages.

    Raises as `read_config` does.
    """
    if not text.strip():
        raise DamagedConfig(path, "the file is empty")
    try:
        data = json.loads(text)
    except errors.ParseError as err:
        raise DamagedConfig(path, f"the file is damaged ({err})") from err
    if not isinstance(data, dict):
        raise DamagedConfig(path, "not an object")
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise DamagedConfig(path, "it names no version")
    try:
        config = Config.from_data(ConfigData.from_wire(upgrade(data)))
        assert config.master  # a configuration without one can do nothing
    except errors.ConfigVersionMismatch as err:
        raise errors.ConfigurationError(
            f"cannot load the configuration {path}: {err}; start the release that wrote it"
        ) from err
    except (errors.ParameterError, errors.ConfigurationError) as err:
        raise DamagedConfig(path, str(err)) from err
    return Loaded(config, text, version)
