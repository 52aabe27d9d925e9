"""What a request makes of a node group."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.masterd.cmdlib.group.parameters import changed_group
from ganeti.masterd.cmdlib.group.units import newly_split
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AllocPolicy, DiskTemplate
from ganeti.model.objects.configdata import ConfigData
from test.support.config_view import a_cluster, a_disk, a_group, a_node, an_instance, uuid_of

N1 = a_node("node1.example.com", master_candidate=True)
N2 = a_node("node2.example.com")
DISK = a_disk(
    "disk", dev_type=DiskTemplate.DRBD, logical_id=(N1.uuid, N2.uuid, 11000, 0, 0, "x"), nodes=(N1.name, N2.name)
)
WEB = an_instance("web1", disks=(DISK.uuid,))
CONFIG = Config.from_data(
    ConfigData(
        cluster=a_cluster(),
        nodes={node.uuid: node for node in (N1, N2)},
        nodegroups={a_group().uuid: a_group()},
        instances={WEB.uuid: WEB},
        disks={DISK.uuid: DISK},
    )
)


def changed(group=None, **fields):
    given = {"alloc_policy": None, "ndparams": None, "diskparams": None, "policy": None, **fields}
    return changed_group(CONFIG, group or a_group(), **given)


def test_nothing_asked_is_nothing_changed():
    assert changed() == (a_group(), [])


def test_only_what_differs_is_kept_and_can_be_forgotten():
    group, changes = changed(ndparams={"ssh_port": 23}, diskparams={"plain": {"stripes": 2}})
    back, _ = changed(group, ndparams={"ssh_port": "default"}, diskparams={"plain": {"stripes": "default"}})

    assert group.ndparams == {"ssh_port": 23}
    assert [name for name, _ in changes] == ["ndparams", "diskparams"]
    assert back == a_group()


def test_the_policy_must_fit_with_that_of_the_cluster():
    group, _ = changed(policy={"vcpu-ratio": 8, "std": {"cpu-count": 2}})

    assert group.ipolicy == {"vcpu-ratio": 8.0, "std": {"cpu-count": 2}}
    assert changed(group, policy={"vcpu-ratio": "default", "std": {"cpu-count": "default"}})[0].ipolicy == {}
    with pytest.raises(errors.ParameterError, match="cpu-count"):
        changed(policy={"std": {"cpu-count": 99}})


def test_allocation_policy_is_answered_when_it_changes():
    assert changed(alloc_policy=AllocPolicy.UNALLOCABLE)[1] == [("alloc_policy", "unallocable")]
    assert changed(alloc_policy=AllocPolicy.PREFERRED)[1] == []


def test_moving_half_of_a_mirror_is_noticed():
    other = uuid_of("other")

    assert newly_split(CONFIG, other, {N1.uuid}) == ["web1"]
    assert newly_split(CONFIG, other, {N1.uuid, N2.uuid}) == []
    assert newly_split(CONFIG, N1.group, {N1.uuid}) == []
