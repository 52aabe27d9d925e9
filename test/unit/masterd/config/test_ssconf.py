import json
import os

from ganeti.masterd.config.addresses import with_maps
from ganeti.masterd.config.ssconf import SsconfValues, changed_keys, ssconf_values
from ganeti.model.objects.network import Network
from ganeti.schema import replace
from test.support.config import make_config, make_instance, make_node, uuid_of

with open(os.path.join(os.path.dirname(__file__), "../../../data/spec/constants.json"), encoding="utf-8") as _file:
    KEYS = json.load(_file)["tables"]["ssconf_keys"]


def test_keys_are_those_of_the_specification():
    # Ours: a node refuses calls of another cluster by it.
    assert sorted(ssconf_values(make_config())) == sorted([*KEYS, "cluster_uuid"])


def test_contents_are_as_specified():
    config = make_config(
        nodes=1,
        instances=[make_instance(2), make_instance(1)],
        settings={"uid_pool": ((1000, 1009), (2000, 2000)), "tags": frozenset({"b", "a"})},
    )
    second = make_node(1, offline=True, vm_capable=False, secondary_ip="198.51.100.2", ndparams={"ssh_port": 2222})
    network = with_maps(Network(uuid=uuid_of("net", 0), name="lan", network="192.0.2.0/28"))
    config = config.changed({"nodes": {second.uuid: second}, "networks": {network.uuid: network}}, config.head)

    values = ssconf_values(config)

    wanted = {
        "cluster_name": "cluster.example.com",
        "cluster_tags": "a\nb",
        "enabled_user_shutdown": "False",
        "hvparams_fake": "migration_mode=live",
        "hypervisor_list": "fake",
        "instance_list": "inst1.example.com\ninst2.example.com",
        "master_candidates": "node0.example.com",
        "master_candidates_certs": f"{uuid_of('node', 0)}=AA:BB",
        "master_candidates_ips": "192.0.2.1",
        "master_ip": "192.0.2.254",
        "master_netmask": "32",
        "master_node": "node0.example.com",
        "networks": f"{network.uuid} lan",
        "node_list": "node0.example.com\nnode1.example.com",
        "node_primary_ips": "node0.example.com 192.0.2.1\nnode1.example.com 192.0.2.2",
        "node_secondary_ips": "node0.example.com 192.0.2.1\nnode1.example.com 198.51.100.2",
        "node_vm_capable": "node0.example.com=True\nnode1.example.com=False",
        "nodegroups": f"{uuid_of('group', 0)} default",
        "offline_nodes": "node1.example.com",
        "online_nodes": "node0.example.com",
        "primary_ip_family": "2",
        "ssh_ports": "node0.example.com=22\nnode1.example.com=2222",
        "uid_pool": "1000-1009\n2000",
    }
    assert {key: values[key] for key in wanted} == wanted


def test_remembered_values_follow_every_change():
    remembered = SsconfValues()
    config = make_config(nodes=2, instances=[make_instance(1)])
    steps = [
        {"instances": {uuid_of("inst", 1): make_instance(1, disks_active=True)}},
        {"instances": {uuid_of("inst", 1): make_instance(1, name="renamed.example.com")}},
        {"nodes": {uuid_of("node", 1): make_node(1, offline=True)}},
        {"nodegroups": {uuid_of("group", 0): replace(config.groups[uuid_of("group", 0)], name="other")}},
        {"instances": {uuid_of("inst", 1): None}},
    ]
    for changes in steps:
        config = config.changed(changes, config.head)

        assert remembered.of(config) == ssconf_values(config)


def test_changed_keys_are_those_whose_content_differs():
    config = make_config(nodes=2, instances=[make_instance(1)])
    same = config.changed({"instances": {uuid_of("inst", 1): make_instance(1, disks_active=True)}}, config.head)
    offline = config.changed({"nodes": {uuid_of("node", 1): make_node(1, offline=True)}}, config.head)

    assert changed_keys(ssconf_values(config), ssconf_values(same)) == []
    assert sorted(changed_keys(ssconf_values(config), ssconf_values(offline))) == ["offline_nodes", "online_nodes"]
