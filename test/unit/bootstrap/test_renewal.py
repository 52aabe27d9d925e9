"""A change of keys: whatever step two nodes are at, each accepts what the other shows."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import pytest

from ganeti import errors
from ganeti.bootstrap import renewal
from ganeti.bootstrap.renewal import Pair, Renewal, Step
from ganeti.model.scalars import Uuid
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files, x509

CLUSTER = Uuid("6c7c2f5e-3c5f-4f0a-9a66-1a2b3c4d5e6f")
KEY_FILES = (renewal.HMAC, renewal.HMAC_NEW, renewal.HMAC_OLD)


@functools.cache
def pem(number: int) -> str:
    return x509.create_self_signed("ganeti.example.com", 20 + number).decode()


@pytest.fixture
def change() -> Renewal:
    return Renewal(
        cluster_uuid=CLUSTER,
        server=Pair(old=pem(1), new=pem(2)),
        hmac=Pair(old="old key", new="new key"),
        replaced={renewal.RAPI: "rapi"},
    )


@pytest.fixture
def paths(tmp_path: os.PathLike[str]) -> Paths:
    paths = Paths(os.fspath(tmp_path), "node1.example.com")
    files.ensure_dir(paths.data_dir)
    return paths


def states_of(change: Renewal) -> list[Mapping[str, str]]:
    """Return what the files of a node hold after each write of the whole change, in order."""
    assert change.server and change.hmac
    now = {renewal.SERVER: change.server.old, renewal.HMAC: change.hmac.old}
    states = [dict(now)]
    for step in change.steps:
        if step is Step.NODES:
            continue
        for name, content in renewal.contents_of(change, step):
            if content is None:
                now.pop(name, None)
            else:
                now[name] = content
            states.append(dict(now))
        states.append({"boundary": step, **now})
    return states


def by_step(change: Renewal) -> list[list[Mapping[str, str]]]:
    """Divide the states by steps; the first of each is what it began with."""
    divided: list[list[Mapping[str, str]]] = [[]]
    for state in states_of(change):
        if "boundary" in state:
            divided.append([])
        divided[-1].append(state)
    return divided[:-1]


def trusted(state: Mapping[str, str]) -> set[str]:
    return set(renewal.certificates_of(state[renewal.SERVER]))


def shown(state: Mapping[str, str]) -> str:
    return renewal.certificates_of(state[renewal.SERVER])[0]


def test_f33_within_a_step_all_nodes_trust_what_each_shows(change: Renewal) -> None:
    steps = by_step(change)

    assert len(steps) == 3
    for states in steps:
        for one in states:
            for other in states:
                assert shown(one) in trusted(other)


def test_f33_within_a_step_every_confd_accepts_the_key_of_every_node(change: Renewal) -> None:
    for states in by_step(change):
        for server in states:
            accepted = {server[name] for name in KEY_FILES if name in server}
            assert {client[renewal.HMAC] for client in states} <= accepted


def test_f33_after_all_steps_only_the_new_keys_are_left(change: Renewal) -> None:
    last = states_of(change)[-1]

    assert last[renewal.SERVER] == pem(2) and last[renewal.HMAC] == "new key"
    assert renewal.HMAC_NEW not in last and renewal.HMAC_OLD not in last


def test_f33_change_begun_where_another_was_cut_off_trusts_all_that_is_in_use(change: Renewal) -> None:
    half_way = x509.with_trust(pem(1).encode(), pem(3).encode()).decode()
    change = replace(change, server=Pair(old=half_way, new=pem(2)))

    for step in (Step.ANNOUNCE, Step.SWITCH):
        content = dict(renewal.contents_of(change, step))[renewal.SERVER]
        assert content is not None
        assert {*renewal.certificates_of(pem(1)), *renewal.certificates_of(pem(3))} <= set(
            renewal.certificates_of(content)
        )


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({"server": None, "hmac": None}, [Step.SWITCH]),
        ({"server": None, "hmac": None, "replaced": {}, "node_certificates": True}, [Step.NODES]),
        ({"server": None}, [Step.ANNOUNCE, Step.SWITCH, Step.FORGET]),
        ({}, list(Step)),
        ({"step": Step.NODES}, [Step.NODES, Step.FORGET]),
    ],
)
def test_only_steps_that_are_needed_are_taken(change: Renewal, fields: dict[str, object], steps: list[Step]) -> None:
    assert replace(change, **fields).steps == steps


def test_what_was_begun_is_read_again_and_belongs_to_root_alone(paths: Paths, change: Renewal) -> None:
    assert renewal.load(paths) is None

    stored = renewal.store(paths, change, Step.SWITCH)

    assert renewal.load(paths) == stored == replace(change, step=Step.SWITCH)
    assert os.stat(paths.renewal_file).st_mode & 0o777 == 0o600
    renewal.finish(paths)
    assert renewal.load(paths) is None


def test_file_that_says_nothing_is_named(paths: Paths) -> None:
    files.write_file(paths.renewal_file, "{}")

    with pytest.raises(errors.ConfigurationError, match=r"renew-crypto\.json.*move the file away"):
        renewal.load(paths)


def test_change_is_stale_when_somebody_else_changed_keys_since(paths: Paths, change: Renewal) -> None:
    files.write_file(paths.hmac_key, "old key")
    for content in (pem(1), x509.with_trust(pem(2).encode(), pem(1).encode())):
        files.write_file(paths.server_cert, content)
        assert not renewal.is_stale(paths, change)

    files.write_file(paths.server_cert, pem(3))
    assert renewal.is_stale(paths, change)
    files.write_file(paths.server_cert, pem(1))
    files.write_file(paths.hmac_key, "a third")
    assert renewal.is_stale(paths, change)
