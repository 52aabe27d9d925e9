import json

import pytest

from ganeti.errors import ConfigVerifyError
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.verify import verify
from ganeti.model.params import be, hv
from test.support.config import NOW, make_config, uuid_of


def test_new_cluster_is_sound():
    assert verify(make_config(nodes=1)) == []


def test_new_cluster_has_the_values_of_the_specification():
    data = json.loads(config_text(make_config(nodes=1)))

    cluster, (node,), (group,) = data["cluster"], data["nodes"].values(), data["nodegroups"].values()
    assert (data["version"], data["serial_no"], data["instances"], data["networks"]) == (3010000, 1, {}, {})
    assert (cluster["serial_no"], cluster["highest_used_port"], cluster["tcpudp_port_pool"]) == (1, 10999, [])
    assert (cluster["candidate_pool_size"], cluster["mac_prefix"]) == (10, "aa:00:00")
    assert (node["serial_no"], node["master_candidate"], node["offline"], node["drained"]) == (1, True, False, False)
    assert (group["name"], group["diskparams"], node["group"]) == ("default", {}, group["uuid"])
    assert "members" not in group
    assert cluster["master_node"] == node["uuid"] == uuid_of("node", 0)
    assert data["ctime"] == data["mtime"] == cluster["ctime"] == NOW


def test_parameters_are_stored_complete():
    cluster = make_config(settings={"beparams": {"default": {"vcpus": 3}}}).cluster

    assert cluster.beparams["default"] == {**be.be_defaults(), "vcpus": 3}
    assert cluster.hvparams["kvm"] == hv.hv_defaults("kvm")


def test_policy_allows_the_templates_that_are_enabled():
    assert make_config().cluster.ipolicy["disk-templates"] == ["file", "drbd"]


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigVerifyError, match=r"cluster cluster.example.com: .*beparams.vcpus"):
        make_config(settings={"beparams": {"default": {"vcpus": 0}}})
