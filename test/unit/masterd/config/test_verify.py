import pytest

from ganeti.errors import ConfigVerifyError
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.verify import check_change, verify
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.schema import replace
from test.support.config import NOW, make_config, make_disk, make_drbd, make_instance, make_nic, make_node, uuid_of

N0, N1 = uuid_of("node", 0), uuid_of("node", 1)
GROUP = uuid_of("group", 0)
DISKED = make_instance(1, disks=(uuid_of("disk", 1),))


def base():
    return make_config(instances=[DISKED, make_instance(2)], disks=[make_disk(1)])


def change(config, act):
    draft = Draft(config)
    act(draft)
    commit = draft.finish(NOW, config.serial_no + 1)
    check_change(config, commit.config, commit.changes)
    return commit.config


def put(section, record):
    return lambda draft: getattr(draft, section).__setitem__(record.uuid, record)


def drop(section, uuid):
    return lambda draft: getattr(draft, section).__delitem__(uuid)


def set_cluster(**fields):
    return lambda draft: setattr(draft, "cluster", replace(draft.cluster, **fields))


FAULTS = {
    "instance name inst1.example.com is used more than once": put("instances", make_instance(3, name=DISKED.name)),
    "MAC address aa:00:00:00:00:01 is used more than once": put("instances", make_instance(3, nics=(make_nic(1),))),
    "MAC address aa:00:00:00:00:07 is used more": put("instances", make_instance(3, nics=(make_nic(7), make_nic(7)))),
    "the primary node of instance .* does not exist": put("instances", make_instance(3, primary_node=uuid_of("x", 1))),
    "has a disk that does not exist": put("instances", make_instance(3, disks=(uuid_of("disk", 9),))),
    "disk .* is used more than once": put("instances", make_instance(3, disks=(uuid_of("disk", 1),))),
    "is in a network that does not exist": put("instances", make_instance(3, nics=(make_nic(3, network=GROUP),))),
    "has port 80, which is not in 11000-14999": put("instances", make_instance(3, network_port=80)),
    "place of a disk .* is used more than once": put("disks", make_disk(2, logical_id=make_disk(1).logical_id)),
    "is on a node that does not exist": put("disks", make_disk(2, nodes=(uuid_of("x", 1),))),
    "has both halves on one node": put("disks", make_drbd(2, 0, 0)),
    "its logical id is not that of a DRBD disk": put("disks", make_drbd(2, 0, 1, logical_id=("a",))),
    "node address 192.0.2.1 is used more than once": put("nodes", make_node(5, primary_ip="192.0.2.1")),
    "is in a group that does not exist": put("nodes", make_node(5, group=uuid_of("x", 1))),
    "cannot be master candidate and offline": put("nodes", make_node(5, master_candidate=True, offline=True)),
    "node group name default is used more than once": put("groups", NodeGroup(uuid=uuid_of("x", 1), name="default")),
    "is connected to a network that does not": put(
        "groups", NodeGroup(uuid=uuid_of("x", 1), name="g", networks={uuid_of("x", 2): {}})
    ),
    "disk .* cannot go: instance inst1.example.com has it": drop("disks", uuid_of("disk", 1)),
    "node node0.example.com cannot go: instance inst1.example.com runs there": drop("nodes", N0),
    "node group default cannot go: node node0.example.com is in it": drop("groups", GROUP),
    "the master node .* does not exist": set_cluster(master_node=uuid_of("x", 1)),
    "the master node node1.example.com is not an online master candidate": set_cluster(master_node=N1),
    "no hypervisor is enabled": set_cluster(enabled_hypervisors=()),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_change_that_brings_a_fault_is_refused_by_its_name(problem):
    with pytest.raises(ConfigVerifyError, match=problem):
        change(base(), FAULTS[problem])


@pytest.mark.parametrize("problem", [p for p in FAULTS if "cannot go" not in p])
def test_whole_verification_finds_what_a_change_is_refused_for(problem):
    config = base()
    draft = Draft(config)
    FAULTS[problem](draft)

    assert verify(draft.finish(NOW, 2).config) != []


def test_whole_verification_finds_what_points_nowhere():
    config = base()

    assert verify(config.changed({"disks": {uuid_of("disk", 1): None}}, config.head)) != []
    assert verify(config.changed({"nodes": {N0: None}}, config.head)) != []
    assert verify(config.changed({"nodegroups": {GROUP: None}}, config.head)) != []


def test_good_configuration_has_no_problems():
    assert verify(base()) == []


def test_fault_that_was_there_does_not_hinder_other_changes():
    twin = make_instance(3, nics=(make_nic(1),))
    faulty = make_config(instances=[make_instance(1), twin])

    config = change(faulty, put("instances", replace(twin, disks_active=True)))

    assert config.instances[twin.uuid].disks_active


def test_fault_that_was_there_can_be_mended():
    twin = make_instance(3, nics=(make_nic(1),))
    faulty = make_config(instances=[make_instance(1), twin])

    config = change(faulty, put("instances", replace(twin, nics=(make_nic(3),))))

    assert len(verify(faulty)) == 1
    assert verify(config) == []


def test_instance_can_go_together_with_its_disk():
    def act(draft):
        del draft.disks[uuid_of("disk", 1)]
        del draft.instances[DISKED.uuid]

    assert verify(change(base(), act)) == []


@pytest.mark.parametrize(
    ("problem", "fields"),
    [
        ("beparams.vcpus", {"beparams": {"default": {"vcpus": 0}}}),
        ("minmem: 999 MiB is more", {"beparams": {"default": {"minmem": 999}}}),
        ("nicparams.mode", {"nicparams": {"default": {"mode": "x"}}}),
        ("migration_mode", {"hvparams": {"fake": {"migration_mode": "x"}}}),
        ("ndparams.later", {"ndparams": {"later": 1}}),
        ("vcpu-ratio", {"ipolicy": {"vcpu-ratio": 0}}),
    ],
)
def test_whole_verification_looks_at_parameters(problem, fields):
    draft = Draft(base())
    draft.cluster = replace(draft.cluster, **fields)

    assert any(problem in found for found in verify(draft.finish(NOW, 2).config))
