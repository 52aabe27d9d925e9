import copy

import pytest

from ganeti.errors import ConfigVersionMismatch, ParameterError
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.verify import verify
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.params import hv, ipolicy
from ganeti.model.upgrade import upgrade

A, B, G, INST, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abcde")


def node(name, uuid, ip):
    flags = {"master_candidate": name == "n1", "offline": False, "drained": False}
    return {"name": name, "uuid": uuid, "primary_ip": ip, "secondary_ip": ip, "group": G, "serial_no": 1, **flags}


def from_2_7():
    volume = {"dev_type": "lvm", "logical_id": ["xenvg", "data"], "size": 1024, "iv_name": "sda_data"}
    meta = {"dev_type": "lvm", "logical_id": ["xenvg", "meta"], "size": 128, "iv_name": "sda_meta"}
    disk = {
        "dev_type": "drbd8",
        "logical_id": ["n1", "n2", 11000, 0, 0, "secret"],
        "physical_id": ["192.0.2.1", 11000, "192.0.2.2", 11000, 0, "secret"],
        "children": [volume, meta],
        "iv_name": "disk/0",
        "size": 1024,
        "mode": "rw",
    }
    return {
        "version": 2070000,
        "serial_no": 5,
        "cluster": {
            "uuid": C,
            "cluster_name": "c.example.com",
            "master_node": "n1",
            "master_ip": "192.0.2.9",
            "master_netdev": "eth0",
            "highest_used_port": 11000,
            "enabled_hypervisors": ["kvm"],
            "hvparams": {"kvm": {"kernel_path": "/k", "acpi": False}},
            "beparams": {"default": {"memory": 256}},
            "ipolicy": {"min": {"memory-size": 64}, "max": {"memory-size": 4096}},
        },
        "nodes": {"n1": node("n1", A, "192.0.2.1"), "n2": node("n2", B, "192.0.2.2")},
        "nodegroups": {
            G: {"uuid": G, "name": "default", "members": ["n1", "n2"], "ipolicy": {"max": {"cpu-count": 4}}}
        },
        "instances": {
            "web": {
                "name": "web",
                "uuid": INST,
                "primary_node": "n1",
                "os": "image",
                "hypervisor": "kvm",
                "hvparams": {},
                "beparams": {"memory": 512},
                "admin_state": "up",
                "nics": [{"mac": "aa:00:00:00:00:01", "nicparams": {}}],
                "disks": [disk],
                "disk_template": "drbd",
                "tags": [],
            }
        },
    }


def load(data):
    return Config.from_data(ConfigData.from_wire(upgrade(data)))


def test_configuration_of_2_7_becomes_a_sound_one():
    assert verify(load(from_2_7())) == []


def test_names_of_nodes_become_uuids_everywhere():
    config = load(from_2_7())

    assert set(config.nodes) == {A, B}
    assert config.master.name == "n1"
    assert config.instances[INST].primary_node == A
    assert [n.uuid for n in config.nodes_of(config.instances[INST])] == [A, B]


def test_disks_leave_their_instance():
    config = load(from_2_7())

    (disk,) = config.disks.values()
    assert config.instances[INST].disks == (disk.uuid,)
    assert disk.dev_type == DiskTemplate.DRBD
    assert disk.nodes == (A, B)
    assert [child.dev_type for child in disk.children] == [DiskTemplate.PLAIN] * 2


def test_missing_defaults_are_filled_and_values_kept():
    cluster = load(from_2_7()).cluster

    assert cluster.hvparams["kvm"] == {**hv.hv_defaults("kvm"), "kernel_path": "/k", "acpi": False}
    assert (cluster.beparams["default"]["minmem"], cluster.beparams["default"]["maxmem"]) == (256, 256)
    assert cluster.enabled_disk_templates == (DiskTemplate.DRBD,)
    assert cluster.nicparams["default"]["mode"] == "bridged"


def test_one_range_of_a_policy_becomes_a_list():
    config = load(from_2_7())

    (limits,) = ipolicy.ranges(config.cluster.ipolicy)
    assert (limits.min["memory-size"], limits.max["memory-size"], limits.max["cpu-count"]) == (64, 4096, 8)
    (limits,) = ipolicy.ranges(config.groups[G].ipolicy)
    assert limits.max["cpu-count"] == 4


@pytest.mark.parametrize("template", ["file", "sharedfile"])
def test_file_disks_are_told_apart_by_their_instance(template):
    data = from_2_7()
    disk = {"dev_type": "file", "logical_id": ["loop", "/srv/x"], "size": 1, "iv_name": "disk/0", "mode": "rw"}
    data["instances"]["web"].update(disks=[disk], disk_template=template)

    config = load(data)

    assert config.template_of(config.instances[INST]) == template
    assert [d.nodes for d in config.disks.values()] == [(A,)]


def test_upgrading_gives_the_same_everywhere_and_leaves_its_input_alone():
    data = from_2_7()
    before = copy.deepcopy(data)

    assert upgrade(data) == upgrade(copy.deepcopy(data))
    assert data == before


def test_upgraded_configuration_is_not_changed_by_another_upgrade():
    once = ConfigData.from_wire(upgrade(from_2_7())).to_wire()

    assert ConfigData.from_wire(upgrade(once)).to_wire() == once


def test_parameters_that_are_gone_are_dropped_from_a_3_0_configuration():
    data = ConfigData.from_wire(upgrade(from_2_7())).to_wire() | {"version": 3000000}
    data["cluster"]["hvparams"]["xen-pvm"]["xen_cmd"] = "xl"
    data["cluster"]["hvparams"]["kvm"]["disk_discard"] = "default"
    data["cluster"]["os_hvp"] = {"image": {"xen-pvm": {"xen_cmd": "xl"}}}
    data["instances"][INST]["hvparams"] = {"disk_discard": "default"}

    config = load(data)

    assert "xen_cmd" not in config.cluster.hvparams["xen-pvm"]
    assert config.cluster.os_hvp == {"image": {"xen-pvm": {}}}
    assert config.cluster.hvparams["kvm"]["disk_discard"] == "ignore"
    assert config.instances[INST].hvparams == {"disk_discard": "ignore"}


@pytest.mark.parametrize("version", [2069999, 3020000, 0])
def test_unknown_version_is_refused(version):
    with pytest.raises(ConfigVersionMismatch):
        upgrade(from_2_7() | {"version": version})


def test_what_is_no_object_is_named():
    with pytest.raises(ParameterError, match=r"nodes\.n1: expected an object"):
        upgrade(from_2_7() | {"nodes": {"n1": 3}})
