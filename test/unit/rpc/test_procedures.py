from __future__ import annotations

import json
import os

import pytest

from ganeti.procedure import Procedure, table_of
from ganeti.rpc import procedures

with open(os.path.join(os.path.dirname(__file__), "../../data/spec/rpc.json"), encoding="utf-8") as _file:
    SPEC = json.load(_file)

TABLE = table_of(procedures)


@pytest.mark.parametrize("procedure", TABLE.values(), ids=list(TABLE))
def test_every_call_has_a_wire_form(procedure: Procedure[..., object]) -> None:
    assert list(procedure.arguments) == list(procedure.names)
    assert procedure.answer.notation
    assert procedure.doc.strip().endswith(".")


# Calls the specification does not know.
OUR_OWN = {
    *("config_copy", "edit_file_single", "jobqueue_archived", "jobqueue_digests", "jobqueue_read"),
    *("master_vote", "master_promise", "master_release", "master_behind"),
    *("client_cert_activate", "key_files_write"),
}
SPECIFIED = {name: p for name, p in TABLE.items() if name not in OUR_OWN}

# What goes over the wire differs on purpose: batches, and records built from what the caller passes.
OTHER_ARGUMENTS = {"jobqueue_update"}


@pytest.mark.parametrize("procedure", SPECIFIED.values(), ids=list(SPECIFIED))
def test_every_call_is_one_of_the_specification(procedure: Procedure[..., object]) -> None:
    assert procedure.name in SPEC["calls"]


@pytest.mark.parametrize("procedure", [p for n, p in SPECIFIED.items() if n not in OTHER_ARGUMENTS], ids=str)
def test_arguments_are_as_many_as_in_the_specification(procedure: Procedure[..., object]) -> None:
    assert len(procedure.names) == len(SPEC["calls"][procedure.name]["args"])


@pytest.mark.parametrize("procedure", SPECIFIED.values(), ids=list(SPECIFIED))
def test_time_limits_are_those_of_the_specification(procedure: Procedure[..., object]) -> None:
    limits = SPEC["timeouts"]
    given = SPEC["calls"][procedure.name]["tmo"]

    assert procedure.timeout == limits.get(given, procedures.ONE_DAY)


def test_calls_made_to_offline_nodes_are_those_of_the_specification() -> None:
    wanted = {name for name, call in SPEC["calls"].items() if "offline_nodes" in call}

    assert {name for name, p in TABLE.items() if p.offline} == wanted & TABLE.keys()


def test_upload_may_leave_owner_and_times_to_the_node() -> None:
    wire = procedures.upload_file_single.encode_arguments("/f", "text", 0o600)

    assert json.loads(json.dumps(wire)) == ["/f", "text", 0o600, None, None, None, None]
