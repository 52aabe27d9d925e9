"""What a request makes of a group's parameters.  Pure.

A group holds only what differs from the cluster: "default" as a value forgets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AllocPolicy, DiskTemplate
from ganeti.model.objects.base import IPolicy, Params
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params import disk, ipolicy, nd
from ganeti.model.params.fill import fill_ipolicy
from ganeti.model.params.table import is_reset, merge
from ganeti.schema import replace

Changes = list[tuple[str, object]]


def changed_group(
    config: Config,
    group: NodeGroup,
    *,
    alloc_policy: AllocPolicy | None,
    ndparams: Params | None,
    diskparams: Mapping[DiskTemplate, Params] | None,
    policy: IPolicy | None,
) -> tuple[NodeGroup, Changes]:
    """Return the group as the request makes it, and what that changes.

    Raises ParameterError or TypeEnforcementError naming the parameter.
    """
    changes: dict[str, object] = {}
    if alloc_policy is not None:
        changes["alloc_policy"] = alloc_policy
    if ndparams is not None:
        changes["ndparams"] = merge(group.ndparams, nd.check_ndparams(ndparams, resets=True))
    if diskparams is not None:
        checked = disk.check_diskparams(diskparams, resets=True)
        merged = {name: merge(group.diskparams.get(name, {}), own) for name, own in checked.items()}
        changes["diskparams"] = {name: own for name, own in {**group.diskparams, **merged}.items() if own}
    if policy is not None:
        changes["ipolicy"] = changed_ipolicy(group.ipolicy, policy)
    new = replace(group, **changes)
    # What a group says may be fine by itself and not together with what the cluster says.
    ipolicy.check_ipolicy(fill_ipolicy(config.cluster, new), complete=True)
    return new, [(name, value) for name, value in changes.items() if getattr(group, name) != getattr(new, name)]


def changed_ipolicy(old: IPolicy, given: IPolicy) -> dict[str, object]:
    """Return the policy of a group after a request."""
    result = dict(old)
    for key, value in given.items():
        if is_reset(value):
            result.pop(key, None)
        elif key == ipolicy.STD and isinstance(value, Mapping):
            before = old.get(ipolicy.STD)
            result[key] = merge(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return ipolicy.check_ipolicy({key: value for key, value in result.items() if value != {}}, complete=False)
