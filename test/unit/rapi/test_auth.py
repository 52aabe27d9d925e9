"""Who is let in, and what a broken users file does."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from typing import Any

import pytest

from ganeti import errors
from ganeti.errors import ECode
from ganeti.rapi.auth import UsersFile, identify
from ganeti.rapi.users import parse_users, sha256
from ganeti.utils import files, watch
from test.support.rapi import JACK, Answer, api_served, login

HA1 = hashlib.md5(b"jill:Ganeti Remote API:other").hexdigest()
USERS = f"""\
jack secret write
jill {{HA1}}{HA1} read
guest secret
ci {{TOKEN}}{sha256("the-token")} write
web secret operators
operators {{ROLE}} PUT:/2/instances/*:team-web,GET:/2/query/node
"""
JILL, GUEST = login("jill", "other"), login("guest", "secret")
WEB = login("web", "secret")
TAGS = {"web1": ["x", "team-web"], "db1": ["team-db"]}


async def query_tags(kind: str, name: str) -> object:
    if kind != "instance" or name not in TAGS:
        raise errors.OpPrereqError(f"{kind} {name!r} is not known", ECode.NOENT)
    return TAGS[name]


async def query(what: str, fields: Any, qfilter: Any) -> object:
    return {"fields": [], "data": []}


def asked(tmp_path: os.PathLike[str], verb: str, path: str, auth: str | None = None, *,
          headers: Mapping[str, str] | None = None, always: bool = False) -> Answer:  # fmt: skip
    async def run() -> Answer:
        handlers = {"QueryTags": query_tags, "Query": query}
        async with api_served(tmp_path, handlers, users=USERS, always=always) as api:
            return await api.ask(verb, path, auth=auth, headers=headers)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("verb", "path", "auth", "status"),
    [
        ("GET", "/version", None, 200),
        ("GET", "/version", JACK, 200),
        ("GET", "/version", login("jack", "wrong"), 401),
        ("GET", "/version", login("nobody", "secret"), 401),
        ("GET", "/version", login("", ""), 401),
        ("GET", "/version", GUEST, 200),
        ("PUT", "/2/instances/web1/startup", None, 401),
        ("PUT", "/2/instances/web1/startup", login("jack", ""), 401),
        ("PUT", "/2/instances/web1/startup", JACK, 200),
        ("PUT", "/2/instances/web1/startup", JILL, 403),
        ("PUT", "/2/instances/web1/startup", GUEST, 403),
        ("GET", "/2/query/node?fields=name", JILL, 200),
        ("GET", "/2/query/node?fields=name", JACK, 200),
        ("GET", "/2/query/node?fields=name", GUEST, 403),
        ("GET", "/2/query/node?fields=name", None, 401),
        # by a role: some resources, and instances with a tag
        ("GET", "/2/query/node?fields=name", WEB, 200),
        ("GET", "/2/query/job?fields=id", WEB, 403),
        ("PUT", "/2/instances/web1/startup", WEB, 200),
        ("PUT", "/2/instances/db1/startup", WEB, 403),
        ("PUT", "/2/instances/none/startup", WEB, 403),
        ("POST", "/2/instances/web1/reboot", WEB, 403),
        ("PUT", "/2/modify", WEB, 403),
    ],
)
def test_rights_decide(tmp_path: os.PathLike[str], verb: str, path: str, auth: str | None, status: int) -> None:
    assert asked(tmp_path, verb, path, auth).status == status


def test_a_refusal_says_nothing_of_why(tmp_path: os.PathLike[str]) -> None:
    unknown = asked(tmp_path, "PUT", "/2/modify", login("nobody", "secret"))
    wrong = asked(tmp_path, "PUT", "/2/modify", login("jack", "wrong"))
    forbidden = asked(tmp_path, "PUT", "/2/instances/none/startup", WEB)
    others = asked(tmp_path, "PUT", "/2/instances/db1/startup", WEB)

    assert unknown.value == wrong.value
    assert unknown.headers["WWW-Authenticate"] == 'Basic realm="Ganeti Remote API"'
    assert forbidden.value == others.value
    assert set(wrong.value) == {"code", "message", "explain"}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer the-token", 200),
        ("bearer   the-token ", 200),
        ("Bearer another", 401),
        (f"Bearer {sha256('the-token')}", 401),
        ("Bearer", 401),
        ("Basic", 401),
        ("Basic !!!", 401),
        ("Basic /////w==", 401),
        ("Digest username=jack", 401),
        ("", 401),
    ],
)
def test_a_header_is_a_token_a_login_or_nothing(tmp_path: os.PathLike[str], header: str, status: int) -> None:
    answer = asked(tmp_path, "PUT", "/2/redistribute-config", headers={"Authorization": header})

    assert answer.status == status


def test_everything_wants_a_login_where_that_is_asked_for(tmp_path: os.PathLike[str]) -> None:
    assert asked(tmp_path, "GET", "/version", always=True).status == 401
    assert asked(tmp_path, "GET", "/version", GUEST, always=True).status == 200


def test_a_user_with_a_token_may_send_it_as_a_password() -> None:
    user = identify(parse_users(USERS.encode()), login("ci", "the-token"))

    assert user is not None
    assert user.name == "ci"


# --- the file -----------------------------------------------------------------------


def test_f46_a_broken_users_file_leaves_the_last_good_one_in_force(
    tmp_path: os.PathLike[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = os.path.join(tmp_path, "users")
    _write(path, b"jack secret write\n")
    file = UsersFile(path)
    file.load()

    _write(path, b"\x7fELF\x00 not users at all \xff")
    assert file.changed()
    file.load()

    assert set(file.current.users) == {"jack"}
    assert not file.changed()
    assert [record.levelname for record in caplog.records if path in record.getMessage()] == ["ERROR"]
    _write(path, b"jill secret write\n")
    assert file.changed()
    file.load()
    assert set(file.current.users) == {"jill"}


def test_a_line_of_the_users_file_that_is_left_out_is_told_in_the_log(
    tmp_path: os.PathLike[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = os.path.join(tmp_path, "users")
    _write(path, b"jack secret write\njill\n")
    file = UsersFile(path)

    file.load()

    assert set(file.current.users) == {"jack"}
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert path in told and "line 2: no password" in told


def test_without_a_users_file_there_are_no_users(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "users")
    _write(path, b"jack secret write\n")
    file = UsersFile(path)
    file.load()

    os.unlink(path)
    assert file.changed()
    file.load()

    assert file.current.users == {}


def test_a_users_file_that_cannot_be_read_changes_nothing(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "users")
    _write(path, b"jack secret write\n")
    file = UsersFile(path)
    file.load()

    os.unlink(path)
    os.mkdir(path)
    file.load()

    assert set(file.current.users) == {"jack"}


def _write(path: str, data: bytes) -> None:
    with open(f"{path}.new", "wb") as file:
        file.write(data)
    os.rename(f"{path}.new", path)


@pytest.mark.parametrize("watched", [True, False])
def test_a_users_file_that_changes_is_read_again(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    def refuse(*args: object) -> watch.DirectoryWatch:
        raise OSError("cannot watch: there are too many watches")

    monkeypatch.setattr(watch, "LOOK_WATCHED", 3600.0)
    monkeypatch.setattr(watch, "LOOK_UNWATCHED", 0.01)
    if not watched:
        monkeypatch.setattr(watch, "DirectoryWatch", refuse)
    path = os.path.join(tmp_path, "users")
    files.write_file(path, "jack secret write\n", durable=False)

    async def main() -> None:
        file = UsersFile(path)
        file.load()
        following = asyncio.create_task(file.follow())
        async with asyncio.timeout(30):
            for name in ("jill", "jim"):
                files.write_file(path, f"{name} secret write\n", durable=False)
                while name not in file.current.users:
                    await asyncio.sleep(0)
        assert list(file.current.users) == ["jim"]
        following.cancel()
        await asyncio.wait([following])

    asyncio.run(main())
