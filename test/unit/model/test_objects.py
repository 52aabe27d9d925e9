import json
import os

import pytest

from ganeti.errors import ConfigurationError, ParameterError
from ganeti.model.enums import DiskMode, DiskTemplate
from ganeti.model.objects import (
    cluster,
    configdata,
    disk,
    filter,
    instance,
    messages,
    network,
    nic,
    node,
    nodegroup,
)
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.objects.disk import Disk, DrbdId, disk_nodes, drbd_id
from ganeti.schema import Record, fields_of

# Not written before there is something to say.
OUR_OWN = {"master_term", "automatic_failover"}
SPEC = os.path.join(os.path.dirname(__file__), "../../data/spec/config_schema.json")
MODULES = (cluster, configdata, disk, filter, instance, messages, network, nic, node, nodegroup)
CLASSES = {
    name: cls
    for module in MODULES
    for name, cls in vars(module).items()
    if isinstance(cls, type) and issubclass(cls, Record)
}
RENAMED = {"OS": "OSInfo"}
# Computed, so that it cannot go stale: Config.members_of, Config.template_of; only nodes are sent the rest.
COMPUTED = {("NodeGroup", "members"), ("Instance", "disk_template")}
# Ours, and only there while an instance moves or after a move that was cut off.
OWN = {("Instance", "moving")}
SENT_ONLY = {("Instance", "secondary_nodes"), ("Instance", "disks_info")}

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"


def slots():
    with open(SPEC, encoding="utf-8") as file:
        objects = json.load(file)["objects"]
    for name, spec in objects.items():
        for slot, facts in spec.get("slots", {}).items():
            if not facts.get("only_2_7"):
                yield name, slot


@pytest.mark.parametrize(("name", "slot"), list(slots()))
def test_every_slot_of_the_specification_is_a_field(name, slot):
    if (name, slot) in COMPUTED:
        return
    cls = CLASSES["FilledInstance" if (name, slot) in SENT_ONLY else RENAMED.get(name, name)]

    assert slot in {field.wire for field in fields_of(cls)}


@pytest.mark.parametrize("name", ["ConfigData", "Cluster", "Node", "NodeGroup", "Instance", "NIC", "Disk", "Network"])
def test_no_field_is_unknown_to_the_specification(name):
    known = {slot for owner, slot in [*slots(), *OWN] if owner == name}

    assert {field.wire for field in fields_of(CLASSES[name])} - OUR_OWN <= known


def config_data():
    stamps = {"serial_no": 3, "ctime": 1.5, "mtime": 2.5}
    lv = {"dev_type": "plain", "logical_id": ["xenvg", "x"], "size": 10, "iv_name": "", "mode": "rw", "later": [1]}
    return {
        "version": 3010000,
        "cluster": {
            "uuid": A,
            "cluster_name": "c.example.com",
            "master_node": A,
            "master_ip": "192.0.2.1",
            "master_netdev": "eth0",
            "enabled_hypervisors": ["kvm"],
            "hvparams": {"kvm": {"acpi": True, "later": "x"}},
            "tags": ["b", "a"],
            "tcpudp_port_pool": [11002, 11001],
            "later": {"deep": [1, None]},
            **stamps,
        },
        "nodes": {
            A: {"uuid": A, "name": "n1", "primary_ip": "192.0.2.2", "secondary_ip": "192.0.2.2", "group": A, "later": 1}
        },
        "nodegroups": {A: {"uuid": A, "name": "default", "later": 2}},
        "instances": {
            A: {
                "uuid": A,
                "name": "i1",
                "primary_node": A,
                "os": "",
                "hypervisor": "kvm",
                "nics": [{"mac": "aa:00:00:00:00:01", "later": 3}],
                "disks": [A],
                "later": 4,
            }
        },
        "networks": {A: {"uuid": A, "name": "net", "network": "192.0.2.0/24", "later": 5}},
        "disks": {
            A: {
                "uuid": A,
                "dev_type": "drbd",
                "logical_id": [A, B, 11000, 0, 1, "s"],
                "size": 10,
                "iv_name": "disk/0",
                "mode": "rw",
                "children": [lv, lv],
                "later": 6,
            }
        },
        "filters": {
            A: {"uuid": A, "watermark": 1, "priority": 2, "action": ["RATE_LIMIT", 3], "predicates": [], "later": 7}
        },
        "serial_no": 7,
        "ctime": 1.0,
        "mtime": 2.0,
        "later": "x",
    }


def is_part(small, big):
    if isinstance(small, dict):
        return isinstance(big, dict) and all(k in big and is_part(v, big[k]) for k, v in small.items())
    if isinstance(small, list):
        return len(small) == len(big) and all(is_part(s, b) for s, b in zip(small, big, strict=True))
    return small == big


def test_unknown_keys_survive_a_round_trip_at_every_level():
    given = config_data()

    written = ConfigData.from_wire(given).to_wire()

    given["cluster"]["tags"].sort()
    given["cluster"]["tcpudp_port_pool"].sort()
    assert is_part(given, written)
    assert ConfigData.from_wire(json.loads(json.dumps(written))).to_wire() == written


def test_fields_that_are_none_are_left_out():
    written = ConfigData.from_wire(config_data()).to_wire()

    assert "ip" not in written["instances"][A]["nics"][0]
    assert "network_port" not in written["instances"][A]
    assert "drbd_usermode_helper" not in written["cluster"]


def test_error_names_the_path_of_what_is_wrong():
    broken = config_data()
    broken["instances"][A]["nics"][0]["mac"] = "x"

    with pytest.raises(ParameterError, match=rf"instances\.{A}\.nics\[0\]\.mac: expected a MAC address"):
        ConfigData.from_wire(broken)


def test_drbd_disk_tells_its_nodes_and_parts():
    one = ConfigData.from_wire(config_data()).disks[A]

    assert drbd_id(one) == DrbdId(A, B, 11000, 0, 1, "s")
    assert disk_nodes(one) == (A, B)


def test_logical_id_of_another_kind_is_refused():
    plain = Disk(dev_type=DiskTemplate.PLAIN, logical_id=("vg", "lv"), size=1, mode=DiskMode.READ_WRITE, uuid=A)

    with pytest.raises(ConfigurationError, match=A):
        drbd_id(plain)
