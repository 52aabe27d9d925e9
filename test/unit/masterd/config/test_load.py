import contextlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import ConfigurationError
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.load import parse_config, read_config
from ganeti.masterd.config.verify import verify
from test.support.config import make_config, make_instance

GOOD = config_text(make_config(instances=[make_instance(1)]))


def damaged(**changes):
    return json.dumps({**json.loads(GOOD), **changes}).encode()


def test_good_file_is_read():
    loaded = parse_config(GOOD, "config.data")

    assert loaded.config.instance_names() == ["inst1.example.com"]
    assert not loaded.is_upgraded
    assert verify(loaded.config) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (GOOD[: len(GOOD) // 2], "the file is damaged"),
        (b"\0" * 100, "the file is damaged"),
        (b"\xff\xfe", "the file is damaged"),
        (b"[]", "not an object"),
        (b"{}", "it names no version"),
        (damaged(cluster=None), "cluster: expected an object"),
        (damaged(nodes=[]), "nodes: expected an object"),
        (damaged(instances={"x": {}}), "instances.x"),
        (damaged(serial_no="many"), "serial_no: expected a whole number"),
    ],
)
def test_damaged_file_is_named_with_what_to_do(text, reason):
    with pytest.raises(ConfigurationError) as caught:
        parse_config(text, "/var/lib/ganeti/config.data")

    message = str(caught.value)
    assert message.startswith("cannot load the configuration /var/lib/ganeti/config.data: ")
    assert reason in message
    assert "--restore-config puts the newest good one here" in message


@pytest.mark.parametrize("version", [2060000, 3020000, 99])
def test_version_that_cannot_be_read_is_named(version):
    with pytest.raises(ConfigurationError, match=f"config.data: .*of version {version}, this is version 3010000"):
        parse_config(damaged(version=version), "config.data")


def test_configuration_without_its_master_is_refused():
    data = json.loads(GOOD)
    data["cluster"]["master_node"] = "11111111-2222-4333-8444-555555555555"

    with pytest.raises(ConfigurationError, match=r"config\.data: cannot find the master: .*--restore-config"):
        parse_config(json.dumps(data).encode(), "config.data")


def test_missing_file_is_named(tmp_path):
    path = os.fspath(tmp_path / "config.data")

    with pytest.raises(ConfigurationError, match=f"{path}: no such file"):
        read_config(path)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_flipped_bit_never_does_more_than_refuse(position, bit):
    text = bytearray(GOOD)
    text[position] ^= 1 << bit

    with contextlib.suppress(ConfigurationError):
        verify(parse_config(bytes(text), "config.data").config)
