"""gnt-group: what its commands ask the master daemon for, and what they show of its answers."""

from __future__ import annotations

from typing import Any

import pytest

from test.support.cli import Cli


def only_op(cli: Cli) -> dict[str, Any]:
    ((op,),) = cli.master.jobs
    return op


@pytest.mark.parametrize(("verb", "opcode"), [("add", "OP_GROUP_ADD"), ("modify", "OP_GROUP_SET_PARAMS")])
def test_settings_of_a_group_are_those_the_options_give(cli: Cli, verb: str, opcode: str) -> None:
    given = "--alloc-policy last_resort --node-parameters spindle_count=3 -D drbd:metavg=xenvg --ipolicy-vcpu-ratio 2"

    assert cli.run(f"gnt-group {verb} {given} rack2").code == 0

    op = only_op(cli)
    assert (op["OP_ID"], op["group_name"], op["alloc_policy"]) == (opcode, "rack2", "last_resort")
    assert (op["ndparams"], op["diskparams"]) == ({"spindle_count": "3"}, {"drbd": {"metavg": "xenvg"}})
    assert op["ipolicy"] == {"vcpu-ratio": 2.0}


@pytest.mark.parametrize(
    ("line", "op"),
    [
        ("assign-nodes --force rack2 n1 n2", ("OP_GROUP_ASSIGN_NODES", {"nodes": ["n1", "n2"], "force": True})),
        ("rename rack2 rack3", ("OP_GROUP_RENAME", {"new_name": "rack3"})),
        ("remove rack2", ("OP_GROUP_REMOVE", {})),
    ],
)
def test_command_becomes_an_opcode(cli: Cli, line: str, op: tuple[str, dict[str, Any]]) -> None:
    assert cli.run(f"gnt-group {line}").code == 0

    asked = only_op(cli)
    assert (asked["OP_ID"], asked["group_name"]) == (op[0], "rack2")
    assert asked.items() >= op[1].items()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("modify rack2", "nothing to modify"),
        ("assign-nodes rack2", "no nodes given"),
        ("info rack9", "unknown node group"),
    ],
)
def test_what_is_not_said_or_not_there_is_refused(cli: Cli, line: str, said: str) -> None:
    ran = cli.run(f"gnt-group {line}")

    assert ran.code == 1 and said in ran.err
    assert cli.master.jobs == []


def test_settings_of_nodes_are_listed_in_words(cli: Cli) -> None:
    cli.master.tables["group"] = [{"name": [0, "rack2"], "ndparams": [0, {"ssh_port": 22, "ovs": False}]}]

    assert cli.run("gnt-group list --no-headers -o name,ndparams").out == "rack2 ovs=N, ssh_port=22\n"
