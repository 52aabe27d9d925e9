import pytest

from ganeti.errors import ConfigurationError
from ganeti.masterd.config.index import Kind
from ganeti.masterd.config.snapshot import MIXED, Config
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.configdata import ConfigData
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_nic, make_node, uuid_of

N0, N1, N2 = (uuid_of("node", number) for number in range(3))


def drbd_config():
    mirrored = make_instance(1, disks=(uuid_of("disk", 1),))
    plain = make_instance(2, primary_node=N1, disks=(uuid_of("disk", 2), uuid_of("disk", 3)))
    disks = (make_drbd(1, 0, 1), make_drbd(2, 1, 2), make_disk(3, nodes=(N1,)))
    return make_config(nodes=3, instances=(mirrored, plain), disks=disks)


@pytest.mark.parametrize("key", ["inst1.example.com", uuid_of("inst", 1)])
def test_records_are_found_by_name_and_by_uuid(key):
    assert drbd_config().instance_named(key).uuid == uuid_of("inst", 1)


def test_what_is_not_there_is_none():
    config = make_config()

    assert config.node_named("nobody") is None
    assert config.group_named("nothing") is None
    assert config.network_named("nowhere") is None


def test_instances_of_a_node_are_told_by_role():
    config = drbd_config()

    assert [i.name for i in config.instances_on(N1)] == ["inst2.example.com", "inst1.example.com"]
    assert [i.name for i in config.instances_on(N1, secondary=False)] == ["inst2.example.com"]
    assert [i.name for i in config.instances_on(N1, primary=False)] == ["inst1.example.com"]
    assert [i.name for i in config.instances_on(N2)] == ["inst2.example.com"]


def test_nodes_of_an_instance_start_with_the_primary():
    config = drbd_config()

    assert [n.uuid for n in config.nodes_of(config.instance_named("inst2.example.com"))] == [N1, N2]


def test_template_of_an_instance_follows_from_its_disks():
    config = drbd_config()

    assert config.template_of(config.instance_named("inst1.example.com")) == DiskTemplate.DRBD
    assert config.template_of(config.instance_named("inst2.example.com")) == MIXED
    assert config.template_of(make_instance(9)) == DiskTemplate.DISKLESS


def test_changed_leaves_the_old_snapshot_as_it_was():
    old = drbd_config()
    moved = replace(old.instance_named("inst1.example.com"), name="other.example.com", nics=(make_nic(77),))

    new = old.changed({"instances": {moved.uuid: moved}, "nodes": {N2: None}}, old.head)

    assert old.instance_named("inst1.example.com") is not None
    assert new.instance_named("inst1.example.com") is None
    assert new.instance_named("other.example.com") is moved
    assert new.index.owners(Kind.MAC, "aa:00:00:00:00:01") == ()
    assert N2 in old.nodes
    assert N2 not in new.nodes


def test_index_kept_up_to_date_is_that_of_a_fresh_snapshot():
    config = drbd_config()
    config = config.changed({"disks": {uuid_of("disk", 1): make_drbd(1, 2, 0)}}, config.head)
    config = config.changed({"instances": {uuid_of("inst", 2): None}}, config.head)

    data = ConfigData(cluster=config.cluster, **config.contents._asdict())
    fresh = Config.from_data(data)

    for kind in Kind:
        assert {k: sorted(v) for k, v in config.index.table(kind).items()} == {
            k: sorted(v) for k, v in fresh.index.table(kind).items()
        }


def test_unchanged_kinds_share_their_table():
    old = drbd_config()
    same_claims = replace(old.instance_named("inst1.example.com"), disks_active=True)

    new = old.changed({"instances": {same_claims.uuid: same_claims}}, old.head)

    assert new.index is old.index or new.index.table(Kind.MAC) is old.index.table(Kind.MAC)


def test_missing_master_is_named():
    config = make_config()
    gone = config.changed({"nodes": {N0: None}}, config.head)

    with pytest.raises(ConfigurationError, match=N0):
        _ = gone.master


def test_members_candidates_and_online_nodes():
    config = make_config(nodes=3)
    offline = make_node(2, offline=True)
    config = config.changed({"nodes": {offline.uuid: offline}}, config.head)

    assert [n.uuid for n in config.members_of(uuid_of("group", 0))] == [N0, N1, N2]
    assert [n.uuid for n in config.candidates()] == [N0]
    assert [n.uuid for n in config.online_nodes()] == [N0, N1]


def test_planned_instance_is_in_a_snapshot_of_its_own():
    config = make_config()
    instance = make_instance(5, disks=(uuid_of("disk", 5),))

    future = config.with_instance(instance, [make_disk(5)])

    assert future.disks_of(instance)[0].uuid == uuid_of("disk", 5)
    assert future.owner_of(uuid_of("disk", 5)) is instance
    assert config.instance_named(instance.name) is None
