"""Values of options of daemons and tools."""

from __future__ import annotations

import argparse

import pytest

from ganeti.utils import option_types


@pytest.mark.parametrize(("given", "port"), [("1", 1), ("1811", 1811), ("65535", 65535)])
def test_a_port_is_a_number_that_can_be_listened_at(given: str, port: int) -> None:
    assert option_types.port(given) == port


@pytest.mark.parametrize("given", ["0", "65536", "-1", "x", "", "1.5", "٣"])
def test_what_is_no_port_is_refused(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a port, 1 to 65535"):
        option_types.port(given)


@pytest.mark.parametrize("given", ["", "127.0.0.1", "::1"])
def test_an_address_to_listen_at_is_one_or_none(given: str) -> None:
    assert option_types.bind_address(given) == given


@pytest.mark.parametrize("given", ["999.9.9.9", "node1", "127.0.0.1:80"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not an IP address"):
        option_types.bind_address(given)


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "soon"])
def test_what_is_no_time_to_wait_is_refused(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a number of seconds above 0"):
        option_types.seconds(given)


def test_a_time_to_wait_may_be_a_fraction() -> None:
    assert option_types.seconds("0.5") == 0.5


@pytest.mark.parametrize("program", ["noded", "confd", "rapi"])
@pytest.mark.parametrize(("words", "named"), [(["-p", "99999"], "is not a port"), (["-b", "999.9.9.9"], "IP address")])
def test_daemons_refuse_them_before_they_start(
    program: str, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from_module = __import__(f"ganeti.{program}.daemon", fromlist=["parse_options"])

    with pytest.raises(SystemExit):
        from_module.parse_options(words)

    assert named in capsys.readouterr().err
