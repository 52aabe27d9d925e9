"""LUXI methods and logical units are those of the specification."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from ganeti.luxi import framing, methods
from ganeti.masterd.cluster_info import cluster_info
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.handlers import Handlers
from ganeti.masterd.luxi_server import LuxiServer
from ganeti.model.opcodes.registry import OPCODES
from test.support.config import make_config


def spec(name: str) -> Any:
    with open(os.path.join(os.path.dirname(__file__), *[".."] * 2, "data", "spec", name), encoding="utf-8") as file:
        return json.load(file)


#: methods of the specification this version does not serve yet
NOT_SERVED = frozenset(
    {"PickupJob", "ReplaceFilter", "DeleteFilter"},
)


@pytest.fixture(scope="module")
def handlers() -> Handlers:
    # bound, not called
    return Handlers(None, None, None, None, None, {})  # type: ignore[arg-type]


def test_every_method_of_the_specification_is_served_or_known_not_to_be(handlers: Handlers) -> None:
    assert handlers.table().keys() | NOT_SERVED == spec("luxi.json")["methods"].keys()
    assert not handlers.table().keys() & NOT_SERVED


def test_every_method_served_has_the_parameters_of_the_table(handlers: Handlers) -> None:
    for name, handler in handlers.table().items():
        methods.METHODS[name].check_handler(handler)


@pytest.mark.parametrize("method", sorted(NOT_SERVED))
def test_a_method_that_is_not_served_is_refused_by_its_name(handlers: Handlers, method: str) -> None:
    answer = asyncio.run(LuxiServer(handlers.table()).answer(method, []))

    read = json.loads(answer.rstrip(framing.END))
    kind, (message,) = read["result"]
    assert (read["success"], kind) == (False, "LuxiError")
    assert repr(method) in message


def test_every_unit_is_named_after_its_opcode() -> None:
    specified: Mapping[str, Any] = spec("opcodes.json")["opcodes"]

    ours = {op.OP_ID: (op.__name__, unit.__name__) for op, unit in UNITS.items()}

    # the specification names no unit for what only its tests ran
    assert ours == {op_id: (row["class"], row["lu"] or "LUTestDummy") for op_id in ours if (row := specified[op_id])}


def test_every_unit_is_of_an_opcode_that_can_be_submitted() -> None:
    assert set(UNITS) <= set(OPCODES.values())


def test_settings_of_the_cluster_are_those_of_the_specification_and_ours_where_they_were_chosen() -> None:
    specified = spec("rapi.json")["cluster_info_fields"]
    chosen = cluster_info(make_config(settings={"automatic_failover": 3}))

    assert set(cluster_info(make_config())) == {*specified["in_2_7"], *specified["new_in_3"]}
    assert set(chosen) - set(cluster_info(make_config())) == {"automatic_failover"}


def test_settings_of_the_cluster_can_be_sent() -> None:
    info = cluster_info(make_config(settings={"tags": frozenset({"b", "a"}), "uid_pool": ((10, 20),)}))

    assert json.loads(json.dumps(info)) == info
    assert info["uid_pool"] == [[10, 20]]
    assert sorted(info["tags"]) == ["a", "b"]


def test_only_parameters_of_hypervisors_in_use_are_shown() -> None:
    info = cluster_info(make_config(settings={"os_hvp": {"noop": {"fake": {}, "kvm": {"acpi": True}}}}))

    assert list(info["hvparams"]) == info["enabled_hypervisors"] == ["fake"]
    assert info["os_hvp"] == {"noop": {"fake": {}}}
    assert info["default_hypervisor"] == "fake"


def test_the_ip_version_is_told_as_users_know_it() -> None:
    assert cluster_info(make_config())["primary_ip_version"] == 4
    assert cluster_info(make_config(settings={"primary_ip_family": 10}))["primary_ip_version"] == 6


def test_data_collectors_are_told_by_name() -> None:
    info = cluster_info(make_config(settings={"data_collectors": {"drbd": {"active": False, "interval": 7}, "lv": {}}}))

    assert info["enabled_data_collectors"] == {"drbd": False, "lv": False}
    assert info["data_collector_interval"] == {"drbd": 7, "lv": 5_000_000}
