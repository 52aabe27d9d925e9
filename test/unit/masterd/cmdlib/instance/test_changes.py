"""Changes of interfaces and disks: which one is meant, and what the list is afterwards."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.instance.changes import Changes, change_disks, change_nics, read_changes
from ganeti.masterd.config.reservations import JobReservations, Reservations
from ganeti.model.enums import DeviceAction, DiskMode
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import JobId
from test.support.config import make_config, make_disk, make_instance, make_nic, make_store

USER_ERRORS = (errors.OpPrereqError, errors.ParameterError, errors.ReservationError)


@pytest.fixture
def reserve(tmp_path: Any) -> JobReservations:
    other = make_instance(9, nics=(make_nic(9),))
    store = make_store(f"{tmp_path}/config.data", make_config(instances=[other]))
    return store.reservations(JobId(1))


def nics_named(*names: str) -> list[NIC]:
    return [make_nic(number, name=name) for number, name in enumerate(names)]


def change(reserve: JobReservations, nics: Sequence[NIC], *given_: Any) -> tuple[NIC, ...]:
    return change_nics(make_config().cluster, nics, given_, reserve, [])


# --- which is meant -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change_", "meant"),
    [
        (("add", -1, {}), (DeviceAction.ADD, -1)),
        (("remove", "2", {}), (DeviceAction.REMOVE, 2)),
        (("modify", "eth0", {}), (DeviceAction.MODIFY, "eth0")),
        (("add", {}), (DeviceAction.ADD, -1)),
        ((0, {}), (DeviceAction.MODIFY, 0)),
        (("remove", "-1", {}), (DeviceAction.REMOVE, -1)),
    ],
)
def test_short_and_long_forms_are_read(change_: tuple[Any, ...], meant: tuple[DeviceAction, int | str]) -> None:
    (read,) = read_changes([change_], "nics")

    assert (read.action, read.where) == meant


@pytest.mark.parametrize("where", ["--1", "²", "-", "1-1", ""])
def test_what_only_looks_like_a_number_is_a_name(where: str) -> None:
    (read,) = read_changes([("remove", where, {})], "nics")

    assert read.where == where


def test_one_can_be_named_by_index_name_and_uuid(reserve: JobReservations) -> None:
    nics = nics_named("a", "b", "c")

    for where in (1, "1", "b", nics[1].uuid):
        assert change(reserve, nics, ("remove", where, {})) == (nics[0], nics[2])


@pytest.mark.parametrize("where", [3, -2, "d", "--1"])
def test_one_that_is_not_there_is_refused(reserve: JobReservations, where: int | str) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"nics\[0\]: there is no nic"):
        change(reserve, nics_named("a", "b", "c"), ("remove", where, {}))


@pytest.mark.parametrize("where", [3, -2, "b"])
def test_nothing_is_added_beside_the_end(reserve: JobReservations, where: int | str) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"nics\[0\]: cannot add at"):
        change(reserve, nics_named("a", "b"), ("add", where, {}))


def test_interfaces_cannot_be_attached(reserve: JobReservations) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"nics\[0\]: interfaces cannot be attached"):
        change(reserve, nics_named("a"), ("attach", 0, {}))


# --- interfaces ----------------------------------------------------------------------------


def _places(count: int) -> st.SearchStrategy[int]:
    return st.integers(-1, max(0, count - 1))


@st.composite
def steps(draw: st.DrawFn) -> tuple[int, list[tuple[str, int]]]:
    """Draw how many interfaces there are, and additions and removals that are possible one after the other."""
    count = start = draw(st.integers(0, 5))
    found = []
    for _ in range(draw(st.integers(0, 6))):
        if count and draw(st.booleans()):
            found.append(("remove", draw(_places(count))))
            count -= 1
        else:
            found.append(("add", draw(st.integers(-1, count))))
            count += 1
    return start, found


@given(steps())
def test_additions_and_removals_act_like_on_a_list(case: tuple[int, list[tuple[str, int]]]) -> None:
    start, asked = case
    reserve = Reservations(make_config, random.Random(1)).of_job(JobId(1))
    names = (f"n{number}" for number in itertools.count())
    nics = nics_named(*itertools.islice(names, start))
    model: list[str | None] = [nic.name for nic in nics]
    given_ = []
    for action, where in asked:
        if action == "remove":
            del model[where]
            given_.append((action, where, {}))
        else:
            name = next(names)
            model.insert(len(model) if where == -1 else where, name)
            given_.append((action, where, {"name": name}))

    after = change(reserve, nics, *given_)

    assert [nic.name for nic in after] == model
    assert len({nic.mac for nic in after}) == len(after)
    assert len({nic.uuid for nic in after}) == len(after)


def test_a_modified_interface_keeps_what_is_not_spoken_of(reserve: JobReservations) -> None:
    old = make_nic(1, name="a", ip="198.51.100.1", nicparams={"link": "br1"})

    (new,) = change(reserve, [old], (0, {"ip": "198.51.100.2"}))

    assert new == make_nic(1, name="a", ip="198.51.100.2", nicparams={"link": "br1"})


@pytest.mark.parametrize("word", ["link", "bridge"])
def test_an_interface_moves_to_another_bridge_by_either_word(reserve: JobReservations, word: str) -> None:
    (new,) = change(reserve, [make_nic(1, nicparams={"link": "br1"})], (0, {word: "br2"}))

    assert new.nicparams == {"link": "br2"}


def test_a_parameter_is_taken_back_with_auto(reserve: JobReservations) -> None:
    (new,) = change(reserve, [make_nic(1, nicparams={"link": "br1"})], (0, {"link": "auto"}))

    assert new.nicparams == {}


def test_name_and_address_are_taken_away_with_none(reserve: JobReservations) -> None:
    (new,) = change(reserve, [make_nic(1, name="a", ip="198.51.100.1")], (0, {"ip": "none", "name": "none"}))

    assert (new.ip, new.name) == (None, None)


def test_a_new_mac_is_made_up_when_asked_for(reserve: JobReservations) -> None:
    (new,) = change(reserve, [make_nic(1)], (0, {"mac": "generate"}))

    assert new.mac != make_nic(1).mac


@pytest.mark.parametrize("action", ["add", "modify"])
def test_the_mac_of_another_instance_is_refused(reserve: JobReservations, action: str) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"in use by instance inst9\.example\.com"):
        change(reserve, [make_nic(1)], (action, -1, {"mac": make_nic(9).mac}))


def test_what_was_changed_is_told(reserve: JobReservations) -> None:
    changes: Changes = []
    asked = [("add", -1, {"mac": "aa:00:00:99:99:99"}), ("modify", 0, {"link": "br7"}), ("remove", 1, {})]

    change_nics(make_config().cluster, [make_nic(1)], asked, reserve, changes)

    assert changes == [("nic/1", "add:mac=aa:00:00:99:99:99,ip=None"), ("nic.link/0", "br7"), ("nic/1", "remove")]


# --- disks ----------------------------------------------------------------------------------


def disks_named(*names: str) -> list[Disk]:
    return [make_disk(number, name=name, iv_name=f"disk/{number}") for number, name in enumerate(names)]


def test_mode_and_name_of_a_disk_can_be_changed() -> None:
    disks = disks_named("a", "b")
    changes: Changes = []

    changed = change_disks(disks, [("modify", "b", {"mode": "ro"}), (1, {"name": "c"})], changes)

    assert changed == (make_disk(1, name="c", iv_name="disk/1", mode=DiskMode.READ_ONLY),)
    assert changes == [("disk.mode/1", "ro"), ("disk.name/1", "c")]


def test_only_disks_that_change_are_returned() -> None:
    assert change_disks(disks_named("a", "b"), [], []) == ()


@pytest.mark.parametrize(
    ("change_", "named"),
    [
        (("add", -1, {"size": 4}), "disks[0]: add is not supported"),
        (("remove", 0, {}), "disks[0]: remove is not supported"),
        (("modify", 7, {"name": "x"}), "disks[0]: there is no disk 7"),
        (("modify", 0, {"size": 4}), "disks[0].size: cannot be changed"),
        (("modify", 0, {"mode": "wo"}), "disks[0].mode"),
    ],
)
def test_what_is_wrong_with_a_change_of_disks_is_named(change_: tuple[Any, ...], named: str) -> None:
    with pytest.raises(USER_ERRORS) as caught:
        change_disks(disks_named("a", "b"), [change_], [])

    assert named in str(caught.value)
