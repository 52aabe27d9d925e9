"""What is answered about a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti import errors
from ganeti.confd.answers import SECRET_FIELDS, Answer, Answers, Cache
from ganeti.confd.requests import REQUESTS, RequestType, Role, Status
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.instance import Instance
from ganeti.schema import fields_of, replace
from ganeti.utils import json
from test.support.confd import answers_of
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_nic, make_node, uuid_of

UNKNOWN = Answer(Status.ERROR, 0)
BAD_QUERY = Answer(Status.ERROR, 2)


def _config() -> Config:
    config = make_config(
        nodes=5,
        instances=[
            make_instance(1, nics=(make_nic(1, ip="10.0.0.1"), make_nic(2))),
            make_instance(
                2,
                primary_node=uuid_of("node", 1),
                nics=(make_nic(3, ip="10.0.0.2", nicparams={"link": "other"}),),
                disks=(uuid_of("disk", 1), uuid_of("disk", 2)),
                osparams_private={"password": "geheim"},
            ),
        ],
        disks=[make_drbd(1, 1, 2), make_disk(2, nodes=(uuid_of("node", 1),))],
    )
    changes = {
        uuid_of("node", 1): make_node(1, master_candidate=True),
        uuid_of("node", 2): make_node(2, offline=True),
        uuid_of("node", 3): make_node(3, drained=True),
    }
    cluster = replace(
        config.cluster,
        osparams_private_cluster={"noop": {"password": "geheim"}},
        data_collectors={"inst": {"active": True, "interval": 5_000_000}},
    )
    return config.changed({"nodes": changes}, config.head._replace(cluster=cluster, serial_no=42))


@pytest.fixture(scope="module")
def answers() -> Answers:
    return answers_of(_config())


def ask(answers: Answers, kind: RequestType, query: object = None) -> Answer:
    answer = answers.answer(kind, query)
    assert answer is not None
    return answer


def value(answers: Answers, kind: RequestType, query: object = None) -> Any:
    status, found = ask(answers, kind, query)
    assert status == Status.OK, found
    return found


def test_every_row_of_the_table_is_answered(answers: Answers) -> None:
    for kind in REQUESTS:
        assert answers.answer(kind, None) is not None


def test_serial_is_that_of_the_configuration(answers: Answers) -> None:
    assert answers.serial == 42


def test_type_nobody_knows_has_no_answer(answers: Answers) -> None:
    assert answers.answer(12, None) is None


def test_ping_takes_no_query(answers: Answers) -> None:
    assert ask(answers, RequestType.PING) == Answer(Status.OK, "ok")
    assert ask(answers, RequestType.PING, "x") == Answer(Status.ERROR, "non-empty ping query")


@pytest.mark.parametrize(
    ("number", "role"), [(0, Role.MASTER), (1, Role.CANDIDATE), (2, Role.OFFLINE), (3, Role.DRAINED), (4, Role.REGULAR)]
)
def test_role_of_each_kind_of_node(answers: Answers, number: int, role: Role) -> None:
    assert value(answers, RequestType.NODE_ROLE_BYNAME, f"node{number}.example.com") == role


@pytest.mark.parametrize(
    "kind",
    [RequestType.NODE_ROLE_BYNAME, RequestType.NODE_DRBD, RequestType.NODE_INSTANCES, RequestType.INSTANCE_DISKS],
)
def test_name_nobody_has_is_unknown_and_what_is_no_name_a_bad_query(answers: Answers, kind: RequestType) -> None:
    assert ask(answers, kind, "nobody") == UNKNOWN
    for query in (None, 1, [], {}, ["node0.example.com"]):
        assert ask(answers, kind, query) == BAD_QUERY


def test_primary_address_by_instance_address(answers: Answers) -> None:
    kind = RequestType.NODE_PIP_BY_INSTANCE_IP

    assert value(answers, kind, {"1": "10.0.0.1"}) == "192.0.2.1"
    assert value(answers, kind, {"1": "10.0.0.2", "0": "other"}) == "192.0.2.2"
    assert ask(answers, kind, {"1": "10.0.0.2"}) == UNKNOWN
    assert value(answers, kind, {"2": ["10.0.0.1", "10.9.9.9", 7]}) == [[0, "192.0.2.1"], [1, 0], [1, 2]]
    for query in (None, "10.0.0.1", {}, {"1": 5}, {"2": "10.0.0.1"}, []):
        assert ask(answers, kind, query) == BAD_QUERY


def test_master_by_name_and_by_fields(answers: Answers) -> None:
    kind = RequestType.CLUSTER_MASTER

    for query in (None, "", {}):
        assert value(answers, kind, query) == "node0.example.com"
    assert value(answers, kind, {"3": ["2", "0", "1"]}) == ["192.0.2.1", "node0.example.com", "192.0.2.254"]
    assert value(answers, kind, {"3": ["0", "9", [], 1]}) == ["node0.example.com", "192.0.2.254"]
    for bad in ({"3": "0"}, {"1": "x"}, "node", [1]):
        assert ask(answers, kind, bad) == BAD_QUERY


def test_lists_of_nodes(answers: Answers) -> None:
    assert value(answers, RequestType.NODE_PIP_LIST) == [f"192.0.2.{n}" for n in range(1, 6)]
    assert value(answers, RequestType.MC_PIP_LIST) == ["192.0.2.1", "192.0.2.2"]
    assert value(answers, RequestType.OFFLINE_NODES) == ["node2.example.com"]
    for kind in (RequestType.NODE_PIP_LIST, RequestType.MC_PIP_LIST, RequestType.OFFLINE_NODES):
        assert ask(answers, kind, "x").status == Status.ERROR


def test_lists_of_instances(answers: Answers) -> None:
    assert value(answers, RequestType.INSTANCE_LIST) == ["inst1.example.com", "inst2.example.com"]
    assert value(answers, RequestType.INSTANCES_IPS_LIST) == ["10.0.0.1", "10.0.0.2"]
    assert value(answers, RequestType.INSTANCES_IPS_LIST, "other") == ["10.0.0.2"]
    assert value(answers, RequestType.INSTANCES_IPS_LIST, "nowhere") == []
    assert ask(answers, RequestType.INSTANCES_IPS_LIST, 5) == BAD_QUERY


def test_drbd_disks_of_both_ends(answers: Answers) -> None:
    one, two = "node1.example.com", "node2.example.com"

    assert value(answers, RequestType.NODE_DRBD, one) == [[one, 1, "inst2.example.com", "disk/0", "primary", two]]
    assert value(answers, RequestType.NODE_DRBD, two) == [[two, 1, "inst2.example.com", "disk/0", "secondary", one]]
    assert value(answers, RequestType.NODE_DRBD, "node4.example.com") == []


def test_instances_of_a_node_by_what_it_is_to_them(answers: Answers) -> None:
    def names(number: int) -> list[list[str]]:
        found = value(answers, RequestType.NODE_INSTANCES, f"node{number}.example.com")
        return [[instance["name"] for instance in part] for part in found]

    assert names(0) == [["inst1.example.com"], []]
    assert names(1) == [["inst2.example.com"], []]
    assert names(2) == [[], ["inst2.example.com"]]
    assert names(4) == [[], []]


def test_disks_of_an_instance_by_name_and_uuid(answers: Answers) -> None:
    by_name = value(answers, RequestType.INSTANCE_DISKS, "inst2.example.com")

    assert [disk["dev_type"] for disk in by_name] == ["drbd", "file"]
    assert value(answers, RequestType.INSTANCE_DISKS, uuid_of("inst", 2)) == by_name
    assert value(answers, RequestType.INSTANCE_DISKS, "inst1.example.com") == []


def test_any_place_of_the_configuration(answers: Answers) -> None:
    kind = RequestType.CONFIG_QUERY

    assert value(answers, kind, "serial_no") == 42
    assert value(answers, kind, "/cluster/cluster_name") == "cluster.example.com"
    assert value(answers, kind, "cluster/enabled_hypervisors/0") == "fake"
    for path in ("nothing", "serial_no/1", "cluster/enabled_hypervisors/9", "cluster/enabled_hypervisors/-1", None, 1):
        assert ask(answers, kind, path) == BAD_QUERY


def test_data_collectors(answers: Answers) -> None:
    assert value(answers, RequestType.DATA_COLLECTORS) == {"inst": {"active": True, "interval": 5_000_000}}


def test_no_answer_holds_a_secret(answers: Answers) -> None:
    everything = json.dumps(value(answers, RequestType.CONFIG_QUERY, ""))

    assert "geheim" not in everything
    assert '"secret"' not in everything
    assert value(answers, RequestType.INSTANCE_DISKS, "inst2.example.com")[0]["logical_id"][5] is None


def test_every_field_the_model_calls_secret_is_taken_out() -> None:
    secret = {field.name for record in (Cluster, Instance) for field in fields_of(record) if field.secret}

    assert secret <= set(SECRET_FIELDS)


@pytest.mark.parametrize("broken", [{}, {"serial_no": 1}, {"serial_no": 1, "cluster": [], "nodes": {}}])
def test_configuration_that_is_none_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match="cannot answer from this configuration"):
        Answers(broken)


def test_answers_are_made_once(answers: Answers) -> None:
    cache = Cache(answers)

    first = cache.text(RequestType.NODE_PIP_LIST, None)

    assert first is not None
    assert json.loads(first[0]) == {
        "protocol": 1, "status": 0, "serial": 42, "answer": [f"192.0.2.{n}" for n in range(1, 6)],
    }  # fmt: skip
    assert cache.text(RequestType.NODE_PIP_LIST, None) is first
    assert cache.text(99, None) is None


def test_what_is_kept_has_a_limit(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cache, "MOST", 3)
    cache = Cache(answers)

    for number in range(10):
        made = cache.text(RequestType.NODE_ROLE_BYNAME, f"node{number}.example.com")
        assert made == cache.text(RequestType.NODE_ROLE_BYNAME, f"node{number}.example.com")
        assert len(cache._kept) <= 3
    cache.text(RequestType.NODE_ROLE_BYNAME, "x" * 1000)
    assert not any("xxx" in str(query) for _, query in cache._kept)
