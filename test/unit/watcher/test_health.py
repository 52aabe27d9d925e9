"""What a node makes of what candidates say of it."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.confd.quorum import Reply, Result
from ganeti.confd.requests import Role, Status
from ganeti.watcher.health import is_offline


def result(answer: object, *, ok: bool = True, consistent: bool = True, replied: int = 2) -> Result:
    reply = Reply(Status.OK if ok else Status.ERROR, answer, 17, "192.0.2.1")
    return Result(reply, consistent, asked=3, replied=replied, needed=2)


@pytest.mark.parametrize("role", Role)
def test_f25_a_node_is_offline_when_it_is_said_to_be_so(role: Role) -> None:
    assert is_offline(result(role.value)) == (role is Role.OFFLINE)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (result(Role.OFFLINE.value, replied=1), "1 of 3 master candidates answered, 2 have to"),
        (result(Role.OFFLINE.value, consistent=False), "different things of the same configuration"),
        (result(5, ok=False), "serial 17. has no such node"),
    ],
)
def test_f25_what_is_not_certain_is_not_believed(said: Result, why: str) -> None:
    with pytest.raises(errors.ConfdClientError, match=why):
        is_offline(said)
