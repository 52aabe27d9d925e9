"""Pure: lists of interfaces and disks after the changes a request asks for.

A change is (action, index or name, parameters), or in short form (action or index,
parameters); see OpInstanceSetParams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.instance.build import build_nic
from ganeti.masterd.config.reservations import JobReservations
from ganeti.model.enums import DeviceAction, DiskMode
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.nic import NIC
from ganeti.schema import replace
from ganeti.schema_types import type_of

#: what was changed, as clients are told: (what, new value)
Changes = list[tuple[str, object]]

LAST = -1

_is_index = re.compile(r"-?[0-9]{1,9}").fullmatch


class Change(NamedTuple):
    """One change; `where` is an index (-1: the end), a name or a uuid."""

    action: DeviceAction
    where: int | str
    params: Mapping[str, Any]
    path: str


def read_changes(given: Sequence[Any], path: str) -> Iterator[Change]:
    """Yield the changes of a request in their long form.

    Raises OpPrereqError.
    """
    for number, change in enumerate(given):
        here = f"{path}[{number}]"
        if len(change) == 3:
            action, where, params = change
        else:
            first, params = change
            is_action = str(first) in list(DeviceAction) and not isinstance(first, int)
            action, where = (first, LAST) if is_action else (DeviceAction.MODIFY, first)
        where = int(where) if isinstance(where, str) and _is_index(where) else where
        yield Change(DeviceAction(str(action)), where, {str(key): value for key, value in params.items()}, here)


def change_nics(
    cluster: Cluster, nics: Sequence[NIC], given: Sequence[Any], reserve: JobReservations, changes: Changes
) -> tuple[NIC, ...]:
    """Return the interfaces after the changes; what changed is added to `changes`.

    Raises OpPrereqError, ParameterError.
    """
    result = list(nics)
    for change in read_changes(given, "nics"):
        if change.action == DeviceAction.ADD:
            place = len(result) if change.where == LAST else _new_place(change, len(result))
            nic = build_nic(cluster, change.params, change.path, reserve.mac, reserve.uuid())  # type: ignore[arg-type]  # keys are NicParam values
            if change.params.get("mac", "auto") not in ("auto", "generate"):
                reserve.macs([nic.mac])
            result.insert(place, nic)
            changes.append((f"nic/{place}", f"add:mac={nic.mac},ip={nic.ip}"))
            continue
        place = _find(change, [(nic.name, nic.uuid) for nic in result], "nic")
        old = result[place]
        if change.action == DeviceAction.REMOVE:
            del result[place]
            changes.append((f"nic/{place}", "remove"))
        elif change.action == DeviceAction.MODIFY:
            own = {key: str(value) for key, value in old.nicparams.items()}
            if "bridge" in change.params:
                own.pop("link", None)  # the same by another word
            asked = {
                **own,
                **{key: value for key, value in (("mac", old.mac), ("ip", old.ip), ("name", old.name)) if value},
                **change.params,
            }
            new = build_nic(cluster, asked, change.path, reserve.mac, old.uuid or reserve.uuid())  # type: ignore[arg-type]  # as above
            if new.mac != old.mac and change.params.get("mac") not in ("auto", "generate"):
                reserve.macs([new.mac])
            result[place] = replace(old, mac=new.mac, ip=new.ip, name=new.name, nicparams=new.nicparams)
            changes += [(f"nic.{key}/{place}", value) for key, value in change.params.items()]
        else:
            raise errors.OpPrereqError(f"{change.path}: interfaces cannot be {change.action}ed", ECode.INVAL)
    return tuple(result)


def change_disks(disks: Sequence[Disk], given: Sequence[Any], changes: Changes) -> tuple[Disk, ...]:
    """Return the disks that change; only their mode and name can be, so far.

    Raises OpPrereqError, ParameterError.
    """
    changed: dict[int, Disk] = {}
    for change in read_changes(given, "disks"):
        if change.action != DeviceAction.MODIFY:
            raise errors.OpPrereqError(f"{change.path}: {change.action} is not supported by this version", ECode.INVAL)
        place = _find(change, [(disk.name, disk.uuid) for disk in disks], "disk")
        unknown = sorted(set(change.params) - {"mode", "name"})
        if unknown:
            raise errors.OpPrereqError(f"{change.path}.{unknown[0]}: cannot be changed", ECode.INVAL)
        disk = changed.get(place, disks[place])
        if "mode" in change.params:
            disk = replace(disk, mode=type_of(DiskMode).parse(change.params["mode"], f"{change.path}.mode"))
        if "name" in change.params:
            name = change.params["name"]
            disk = replace(disk, name=None if name in (None, "none") else str(name))
        changed[place] = disk
        changes += [(f"disk.{key}/{place}", value) for key, value in change.params.items()]
    return tuple(changed.values())


def _new_place(change: Change, count: int) -> int:
    if isinstance(change.where, int) and 0 <= change.where <= count:
        return change.where
    raise errors.OpPrereqError(f"{change.path}: cannot add at {change.where}: expected 0 to {count}", ECode.INVAL)


def _find(change: Change, known: Sequence[tuple[str | None, str | None]], kind: str) -> int:
    if isinstance(change.where, int):
        place = len(known) - 1 if change.where == LAST else change.where
        if 0 <= place < len(known):
            return place
    else:
        for place, names in enumerate(known):
            if change.where in names:
                return place
    raise errors.OpPrereqError(f"{change.path}: there is no {kind} {change.where}", ECode.NOENT)
