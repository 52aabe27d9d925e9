"""Files that nodes hold alike: which, where, and how they get there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd.cluster_files import ClusterFile, Where, cluster_files, hypervisor_files
from ganeti.masterd.distribute import Distribution
from ganeti.masterd.fence import Fence
from ganeti.masterd.storage_choice import default_storage, storage_of
from ganeti.masterd.tags import find, tags_of
from ganeti.model.enums import DiskTemplate, HypervisorName, StorageType, TagKind
from ganeti.model.objects.network import Network
from ganeti.model.scalars import NodeName
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files
from test.support.config import make_config, make_instance, make_node, uuid_of
from test.support.sim import SimCluster
from test.support.sim_net import State

PATHS = Paths("/srv/node1.example.com", "node1.example.com")


# --- which ---------------------------------------------------------------------------------------


def found_for(paths: Paths = PATHS, keys: Sequence[str] = (), **settings: Any) -> dict[str, ClusterFile]:
    return {file.path: file for file in cluster_files(paths, make_config(settings=settings), keys).files}


def test_files_of_a_hypervisor_belong_to_nodes_only_where_it_is_in_use() -> None:
    with_kvm = found_for(enabled_hypervisors=(HypervisorName.KVM,))

    assert with_kvm.keys() - found_for().keys() == {PATHS.kvm_vif_script}


def test_every_ssconf_file_is_one_of_them_but_goes_its_own_way() -> None:
    found = found_for(keys=["master_node"])

    assert not found[PATHS.ssconf_file("master_node")].sent
    assert not found[PATHS.config_file].sent and found[PATHS.config_file].where is Where.CANDIDATES


def test_every_password_file_in_use_is_one_of_them() -> None:
    kvm, fake = HypervisorName.KVM, HypervisorName.FAKE
    config = make_config(
        settings={
            "enabled_hypervisors": (kvm, fake),
            "hvparams": {
                kvm: {"vnc_password_file": "/etc/vnc/cluster"},
                HypervisorName.XEN_HVM: {"vnc_password_file": "/no"},
            },
            "os_hvp": {"image": {kvm: {"spice_password_file": "/etc/vnc/os"}}},
        },
        instances=[
            make_instance(1, hypervisor=kvm, hvparams={"vnc_password_file": "/etc/vnc/inst1"}),
            make_instance(2, hypervisor=kvm, hvparams={"vnc_password_file": "/var/lib/ganeti/server.pem"}),
            make_instance(3, hypervisor=kvm, hvparams={"spice_password_file": "/etc/shadow"}),
        ],
    )

    found = hypervisor_files(PATHS, config)

    assert found.files == [f"{PATHS.root}/etc/vnc/{name}" for name in ("cluster", "inst1", "os")]
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "cannot send /etc/shadow to nodes",
        "cannot send /var/lib/ganeti/server.pem to nodes",
    ]


def test_the_hosts_file_is_one_of_them_where_it_is_managed() -> None:
    real = Paths("", "node1.example.com")

    assert "/etc/hosts" in found_for(real, modify_etc_hosts=True)
    assert "/etc/hosts" not in found_for(real, modify_etc_hosts=False)
    assert "/etc/hosts" not in found_for(PATHS, modify_etc_hosts=True)


def test_the_administrators_list_adds_files_and_is_sent_before_them(paths: Paths) -> None:
    files.ensure_dir(paths.config_dir)
    files.write_file(paths.admin_list, "# ours\n/etc/xen/xend.sxp\n/etc/secret candidates  # not for all\n")

    found = found_for(paths)

    assert found[f"{paths.root}/etc/xen/xend.sxp"].where is Where.ALL
    assert found[f"{paths.root}/etc/secret"].where is Where.CANDIDATES
    order = list(found)
    assert order.index(paths.admin_list) < order.index(f"{paths.root}/etc/secret")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/etc/a some\n", "line 1: after the path may come all or candidates, not some"),
        ("\netc/a\n", "line 2: cannot send 'etc/a' to nodes"),
        ("/etc/../root/x", "line 1"),
        ("/etc/a\n/etc/a all\n", "line 2: /etc/a is there twice"),
        ("/var/lib/ganeti/config.data", "is not for that"),
        ("/etc/ganeti/restricted-commands/run", "is not for that"),
        ("/etc/ganeti/file-storage-paths", "is not for that"),
    ],
)
def test_a_list_that_cannot_be_used_is_a_problem_and_the_other_files_are_sent(
    paths: Paths, text: str, problem: str
) -> None:
    files.ensure_dir(paths.config_dir)
    files.write_file(paths.admin_list, text)

    wanted = cluster_files(paths, make_config(), ())

    assert len(wanted.problems) == 1 and problem in wanted.problems[0]
    assert paths.hmac_key in {file.path for file in wanted.files}


@pytest.mark.parametrize(
    ("flags", "where"),
    [
        ({}, {Where.ALL, Where.VM_CAPABLE}),
        ({"vm_capable": False}, {Where.ALL}),
        ({"vm_capable": False, "master_candidate": True}, {Where.ALL, Where.CANDIDATES}),
    ],
)
def test_a_node_holds_what_its_role_asks_for(flags: dict[str, bool], where: set[Where]) -> None:
    assert {each for each in Where if each.includes(make_node(1, **flags))} == where


# --- sending -------------------------------------------------------------------------------------


@pytest.fixture
def cluster(sim_directory: str) -> Iterator[SimCluster]:
    yield SimCluster(os.path.join(sim_directory, "c"), seed=1)


def send(cluster: SimCluster, **settings: Any) -> Sequence[str]:
    async def act() -> Sequence[str]:
        config = (await cluster.local_node().load_config()).current
        config = config.changed({}, config.head._replace(cluster=replace(config.cluster, **settings)))
        distribution = Distribution(cluster.rpc(0, config), cluster.nodes[0].paths, cluster.clock, Fence())
        return (await distribution.send_files(config, list(config.nodes.values()))).all_problems

    return cluster.work(act)


def write_needed(cluster: SimCluster) -> Paths:
    paths = cluster.nodes[0].paths
    for path in (paths.hmac_key, paths.domain_secret, paths.rapi_cert):
        files.write_file(path, os.path.basename(path), mode=0o400)
    return paths


def test_files_are_the_same_everywhere_afterwards_modes_too(cluster: SimCluster) -> None:
    paths = write_needed(cluster)
    files.write_file(paths.rapi_users, b"jack \xe9\n", mode=0o640)

    assert send(cluster) == []
    for path in (paths.hmac_key, paths.domain_secret, paths.rapi_cert, paths.rapi_users):
        for other in cluster.nodes[1:]:
            copy = other.paths.localize(paths.virtualize(path))
            assert copy != path
            assert files.read_file(copy) == files.read_file(path)
            assert stat.S_IMODE(os.stat(copy).st_mode) == stat.S_IMODE(os.stat(path).st_mode)


def test_password_files_of_hypervisors_are_sent_wherever_they_are(cluster: SimCluster) -> None:
    paths, kvm = write_needed(cluster), HypervisorName.KVM
    files.ensure_dir(f"{paths.root}/etc/vnc")
    files.write_file(f"{paths.root}/etc/vnc/all", "secret", mode=0o600)
    settings = {"enabled_hypervisors": (kvm,), "hvparams": {kvm: {"vnc_password_file": "/etc/vnc/all"}}}

    assert send(cluster, **settings) == []
    for other in cluster.nodes[1:]:
        assert files.read_text(f"{other.paths.root}/etc/vnc/all") == "secret"


def test_a_file_the_master_lacks_is_told_unless_it_may_be_missing(cluster: SimCluster) -> None:
    paths = write_needed(cluster)
    os.unlink(paths.hmac_key)

    assert send(cluster) == [f"cannot read {paths.hmac_key} on the master: No such file or directory"]


def test_a_node_that_does_not_take_them_is_told_of(cluster: SimCluster) -> None:
    paths = write_needed(cluster)
    cluster.network.states[NodeName("node3.example.com")] = State.NO_DAEMON

    problems = send(cluster)

    assert len(problems) == 1  # one is enough to know that it is down
    assert "to node node3.example.com: " in problems[0]
    assert os.path.exists(cluster.nodes[1].paths.hmac_key)
    assert paths.hmac_key in "".join(problems)


# --- tags and storage ----------------------------------------------------------------------------


def a_config(**settings: Any) -> Any:
    config = make_config(instances=[make_instance(1, tags=frozenset({"web"}))], settings=settings)
    net = Network(uuid=uuid_of("net", 1), name="net1", network="198.51.100.0/24", tags=frozenset({"dmz"}))
    return config.changed({"networks": {net.uuid: net}}, config.head)


def test_every_kind_of_thing_carries_tags() -> None:
    config = a_config(tags=frozenset({"prod"}))

    found = {
        kind: tags_of(config, kind, name)
        for kind, name in (
            (TagKind.CLUSTER, None),
            (TagKind.NODE, "node1.example.com"),
            (TagKind.INSTANCE, "inst1.example.com"),
            (TagKind.NODEGROUP, "default"),
            (TagKind.NETWORK, "net1"),
        )
    }

    assert list(map(set, found.values())) == [{"prod"}, set(), {"web"}, set(), {"dmz"}]
    assert set(found) == set(TagKind)


@pytest.mark.parametrize("kind", sorted(set(TagKind) - {TagKind.CLUSTER}))
@pytest.mark.parametrize("name", ["gone", "", None])
def test_what_is_not_there_has_no_tags(kind: TagKind, name: str | None) -> None:
    with pytest.raises(errors.OpPrereqError, match="is not known"):
        find(a_config(), kind, name)


def test_disks_are_kept_where_their_template_has_them() -> None:
    config = a_config(file_storage_dir="/srv/files", shared_file_storage_dir="/srv/shared")

    assert storage_of(config, DiskTemplate.FILE) == [(StorageType.FILE, "/srv/files", ())]
    assert storage_of(config, DiskTemplate.SHAREDFILE) == [(StorageType.SHAREDFILE, "/srv/shared", ())]
    assert storage_of(config, DiskTemplate.DISKLESS) == []


def test_a_node_is_as_large_as_the_storage_of_the_first_template_that_has_one() -> None:
    config = a_config(file_storage_dir="/srv/files", shared_file_storage_dir="/srv/shared")

    def figures_for(*templates: DiskTemplate) -> object:
        cluster = replace(config.cluster, enabled_disk_templates=templates)
        return default_storage(config.changed({}, config.head._replace(cluster=cluster)))

    assert figures_for(DiskTemplate.DISKLESS, DiskTemplate.SHAREDFILE, DiskTemplate.FILE) == [
        (StorageType.SHAREDFILE, "/srv/shared", ())
    ]
    assert figures_for(DiskTemplate.DISKLESS) == []
