"""OS definitions of nodes compared."""

from __future__ import annotations

from ganeti.masterd.cmdlib.cluster.verify_os import judge_oses
from ganeti.model.scalars import NodeName
from ganeti.rpc.answers import OsDiagnosis

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")


def image(**fields):
    given = {"name": "image", "path": "/os/image", "status": True, "variants": ("default",), "api_versions": (20,)}
    return OsDiagnosis(**{**given, **fields})


def found(**nodes):
    return [(f.item, f.text) for f in judge_oses({NodeName(name): oses for name, oses in nodes.items()})]


def test_equal_definitions_are_no_finding():
    assert found(a=[image()], b=[image()]) == []


def test_order_of_variants_does_not_matter():
    assert found(a=[image(variants=("x", "y"))], b=[image(variants=("y", "x"))]) == []


def test_a_node_without_the_definition_is_named():
    assert found(a=[image()], b=[]) == [("b", "OS image is missing (it is on a)")]


def test_the_odd_one_out_is_named_not_the_majority():
    result = found(a=[image(variants=("x",))], b=[image()], c=[image()])

    assert [item for item, _ in result] == ["a"]
    assert "variants x, on most nodes they are default" in result[0][1]


def test_a_bad_definition_tells_why():
    result = found(a=[image(status=False, diagnose="no create script")])

    assert result == [("a", "OS image in /os/image cannot be used: no create script")]


def test_a_hidden_definition_is_told():
    result = found(a=[image(), image(path="/other/image")])

    assert "hides /other/image" in result[0][1]
