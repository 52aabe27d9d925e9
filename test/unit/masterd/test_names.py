from __future__ import annotations

import asyncio
import os

import pytest

from ganeti import errors
from ganeti.masterd.names import HostNames
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceRename, OpInstanceStartup
from ganeti.paths import Paths
from ganeti.utils import files
from test.support.virtual import directly


def checked(directory: object, op: OpCode) -> OpCode:
    paths = Paths(f"{directory}/node1", "node1")
    os.makedirs(os.path.dirname(paths.hosts_file), exist_ok=True)
    files.write_file(paths.hosts_file, "127.0.0.1 web1.example.com web1\n", durable=False)
    return asyncio.run(HostNames(paths, directly).checked(op))


def creation(**more: object) -> OpInstanceCreate:
    return OpInstanceCreate.from_wire({"instance_name": "web1", "mode": "create", "disks": [], "nics": [], **more})


def test_name_is_taken_as_it_is_unless_a_check_is_asked_for(tmp_path: object) -> None:
    for op in (
        creation(),
        OpInstanceRename(instance_name="a", new_name="nowhere"),
        OpInstanceStartup(instance_name="a"),
    ):
        assert checked(tmp_path, op) is op


def test_name_that_resolves_is_taken_in_full(tmp_path: object) -> None:
    created = checked(tmp_path, creation(name_check=True))
    renamed = checked(tmp_path, OpInstanceRename(instance_name="a", new_name="web1", name_check=True))

    assert isinstance(created, OpInstanceCreate) and created.instance_name == "web1.example.com"
    assert isinstance(renamed, OpInstanceRename) and renamed.new_name == "web1.example.com"


def test_name_that_does_not_resolve_is_refused(tmp_path: object) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"cannot name an instance a\.\.b: .*resolve") as caught:
        checked(tmp_path, OpInstanceRename(instance_name="a", new_name="a..b", name_check=True))

    assert caught.value.args[1] == errors.ECode.RESOLVER


def test_address_that_answers_is_refused(tmp_path: object) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"its address 127\.0\.0\.1 is in use"):
        checked(tmp_path, creation(name_check=True, ip_check=True))


def test_address_is_not_checked_without_a_name(tmp_path: object) -> None:
    with pytest.raises(errors.OpPrereqError, match="ip_check: needs name_check"):
        checked(tmp_path, creation(ip_check=True))
