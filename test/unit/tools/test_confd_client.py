"""confd-client: what it says of mistakes, and of questions that are refused."""

from __future__ import annotations

import pathlib

import pytest

from ganeti.confd.requests import ErrorCode, Status
from ganeti.tools import confd_client


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-p", "99999", "ping"], "argument -p/--port: '99999' is not a port, 1 to 65535"),
        (["-p", "0", "ping"], "argument -p/--port: '0' is not a port, 1 to 65535"),
        (["-p", "http", "ping"], "argument -p/--port: 'http' is not a port, 1 to 65535"),
        (["-t", "nan", "ping"], "argument -t/--timeout: 'nan' is not a number of seconds above 0"),
        (["-t", "-1", "ping"], "argument -t/--timeout: '-1' is not a number of seconds above 0"),
    ],
)
def test_a_wrong_option_is_named(words: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        confd_client.main(["confd-client", *words])

    assert ended.value.code == 2
    assert named in capsys.readouterr().err


def test_a_key_that_cannot_be_read_is_named(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = confd_client.main(["confd-client", "--hmac", f"{tmp_path}/key", "-a", "127.0.0.1", "ping"])

    assert code == 1
    assert capsys.readouterr().err == f"confd-client: cannot read {tmp_path}/key: No such file or directory\n"


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (Status.ERROR, ErrorCode.UNKNOWN_ENTRY, "nothing has that name or address"),
        (Status.ERROR, ErrorCode.ARGUMENT, "the query is not what this question takes, see --help"),
        (Status.ERROR, ErrorCode.INTERNAL, "a fault of the daemon, see its log"),
        (Status.ERROR, "no room", "no room"),
        (Status.NOT_IMPLEMENTED, None, "this daemon does not know the question"),
        (7, None, "status 7"),
    ],
)
def test_a_refusal_says_why(status: int, answer: object, reason: str) -> None:
    assert confd_client.refusal(status, answer) == reason
