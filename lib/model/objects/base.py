"""What all configuration records share.

The wire form of a configuration record is its form in `config.data`: fields that
are None are left out, and keys this release does not know are kept, so that a
file written by a newer release survives being read and written here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.model.scalars import Timestamp, Uuid
from ganeti.schema import Record, param

#: parameters of any kind, by name; partial where a record says so
Params = Mapping[str, object]

#: one of the instance policy shapes of `params/ipolicy.py`
IPolicy = Mapping[str, object]


class ConfigObject(Record, omit_none=True, keep_unknown=True):
    """Base of the records in the configuration."""


class TrackedObject(ConfigObject):
    """A record that counts its changes; the configuration store fills these fields."""

    uuid: Uuid = param(doc="Identity, never changes")
    serial_no: int = param(default=1, doc="Starts at 1, grows with every change")
    ctime: Timestamp = param(default=Timestamp(0.0), doc="When it was created, seconds since the epoch")
    mtime: Timestamp = param(default=Timestamp(0.0), doc="When it was changed last, seconds since the epoch")
