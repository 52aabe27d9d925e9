import pytest

from ganeti.errors import ConfigurationError
from ganeti.masterd.config.addresses import is_taken, with_maps
from ganeti.masterd.config.draft import Draft
from ganeti.model.objects.network import Network
from ganeti.schema import replace
from test.support.config import NOW, make_config, make_disk, make_drbd, make_instance, make_nic, make_node, uuid_of

LATER = NOW + 60
NET = uuid_of("net", 0)


def finish(draft):
    return draft.finish(LATER, draft.base.serial_no + 1)


def test_new_records_start_at_serial_1_with_their_times():
    draft = Draft(make_config())
    draft.add_instance(make_instance(1, serial_no=9))

    made = finish(draft).config.instances[uuid_of("inst", 1)]

    assert (made.serial_no, made.ctime, made.mtime) == (1, LATER, LATER)


def test_changed_records_count_up_from_what_is_there():
    base = make_config(instances=[make_instance(1, serial_no=4, ctime=5.0)])
    draft = Draft(base)
    stale = replace(base.instances[uuid_of("inst", 1)], serial_no=2, disks_active=True)
    draft.instances[stale.uuid] = stale

    changed = finish(draft).config.instances[stale.uuid]

    assert (changed.serial_no, changed.ctime, changed.mtime) == (5, 5.0, LATER)


def test_the_whole_counts_every_change_and_the_cluster_only_its_own():
    base = make_config()
    draft = Draft(base)
    draft.nodes[uuid_of("node", 1)] = make_node(1, drained=True)

    config = finish(draft).config

    assert config.serial_no == base.serial_no + 1
    assert config.mtime == LATER
    assert config.cluster is base.cluster


def test_changed_cluster_counts_up():
    draft = Draft(make_config())
    draft.cluster = replace(draft.cluster, candidate_pool_size=3)

    assert finish(draft).config.cluster.serial_no == 2


def test_draft_that_changes_nothing_is_the_base():
    base = make_config(instances=[make_instance(1)])
    draft = Draft(base)
    draft.instances[uuid_of("inst", 1)] = make_instance(1)
    draft.add_disk(make_disk(1))
    del draft.disks[uuid_of("disk", 1)]

    commit = finish(draft)

    assert commit.config is base
    assert commit.changes == {}


def test_draft_reads_back_what_was_written_to_it():
    draft = Draft(make_config(instances=[make_instance(1), make_instance(2)]))
    del draft.instances[uuid_of("inst", 1)]
    draft.add_instance(make_instance(3))

    assert set(draft.instances) == {uuid_of("inst", 2), uuid_of("inst", 3)}
    assert len(draft.instances) == 2
    assert uuid_of("inst", 1) not in draft.instances
    assert draft.instances.pop(uuid_of("inst", 1), None) is None
    with pytest.raises(KeyError):
        del draft.instances[uuid_of("inst", 1)]


def test_what_exists_cannot_be_added_again():
    draft = Draft(make_config(instances=[make_instance(1)]))

    with pytest.raises(ConfigurationError, match=f"cannot add instance {uuid_of('inst', 1)}: it exists already"):
        draft.add_instance(make_instance(1))


def test_used_port_raises_the_highest_and_leaves_the_skipped_in_the_pool():
    draft = Draft(make_config())
    draft.add_instance(make_instance(1, network_port=11002))

    cluster = finish(draft).config.cluster

    assert cluster.highest_used_port == 11002
    assert cluster.tcpudp_port_pool == {11000, 11001}


def test_port_of_what_goes_returns_to_the_pool_by_itself():
    draft = Draft(make_config())
    draft.add_disk(make_drbd(0, 0, 1))
    draft = Draft(finish(draft).config)
    del draft.disks[uuid_of("disk", 0)]

    cluster = finish(draft).config.cluster

    assert cluster.tcpudp_port_pool == {11000}
    assert cluster.highest_used_port == 11000


def test_port_that_moves_between_records_stays_taken():
    draft = Draft(make_config())
    draft.add_instance(make_instance(1, network_port=11000))
    draft = Draft(finish(draft).config)
    del draft.instances[uuid_of("inst", 1)]
    draft.add_instance(make_instance(2, network_port=11000))

    assert finish(draft).config.cluster.tcpudp_port_pool == frozenset()


def test_pool_in_a_stale_cluster_record_is_not_believed():
    base = make_config()
    draft = Draft(base)
    draft.add_instance(make_instance(1, network_port=11000))
    draft = Draft(finish(draft).config)
    draft.cluster = replace(base.cluster, candidate_pool_size=3)

    assert finish(draft).config.cluster.highest_used_port == 11000


def networked():
    draft = Draft(make_config())
    draft.add_network(with_maps(Network(uuid=NET, name="net", network="198.51.100.0/28")))
    return finish(draft).config


def test_addresses_of_instances_are_marked_in_their_network_and_freed_again():
    draft = Draft(networked())
    draft.add_instance(make_instance(1, nics=(make_nic(1, network=NET, ip="198.51.100.5"),)))
    taken = finish(draft).config
    draft = Draft(taken)
    del draft.instances[uuid_of("inst", 1)]
    freed = finish(draft).config

    assert is_taken(taken.networks[NET], "198.51.100.5")
    assert not is_taken(freed.networks[NET], "198.51.100.5")


def test_map_in_a_stale_network_record_is_not_believed():
    before = networked()
    draft = Draft(before)
    draft.add_instance(make_instance(1, nics=(make_nic(1, network=NET, ip="198.51.100.5"),)))
    draft = Draft(finish(draft).config)
    draft.networks[NET] = replace(before.networks[NET], gateway="198.51.100.1")

    changed = finish(draft).config.networks[NET]

    assert changed.gateway == "198.51.100.1"
    assert is_taken(changed, "198.51.100.5")
