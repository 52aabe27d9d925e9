"""What a request makes of the cluster's settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.cluster import settings
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.model.params.be import be_defaults
from test.support.config_view import a_cluster

CLUSTER = a_cluster(
    beparams={"default": {**be_defaults(), "vcpus": 3}},
    data_collectors={"diskstats": {"active": True, "interval": 5}},
    enabled_disk_templates=(DiskTemplate.DISKLESS,),
)


def changed(**fields):
    return settings.changed_settings(CLUSTER, OpClusterSetParams.from_wire(fields))[0]


def refused(match, **fields):
    with pytest.raises(errors.UserError, match=match):
        changed(**fields)


def test_a_request_without_fields_changes_nothing():
    assert changed() == CLUSTER


@pytest.mark.parametrize("name", ["hv_state", "drbd_helper", "modify_etc_hosts", "instance_communication_network"])
def test_what_nothing_looks_at_is_refused_by_name(name):
    values = {"hv_state": {"kvm": {}}, "modify_etc_hosts": True}

    refused(name, **{name: values.get(name, "x")})


def test_every_field_of_the_request_is_used_or_refused():
    values = {
        "vg_name": "xenvg",
        "enabled_hypervisors": ["kvm"],
        "hvparams": {"kvm": {"kernel_path": "/k", "root_path": "/dev/vda1"}},
        "beparams": {"vcpus": 2},
        "os_hvp": {"image": {"kvm": {"acpi": False}}},
        "osparams": {"image": {"a": "b"}},
        "osparams_private_cluster": {"image": {"c": "d"}},
        "diskparams": {"plain": {"stripes": 2}},
        "candidate_pool_size": 3,
        "max_running_jobs": 7,
        "max_tracked_jobs": 8,
        "uid_pool": [[1, 2]],
        "add_uids": [[5, 6]],
        "maintain_node_health": True,
        "automatic_failover": 3,
        "prealloc_wipe_disks": True,
        "nicparams": {"link": "br7"},
        "ndparams": {"spindle_count": 4},
        "ipolicy": {"vcpu-ratio": 5},
        "default_iallocator": "hail",
        "default_iallocator_params": {"x": "y"},
        "mac_prefix": "02:00:00",
        "master_netdev": "eth7",
        "master_netmask": 24,
        "reserved_lvs": ["xenvg/.*"],
        "hidden_os": [["add", "image"]],
        "blacklisted_os": [["add", "image"]],
        "use_external_mip_script": True,
        "enabled_disk_templates": ["plain"],
        "file_storage_dir": "/srv/a",
        "shared_file_storage_dir": "/srv/b",
        "gluster_storage_dir": "/srv/c",
        "install_image": "http://x",
        "zeroing_image": "http://y",
        "compression_tools": ["gzip"],
        "enabled_user_shutdown": True,
        "enabled_data_collectors": {"diskstats": False},
        "data_collector_interval": {"diskstats": 9},
    }
    common = {"dry_run", "debug_level", "priority", "depends", "comment", "reason", "force"}
    special = {"hv_state", "disk_state", "drbd_helper", "modify_etc_hosts", "instance_communication_network"}
    known = set(OpClusterSetParams().to_wire()) - common - {"OP_ID"}

    assert known - special - {"remove_uids"} == set(values)
    together = {"vg_name", "enabled_disk_templates"}
    for name, value in values.items():
        alone = {key: values[key] for key in together} if name in together else {name: value}
        assert changed(**alone) != CLUSTER, name


def test_parameters_are_merged_and_reset_to_their_defaults():
    assert changed(beparams={"maxmem": "1g"}).beparams["default"]["vcpus"] == 3
    assert changed(beparams={"vcpus": "default"}).beparams["default"]["vcpus"] == 1


def test_parameters_that_contradict_each_other_are_refused():
    refused("minmem", beparams={"maxmem": 100, "minmem": 200})
    refused("unknown", hvparams={"fake": {"wrong": 1}})
    refused("unknown hypervisor", hvparams={"vmware": {}})


def test_parameters_of_an_os_are_forgotten_when_empty():
    op = OpClusterSetParams.from_wire({"os_hvp": {"image": {"fake": {"migration_mode": "live"}}}})
    with_os = settings.changed_settings(CLUSTER, op)[0]
    back = OpClusterSetParams.from_wire({"os_hvp": {"image": {"fake": {"migration_mode": "default"}}}})

    assert with_os.os_hvp == {"image": {HypervisorName.FAKE: {"migration_mode": "live"}}}
    assert settings.changed_settings(with_os, back)[0].os_hvp == {}


def test_lists_of_os_tell_what_was_so_already():
    op = OpClusterSetParams.from_wire({"hidden_os": [["add", "a"], ["add", "a"], ["remove", "b"]]})

    new, notes = settings.changed_settings(CLUSTER, op)

    assert new.hidden_os == ("a",)
    assert len(notes) == 2


@pytest.mark.parametrize("prefix", ["01:00:00", "aa:00", "aa:00:0g", "aa:00:00:00"])
def test_a_prefix_of_hardware_addresses_is_checked(prefix):
    refused("mac_prefix", mac_prefix=prefix)


def test_templates_need_their_settings():
    refused("file_storage_dir", enabled_disk_templates=["file"])
    refused("vg_name", vg_name="xenvg")
    refused("once", enabled_disk_templates=["diskless", "diskless"])
    refused("at least one", enabled_hypervisors=[])
    changed(enabled_disk_templates=["file"], file_storage_dir="/srv/x")


def test_values_out_of_range_are_refused():
    refused("master_netmask", master_netmask=33)
    refused("regular expression", reserved_lvs=["("])
    refused("absolute path", file_storage_dir="srv")
    refused("unknown data collector", enabled_data_collectors={"other": True})


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=6))
def test_user_id_ranges_are_in_order_and_apart(ranges):
    try:
        result = settings.checked_ranges(ranges)
    except errors.OpPrereqError:
        return

    ids = [uid for first, last in result for uid in range(first, last + 1)]
    assert ids == sorted(set(ids))
    assert sorted(ranges) == list(result)


def test_a_range_that_is_not_there_cannot_be_removed():
    refused("not in the user id pool", remove_uids=[[1, 2]])
