"""Names of operating systems, with and without variant."""

from __future__ import annotations

from collections.abc import Collection

from ganeti.model.scalars import OsName

_SIGN = "+"


def base_of(os: OsName | str) -> OsName:
    """Return the name without variant."""
    return OsName(os.partition(_SIGN)[0])


def with_variant(os: OsName | str, variant: str) -> OsName:
    """Return the name with a variant."""
    return OsName(f"{os}{_SIGN}{variant}")


def is_listed(os: OsName | str, names: Collection[str]) -> bool:
    """Tell whether a list of names means an OS: a name without variant means all of its variants."""
    return os in names or base_of(os) in names
