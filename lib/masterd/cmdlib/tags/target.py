"""Which object a request about tags means."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import TagKind
from ganeti.utils import text


def full_name(config: Config, kind: TagKind, name: str | None) -> str:
    """Return the full name of an object; "" for the cluster.

    Raises OpPrereqError when there is none of that name, or there are several.
    """
    if kind == TagKind.CLUSTER:
        return ""
    if not name:
        raise errors.OpPrereqError(f"name: say which {kind} is meant", ECode.INVAL)
    known = _names(config, kind)
    found = [name] if name in known else text.matching_names(name, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.OpPrereqError(f"{kind} name {name!r} is not unique: {', '.join(found)}", ECode.INVAL)
    raise errors.OpPrereqError(f"{kind} {name!r} is not known", ECode.NOENT)


def _names(config: Config, kind: TagKind) -> Sequence[str]:
    match kind:
        case TagKind.INSTANCE:
            return config.instance_names()
        case TagKind.NODE:
            return config.node_names()
        case TagKind.NODEGROUP:
            return config.group_names()
        case TagKind.NETWORK:
            return config.network_names()
    return ()
