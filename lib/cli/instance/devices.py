"""From `--disk` and `--net` to what the opcodes of instances take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.cli.failures import UsageError
from ganeti.cli.values import sizes

Device = tuple[str, Mapping[str, object] | bool | None]
"""What `identkeyval` options read: index and parameters; False for no_N, None for -N."""

_DISK_SIZES = ("size",)


def new_disks(given: Sequence[Device], os_size: int | None, template: str | None) -> list[dict[str, object]]:
    """Return the disks of a new instance, in order.

    Raises UsageError when there are none but have to be, or their numbers have gaps.
    """
    if template == "diskless":
        if given or os_size is not None:
            raise UsageError("a diskless instance has no disks: leave out --disk and --os-size")
        return []
    if given and os_size is not None:
        raise UsageError("--os-size is short for --disk 0:size=...: give one of them")
    if os_size is not None:
        return [{"size": os_size}]
    if not given:
        raise UsageError("no disk given: add --disk 0:size=10g, or -t diskless")
    disks = [sizes(values, _DISK_SIZES) for values in _in_order(given, "disk")]
    for number, disk in enumerate(disks):
        if ("size" in disk) == ("adopt" in disk):
            raise UsageError(f"disk {number}: give size=..., or adopt=... to take over a volume; one of both")
    return disks


def lost_disks(given: Sequence[Device]) -> list[list[object]]:
    """Return the disks to be made anew as [index, changes].

    Raises UsageError.
    """
    found: list[list[object]] = []
    for ident, values in given:
        index = _index(ident)
        if not isinstance(index, int) or index < 0 or values is False:
            raise UsageError(f"cannot read disk {ident!r}: a number comes first, as in 0 or 0:size=10g")
        found.append([index, sizes(values, _DISK_SIZES) if isinstance(values, Mapping) else {}])
    return found


def new_nics(given: Sequence[Device], none_wanted: bool) -> list[dict[str, object]]:
    """Return the network interfaces of a new instance: one with defaults unless told otherwise."""
    if none_wanted:
        if given:
            raise UsageError("--no-nics and --net contradict each other")
        return []
    return _in_order(given, "NIC") if given else [{}]


def changes(given: Sequence[Device], what: str) -> list[list[object]]:
    """Return changes of devices as [action, index or name, parameters].

    `N:add,...` `N:modify,...` `N:remove` `N:attach,...` `N:detach`; an index alone
    with parameters is a change; the old forms `add:...` and `remove` act on the end.
    """
    return [_change(ident, values, what) for ident, values in given]


def _change(ident: str, values: Mapping[str, object] | bool | None, what: str) -> list[object]:
    if not isinstance(values, Mapping):
        raise UsageError(f"cannot read {what} {ident!r}: write {ident}:remove to remove it")
    params = dict(values)
    if ident in _ACTIONS:
        action, index = ident, "-1"
    else:
        named = [word for word in _ACTIONS if word in params]
        if len(named) > 1:
            raise UsageError(f"{what} {ident}: only one of {', '.join(named)} can be done at a time")
        action, index = (named[0] if named else "modify"), ident
        if named and params.pop(action) is not True:
            raise UsageError(f"{what} {ident}: {action} takes no value")
    if action in ("remove", "detach") and params:
        raise UsageError(f"{what} {ident}: {action} takes no parameters")
    if action == "modify" and not params:
        raise UsageError(f"{what} {ident}: nothing to modify; say what, or {ident}:add, {ident}:remove")
    return [action, _index(index), sizes(params, _DISK_SIZES)]


_ACTIONS = ("add", "modify", "remove", "attach", "detach")


def _index(text: str) -> int | str:
    """Return a position, or the name or UUID of a device."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() else text


def _in_order(given: Sequence[Device], what: str) -> list[dict[str, object]]:
    found: dict[int, dict[str, object]] = {}
    for ident, values in given:
        index = _index(ident)
        if not isinstance(index, int) or index < 0:
            raise UsageError(f"cannot read {what} {ident!r}: a number comes first, as in 0:...")
        if not isinstance(values, Mapping):
            raise UsageError(f"cannot read {what} {ident!r}: write {ident}:key=value,...")
        if index in found:
            raise UsageError(f"{what} {index} is given twice")
        found[index] = dict(values)
    if sorted(found) != list(range(len(found))):
        raise UsageError(f"numbers of {what}s have gaps: {', '.join(str(i) for i in sorted(found))}")
    return [found[index] for index in sorted(found)]
