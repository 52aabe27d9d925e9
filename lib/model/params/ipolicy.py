"""Instance policy: how large instances may be, and how densely they are packed.

A policy is a mapping with the keys of KEYS.  That of the cluster is complete; a
group's holds only what differs.  `minmax` is a list of ranges; an instance fits if
it is inside any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.base import IPolicy
from ganeti.model.scalars import MiB

MINMAX = "minmax"
STD = "std"
DISK_TEMPLATES = "disk-templates"
VCPU_RATIO = "vcpu-ratio"
SPINDLE_RATIO = "spindle-ratio"

KEYS = (MINMAX, STD, DISK_TEMPLATES, VCPU_RATIO, SPINDLE_RATIO)

#: what is limited: MiB, or a count
SPECS = ("memory-size", "cpu-count", "disk-count", "disk-size", "nic-count", "spindle-use")

Spec = Mapping[str, int]


class Range(NamedTuple):
    """Smallest and largest instance, by the names of SPECS."""

    min: Spec
    max: Spec


class Size(NamedTuple):
    """What a policy looks at in an instance."""

    memory: MiB
    cpus: int
    disks: Sequence[MiB]
    nics: int
    spindles: int


def ipolicy_defaults() -> dict[str, object]:
    """Return the policy of a cluster that says nothing of its own."""
    low = dict.fromkeys(SPECS, 1) | {"memory-size": 128, "disk-size": 1024}
    high = {
        "memory-size": 32768,
        "cpu-count": 8,
        "disk-count": 16,
        "disk-size": 1048576,
        "nic-count": 8,
        "spindle-use": 12,
    }
    return {
        MINMAX: [{"min": low, "max": high}],
        STD: dict(low),
        DISK_TEMPLATES: [template.value for template in DiskTemplate],
        VCPU_RATIO: 4.0,
        SPINDLE_RATIO: 32.0,
    }


def ranges(policy: IPolicy) -> list[Range]:
    """Return the ranges of a policy; none if it has none of its own."""
    found = policy.get(MINMAX) or ()
    assert isinstance(found, Sequence)
    return [Range(pair["min"], pair["max"]) for pair in found]


def standard(policy: IPolicy) -> Spec:
    """Return the standard instance of a complete policy."""
    found = policy[STD]
    assert isinstance(found, Mapping)
    return found


def allowed_templates(policy: IPolicy) -> list[DiskTemplate]:
    """Return the disk templates a complete policy allows."""
    found = policy[DISK_TEMPLATES]
    assert isinstance(found, Iterable)
    return [DiskTemplate(name) for name in found]


def ratio(policy: IPolicy, key: str) -> float:
    """Return VCPU_RATIO or SPINDLE_RATIO of a complete policy."""
    found = policy[key]
    assert isinstance(found, (int, float)), key
    return float(found)


def check_ipolicy(policy: IPolicy, path: str = "ipolicy", *, complete: bool) -> dict[str, object]:
    """Return a policy with its values in the right type; a group's need not be complete.

    Raises ParameterError naming the path.
    """
    unknown = sorted(set(policy) - set(KEYS))
    if unknown:
        raise errors.ParameterError(f"{path}.{unknown[0]}: unknown, known are {', '.join(KEYS)}")
    missing = [key for key in KEYS if key not in policy]
    if complete and missing:
        raise errors.ParameterError(f"{path}.{missing[0]}: required, but missing")
    result: dict[str, object] = {}
    if MINMAX in policy:
        result[MINMAX] = _check_minmax(policy[MINMAX], f"{path}.{MINMAX}")
    if STD in policy:
        result[STD] = _check_spec(policy[STD], f"{path}.{STD}", complete=complete)
    if DISK_TEMPLATES in policy:
        result[DISK_TEMPLATES] = _check_templates(policy[DISK_TEMPLATES], f"{path}.{DISK_TEMPLATES}")
    for key in (VCPU_RATIO, SPINDLE_RATIO):
        if key in policy:
            result[key] = _check_ratio(policy[key], f"{path}.{key}")
    if complete:
        _check_standard(result, path)
    return result


def violations(policy: IPolicy, size: Size, template: DiskTemplate | None) -> list[str]:
    """Return why an instance does not fit a complete policy, as sentences; none if it does.

    `template` is None where disks of several templates are mixed.
    """
    found = []
    if template is not None and template not in allowed_templates(policy):
        found.append(f"disk template {template} is not allowed by the instance policy")
    by_range = [_outside(limits, size, template) for limits in ranges(policy)]
    if by_range and all(by_range):
        nearest: list[str] = min(by_range, key=len)
        found += nearest
    return found


def _outside(limits: Range, size: Size, template: DiskTemplate | None) -> list[str]:
    diskless = template == DiskTemplate.DISKLESS
    values: list[tuple[str, str, int]] = [
        ("memory-size", "", size.memory),
        ("cpu-count", "", size.cpus),
        ("nic-count", "", size.nics),
        ("spindle-use", "", size.spindles),
    ]
    if not diskless:
        values.append(("disk-count", "", len(size.disks)))
        values += [("disk-size", f"/{index}", disk) for index, disk in enumerate(size.disks)]
    return [
        f"{name}{which} value {value} is not in range [{limits.min.get(name, 0)}, {limits.max.get(name, value)}]"
        for name, which, value in values
        if not limits.min.get(name, 0) <= value <= limits.max.get(name, value)
    ]


def _check_minmax(value: object, path: str) -> list[dict[str, dict[str, int]]]:
    if not isinstance(value, (list, tuple)) or not value:
        raise errors.ParameterError(f"{path}: expected a list of at least one pair of min and max, got {value!r}")
    result = []
    for index, pair in enumerate(value):
        here = f"{path}[{index}]"
        if not isinstance(pair, Mapping) or set(pair) != {"min", "max"}:
            raise errors.ParameterError(f"{here}: expected an object with min and max, got {pair!r}")
        low = _check_spec(pair["min"], f"{here}.min", complete=True)
        high = _check_spec(pair["max"], f"{here}.max", complete=True)
        for name in SPECS:
            if low[name] > high[name]:
                raise errors.ParameterError(f"{here}.min.{name}: {low[name]} is more than the maximum {high[name]}")
        result.append({"min": low, "max": high})
    return result


def _check_spec(value: object, path: str, *, complete: bool) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise errors.ParameterError(f"{path}: expected an object, got {value!r}")
    for name, number in value.items():
        if name not in SPECS:
            raise errors.ParameterError(f"{path}.{name}: unknown, known are {', '.join(SPECS)}")
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise errors.ParameterError(f"{path}.{name}: expected a whole number, 0 or more, got {number!r}")
    missing = [name for name in SPECS if name not in value]
    if complete and missing:
        raise errors.ParameterError(f"{path}.{missing[0]}: required, but missing")
    return dict(value)


def _check_templates(value: object, path: str) -> list[str]:
    known = {template.value for template in DiskTemplate}
    if not isinstance(value, (list, tuple)) or not value:
        raise errors.ParameterError(f"{path}: expected a list of at least one disk template, got {value!r}")
    for name in value:
        if name not in known:
            raise errors.ParameterError(f"{path}: unknown disk template {name!r}, known are {', '.join(sorted(known))}")
    return list(value)


def _check_ratio(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise errors.ParameterError(f"{path}: expected a number above 0, got {value!r}")
    return float(value)


def _check_standard(policy: IPolicy, path: str) -> None:
    std = standard(policy)
    for index, limits in enumerate(ranges(policy)):
        for name in SPECS:
            if not limits.min[name] <= std[name] <= limits.max[name]:
                raise errors.ParameterError(
                    f"{path}.{STD}.{name}: {std[name]} is not inside {MINMAX}[{index}],"
                    f" {limits.min[name]} to {limits.max[name]}"
                )
