import pytest

from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.network import Network
from ganeti.model.params import fill
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_nic, make_node, uuid_of

KVM = HypervisorName.KVM
NET = uuid_of("net", 0)
GROUP = uuid_of("group", 0)


def cluster(**settings):
    return replace(make_config().cluster, **settings)


def test_hvparams_go_from_defaults_over_cluster_and_os_to_the_instance():
    known = cluster(
        hvparams={KVM: {"kernel_path": "/c", "initrd_path": "/c", "root_path": "/c"}},
        os_hvp={"image": {KVM: {"initrd_path": "/o", "root_path": "/o"}}},
    )

    filled = fill.fill_hvparams(known, KVM, "image", {"root_path": "/i"})

    assert [filled[name] for name in ("acpi", "kernel_path", "initrd_path", "root_path")] == [True, "/c", "/o", "/i"]


def test_hvparams_nodes_must_agree_on_never_come_from_the_instance():
    known = cluster(hvparams={KVM: {"migration_port": 9000}})

    assert fill.fill_hvparams(known, KVM, "image", {"migration_port": 1})["migration_port"] == 9000


def test_beparams_go_from_defaults_over_cluster_to_the_instance():
    filled = fill.fill_beparams(cluster(beparams={"default": {"vcpus": 2, "maxmem": 256}}), {"maxmem": 512})

    assert (filled["minmem"], filled["vcpus"], filled["maxmem"]) == (128, 2, 512)


def test_nicparams_come_from_the_group_for_a_nic_in_a_network():
    group = replace(make_config().groups[GROUP], networks={NET: {"mode": "routed", "link": "100"}})
    known = cluster(nicparams={"default": {"mode": "bridged", "link": "br9"}})

    outside = fill.fill_nicparams(known, {"link": "br1"}, None, group)
    inside = fill.fill_nicparams(known, {"link": "br1"}, NET, group)

    assert outside == {"mode": "bridged", "link": "br1", "vlan": ""}
    assert inside == {"mode": "routed", "link": "100", "vlan": ""}


def test_ndparams_go_from_cluster_over_group_to_node_but_for_the_shared_ones():
    group = replace(make_config().groups[GROUP], ndparams={"ssh_port": 2, "exclusive_storage": True})
    node = make_node(1, ndparams={"ssh_port": 3, "exclusive_storage": False})
    known = cluster(ndparams={"ssh_port": 1, "spindle_count": 4})

    filled = fill.fill_ndparams(known, group, node)

    assert (filled["spindle_count"], filled["ssh_port"], filled["exclusive_storage"]) == (4, 3, True)
    assert fill.fill_ndparams(known, group)["ssh_port"] == 2


@pytest.mark.parametrize(
    ("os", "wanted"),
    [("image", {"a": "1", "b": "1", "c": "i"}), ("image+tiny", {"a": "1", "b": "2", "c": "i"}), ("other", {"c": "i"})],
)
def test_osparams_go_from_os_over_variant_to_the_instance(os, wanted):
    known = cluster(osparams={"image": {"a": "1", "b": "1", "c": "1"}, "image+tiny": {"b": "2", "c": "2"}})

    assert fill.fill_osparams(known, os, {"c": "i"}) == wanted


def test_private_osparams_are_kept_apart():
    known = cluster(osparams={"image": {"a": "1"}}, osparams_private_cluster={"image": {"key": "secret"}})

    assert fill.fill_osparams(known, "image", {"own": "x"}, private=True) == {"key": "secret", "own": "x"}


def test_policy_of_a_group_replaces_all_but_the_standard_as_a_whole():
    ranges = [{"min": {"cpu-count": 2}, "max": {"cpu-count": 3}}]
    group = replace(make_config().groups[GROUP], ipolicy={"minmax": ranges, "std": {"cpu-count": 2}})

    filled = fill.fill_ipolicy(cluster(), group)

    assert filled["minmax"] == ranges
    assert filled["std"]["cpu-count"] == 2
    assert filled["std"]["memory-size"] == 128
    assert filled["vcpu-ratio"] == 4.0


def test_disk_is_told_parameters_of_template_cluster_and_group():
    group = replace(make_config().groups[GROUP], diskparams={DiskTemplate.DRBD: {"data-stripes": 3}})
    known = cluster(diskparams={DiskTemplate.DRBD: {"metavg": "vg1", "data-stripes": 2}})
    volumes = tuple(make_disk(n, uuid=None, dev_type=DiskTemplate.PLAIN, logical_id=("vg", str(n))) for n in (1, 2))

    filled = fill.fill_disk(known, group, make_drbd(1, 0, 1, children=volumes))

    assert filled.params["default-metavg"] == "vg1"
    assert "data-stripes" not in filled.params
    assert [child.params for child in filled.children] == [{"stripes": 3}, {"stripes": 1}]


def test_filled_instance_carries_all_that_a_node_needs():
    network = Network(uuid=NET, name="lan", network="198.51.100.0/28")
    instance = make_instance(
        1, nics=(make_nic(1, network=NET), make_nic(2)), disks=(uuid_of("disk", 1),), beparams={"vcpus": 2}
    )
    config = make_config(instances=[instance], disks=[make_drbd(1, 0, 1)])
    config = config.changed({"networks": {NET: network}}, config.head)

    filled = fill.fill_instance(config, instance, beparams={"maxmem": 999})

    assert filled.beparams["vcpus"] == 2
    assert filled.beparams["maxmem"] == 999
    assert filled.hvparams == {"migration_mode": "live"}
    assert [nic.netinfo for nic in filled.nics] == [network, None]
    assert filled.nics[1].nicparams["mode"] == "bridged"
    assert [disk.uuid for disk in filled.disks_info] == [uuid_of("disk", 1)]
    assert filled.secondary_nodes == (uuid_of("node", 1),)
    assert type(filled).from_wire(filled.to_wire()) == filled
