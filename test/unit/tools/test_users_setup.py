"""Users and groups of the daemons."""

from __future__ import annotations

import pytest

from ganeti import owners
from ganeti.tools import users_setup

PREFIX = "no-such-"


def test_everybody_that_files_belong_to_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("ganeti._autoconf.USER_PREFIX", PREFIX)

    assert users_setup.main(["users-setup"]) == 0

    made = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = (*owners.FILES, owners.JOB, owners.BUCKET, owners.SOCKET)
    users = {words[-1] for words in made if words[0] == "useradd"}
    groups = {words[-1] for words in made if words[0] == "groupadd"}
    assert {f"{PREFIX}{row.user}" for row in rows} - {f"{PREFIX}noded"} == users
    assert {f"{PREFIX}{row.group}" for row in rows} - {f"{PREFIX}noded"} <= groups


def test_a_group_is_there_before_who_is_in_it() -> None:
    there: set[str] = set()
    for command in users_setup.commands(PREFIX, "/nowhere"):
        wanted = [word for word in ",".join(command[1:]).split(",") if word.startswith(PREFIX)]
        if command[0] == "groupadd":
            there.add(command[-1])
        assert set(wanted) <= there | {command[-1]}


def test_without_a_prefix_there_is_nothing_to_do(capsys: pytest.CaptureFixture) -> None:
    assert users_setup.main(["users-setup"]) == 0
    assert "all daemons run as root" in capsys.readouterr().out
