"""Which OS definitions are listed without being asked for."""

from __future__ import annotations

from ganeti.masterd.cmdlib.os.diagnose import offered_rows, os_filter
from ganeti.model.query.evaluate import prepare
from ganeti.model.query.fields.os import OSES, os_rows
from ganeti.model.scalars import NodeName
from ganeti.rpc.answers import OsDiagnosis
from test.support.config_view import a_cluster

FOUND = [
    OsDiagnosis(name="good", path="/os/good", status=True),
    OsDiagnosis(name="bad", path="/os/bad", status=False),
    OsDiagnosis(name="hidden", path="/os/hidden", status=True),
]


def listed(fields, names=()):
    rows = os_rows(a_cluster(hidden_os=("hidden",)), {NodeName("node1"): FOUND})
    answer = prepare(OSES, fields, os_filter(fields, names)).answer(rows)
    return [row[0][1] for row in answer["data"]]


def test_hidden_and_unusable_ones_are_left_out():
    assert listed(["name"]) == ["good"]


def test_asking_for_the_state_shows_all_of_that_state():
    assert listed(["name", "valid"]) == ["bad", "good"]
    assert listed(["name", "hidden", "valid", "blacklisted"]) == ["bad", "good", "hidden"]


def test_names_choose():
    assert listed(["name", "valid"], ["bad"]) == ["bad"]


def test_variants_are_left_out_and_a_definition_of_which_none_is_left():
    rows = [[["a", "b"], "image"], [["a"], "other"], [[], "plain"]]

    assert offered_rows(["variants"], rows, {"image+a", "other+a"}) == [[["b"]], [[]]]
