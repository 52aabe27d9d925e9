"""Answers about evacuations are checked before anything is moved."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd.iallocator import evacuation
from ganeti.model.opcodes.instance import OpInstanceFailover
from ganeti.model.scalars import InstanceName
from test.support.config import make_config

ASKED = [InstanceName("web1"), InstanceName("web2")]
MOVED = [["web1", "default", ["node2.example.com"]], ["web2", "default", ["node1.example.com"]]]


def away(name: str, **fields: Any) -> dict[str, Any]:
    return {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": name, **fields}


def read(*result: Any) -> evacuation.Evacuation:
    return evacuation.read("mine", list(result), make_config(nodes=3), ASKED)


def test_an_answer_tells_places_failures_and_jobs() -> None:
    found = read(MOVED[:1], [["web2", None]], [[away("web1", target_node="node2.example.com")]])

    assert found.moved == [("web1", ["node2.example.com"])]
    assert found.failed == [("web2", "no reason given")]
    assert found.jobs == [[OpInstanceFailover.from_wire({"instance_name": "web1", "target_node": "node2.example.com"})]]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (([], []), "expected moved instances, failed ones and jobs"),
        ((MOVED[:1], [], []), r"asked about web1, web2 and tells of \['web1'\]"),
        ((MOVED, [["web1", "no"]], []), "asked about"),
        (([["web1", "default", []]], [], []), "is no placement"),
        (([["web1", "default", ["node99"]]], [], []), "unknown node node99"),
        ((MOVED, ["web3"], []), "web3 is no instance with a reason"),
        ((MOVED, [], ["x"]), r"jobs\[0\]: expected opcodes, got x"),
        ((MOVED, [], [[]]), r"jobs\[0\]: expected opcodes"),
        ((MOVED, [], [["x"]]), r"jobs\[0\]\[0\]: expected an opcode, got x"),
        ((MOVED, [], [[{"OP_ID": "OP_NOTHING"}]]), "unknown opcode 'OP_NOTHING'"),
        ((MOVED, [], [[away("web1", target="x")]]), r"jobs\[0\]\[0\].target"),
        ((MOVED, [], [[away("web3")]]), "moves none of the instances"),
        ((MOVED, [], [[{"OP_ID": "OP_CLUSTER_DESTROY"}]]), "CLUSTER_DESTROY moves none of the instances"),
        ((MOVED[:1], [["web2", ""]], [[away("web2")]]), "moves none of the instances"),
    ],
)
def test_an_answer_that_is_none_names_what_is_wrong(result: Any, reason: str) -> None:
    with pytest.raises(errors.OpExecError, match=f"cannot use the answer of allocator mine: .*{reason}"):
        read(*result)
