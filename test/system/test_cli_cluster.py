"""gnt-cluster as an administrator uses it, on a running cluster."""

from __future__ import annotations

import os
import pathlib
import socket
from collections.abc import Iterator

import pytest

from ganeti import _autoconf
from ganeti.bootstrap import daemons
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.utils import files, net
from test.support.admin import add_diskless, add_file, job_status, lines, listed, refused, remove_all, submitted
from test.support.cluster import INIT_OPTIONS, Cluster, virtual_nodes


@pytest.fixture
def tidy(cluster3: Cluster) -> Iterator[Cluster]:
    """The shared cluster, whose instances go after the test."""
    yield cluster3
    remove_all(cluster3)


# --- looking ----------------------------------------------------------------------------


def test_info_shows_the_settings(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-cluster", "info")

    assert "Cluster name: cluster\n" in told and "Master node: node1\n" in told and "default hypervisor: fake" in told


def test_master_is_told_on_every_node(cluster3: Cluster) -> None:
    assert [cluster3.ok("gnt-cluster", "getmaster", node=name) for name in cluster3.nodes] == ["node1\n"] * 3


def test_version_shows_software_and_formats(cluster3: Cluster) -> None:
    assert lines(cluster3, "gnt-cluster version")[0] == f"Software version: {_autoconf.VERSION}"


@pytest.mark.parametrize(
    "command", ["gnt-cluster info", "gnt-instance list", "gnt-job list", "gnt-node modify -O yes x"]
)
def test_commands_elsewhere_than_on_the_master_name_it(cluster3: Cluster, command: str) -> None:
    done = cluster3.cmd(*command.split(), node=2)

    assert done.exit_code == 11
    assert "this node (node2) is not the master: run the command on node1" in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gnt-cluster version foo", "too many arguments: foo"),
        ("gnt-cluster bogus", "unknown command bogus"),
        ("gnt-cluster init cluster", "this node is part of a cluster already"),
        ("gnt-cluster init", "missing argument"),
        ("gnt-cluster destroy", "use --yes-do-it if you mean it"),
        ("gnt-cluster destroy --yes-do-it", "it has 2 node(s) besides the master"),
        ("gnt-cluster modify", "nothing to modify"),
        ("gnt-cluster modify -C 0", "candidate_pool_size: expected a whole number above 0"),
        ("gnt-cluster modify -C many", "option -C 'many': not a whole number"),
        ("gnt-cluster modify -B memory=abc", "expected a size such as 512m or 20g"),
        ("gnt-cluster modify -B bogus=1", "unknown parameter"),
        ("gnt-cluster modify -H fake:bogus=1", "unknown parameter"),
        ("gnt-cluster modify -H nosuch:a=1", "nosuch"),
        ("gnt-cluster modify --enabled-hypervisors fake,bogus", "got 'bogus'"),
        ("gnt-cluster modify --enabled-hypervisors ''", "enabled_hypervisors"),
        ("gnt-cluster modify --enabled-disk-templates plain", "disk template plain is enabled and needs it"),
        ("gnt-cluster modify --enabled-disk-templates bogus", "bogus"),
        ("gnt-cluster modify --max-running-jobs 0", "max_running_jobs: expected a whole number above 0"),
        ("gnt-cluster modify --mac-prefix zz:00:00", "'zz:00:00' is not like aa:00:00"),
        ("gnt-cluster modify --ipolicy-vcpu-ratio 0", "ipolicy.vcpu-ratio: expected a number above 0"),
        ("gnt-cluster modify -I nosuch", "cannot use allocator nosuch"),
        ("gnt-cluster queue", "missing argument: one of drain, undrain, info"),
        ("gnt-cluster queue bogus", "argument 'bogus' is not one of"),
        ("gnt-cluster watcher pause", "missing argument: for how long"),
        ("gnt-cluster watcher pause x", "cannot read time 'x'"),
        ("gnt-cluster watcher pause -1h", "-1"),
        ("gnt-cluster verify -g nosuch", "node group 'nosuch' is not known"),
        ("gnt-cluster verify --ignore-errors FOO", "option --ignore-errors 'FOO': not one of"),
        ("gnt-cluster verify-disks -g nosuch", "nosuch"),
        ("gnt-cluster command", "missing argument: COMMAND"),
        ("gnt-cluster command -n nosuch true", "unknown or ambiguous node nosuch"),
        ("gnt-cluster command -g nosuch true", "unknown node group nosuch"),
        ("gnt-cluster copyfile", "missing argument: FILE"),
        ("gnt-cluster copyfile /nonexistent", "cannot copy /nonexistent: no such file"),
        ("gnt-cluster search-tags '('", "is not a regular expression"),
        ("gnt-cluster search-tags", "missing argument"),
        ("gnt-cluster remove-tags nosuch", "nosuch not found"),
        ("gnt-cluster add-tags", "no tags given"),
    ],
)
def test_wrong_wishes_are_refused_and_change_nothing(cluster3: Cluster, command: str, said: str) -> None:
    before = files.read_file(cluster3.paths(1).config_file)

    assert said in refused(cluster3, command)

    assert files.read_file(cluster3.paths(1).config_file) == before


# --- verifying --------------------------------------------------------------------------


def test_new_cluster_is_clean(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-cluster", "verify")

    assert "ERROR" not in told and "WARNING" not in told and "* Verifying cluster configuration" in told


def test_instance_that_crashed_is_an_error_until_it_is_started(tidy: Cluster) -> None:
    add_diskless(tidy, "instance1", "node2")
    os.remove(os.path.join(tidy.paths("node2").fake_hypervisor_dir, "instance1"))

    assert "instance1" in refused_with_output(tidy, "gnt-cluster verify")
    assert "EINSTANCEDOWN:instance:instance1" in refused_with_output(tidy, "gnt-cluster verify --error-codes")
    tidy.ok("gnt-cluster", "verify", "--ignore-errors", "EINSTANCEDOWN")

    tidy.ok("gnt-instance", "startup", "instance1")
    tidy.ok("gnt-cluster", "verify")


def test_node_daemon_that_is_down_is_named_by_verify(tidy: Cluster) -> None:
    tidy.kill(daemons.NODED, "node3")

    told = refused_with_output(tidy, "gnt-cluster verify --error-codes")

    assert "ENODERPC:node:node3" in told and "node2" not in told.replace("node2:", "")
    tidy.start(daemons.NODED, "node3")
    tidy.ok("gnt-cluster", "verify")


def test_lost_disk_is_found_by_verify_disks_and_verify(tidy: Cluster) -> None:
    add_file(tidy, "instance2", "node2")
    tidy.ok("gnt-cluster", "verify-disks")
    info = tidy.ok("gnt-instance", "info", "instance2")
    os.remove(next(line.split()[-1] for line in info.splitlines() if "on primary" in line))

    assert "instance2" in refused_with_output(tidy, "gnt-cluster verify")


def refused_with_output(cluster: Cluster, command: str) -> str:
    """Run a command that must fail; return all it said."""
    done = cluster.cmd(*command.split())
    assert done.exit_code == 1, done.output
    return done.output


# --- changing ---------------------------------------------------------------------------


def test_settings_are_changed_and_reach_the_candidates(cluster3: Cluster) -> None:
    cluster3.ok("gnt-cluster", "modify", "-B", "vcpus=2", "-I", "most-free", "--max-running-jobs", "7")

    told = cluster3.ok("gnt-cluster", "info")
    assert "vcpus: 2\n" in told and "default iallocator: most-free\n" in told
    config = files.read_file(cluster3.paths(1).config_file)
    for paths in map(cluster3.paths, cluster3.nodes[1:]):
        assert files.read_file(paths.config_file) == config

    cluster3.ok("gnt-cluster", "modify", "-B", "vcpus=1", "-I", "", "--max-running-jobs", "20")


def test_used_hypervisor_and_template_cannot_be_disabled(tidy: Cluster) -> None:
    add_diskless(tidy, "instance1")

    assert "used by instance1" in refused(tidy, "gnt-cluster modify --enabled-hypervisors kvm")
    assert "used by instance1" in refused(tidy, "gnt-cluster modify --enabled-disk-templates file")


def test_changes_can_be_tried_and_submitted(cluster3: Cluster) -> None:
    before = listed(cluster3, "gnt-node list -o name,role")
    cluster3.ok("gnt-cluster", "modify", "--dry-run", "-C", "1")
    assert listed(cluster3, "gnt-node list -o name,role") == before

    job = submitted(cluster3, "gnt-cluster modify -C 10")
    cluster3.ok("gnt-job", "wait", str(job))
    assert job_status(cluster3, job) == "success"


def test_tags_are_added_found_and_removed(cluster3: Cluster) -> None:
    cluster3.ok("gnt-cluster", "add-tags", "site:a", "prod")
    cluster3.ok("gnt-node", "add-tags", "node2", "site:b")
    assert lines(cluster3, "gnt-cluster list-tags") == ["prod", "site:a"]
    assert lines(cluster3, "gnt-cluster search-tags ^site") == ["/cluster site:a", "/nodes/node2 site:b"]

    cluster3.ok("gnt-cluster", "remove-tags", "site:a", "prod")
    cluster3.ok("gnt-node", "remove-tags", "node2", "site:b")

    assert lines(cluster3, "gnt-cluster list-tags") == []
    assert cluster3.cmd("gnt-cluster", "search-tags", "^site").exit_code == 1


def test_tags_are_read_from_a_file(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tags"
    file.write_text("one\ntwo\n")

    cluster3.ok("gnt-cluster", "add-tags", f"--from={file}")
    assert lines(cluster3, "gnt-cluster list-tags") == ["one", "two"]

    cluster3.ok("gnt-cluster", "remove-tags", f"--from={file}")


# --- controlling ------------------------------------------------------------------------


def test_drained_queue_takes_no_jobs(cluster3: Cluster) -> None:
    cluster3.ok("gnt-cluster", "queue", "drain")
    assert cluster3.ok("gnt-cluster", "queue", "info") == "The drain flag is set\n"

    assert "gnt-cluster queue undrain" in refused(cluster3, "gnt-debug delay 0.1")

    cluster3.ok("gnt-cluster", "queue", "undrain")
    assert cluster3.ok("gnt-cluster", "queue", "info") == "The drain flag is unset\n"
    cluster3.ok("gnt-debug", "delay", "0.01")


def test_watcher_is_paused_and_goes_on(cluster3: Cluster) -> None:
    assert "not paused" in cluster3.ok("gnt-cluster", "watcher", "info")

    cluster3.ok("gnt-cluster", "watcher", "pause", "1h")
    assert "is paused until " in cluster3.ok("gnt-cluster", "watcher", "info")

    cluster3.ok("gnt-cluster", "watcher", "continue")
    assert "not paused" in cluster3.ok("gnt-cluster", "watcher", "info")


def test_command_runs_on_all_nodes_and_tells_which_failed(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-cluster", "command", "echo here is $GANETI_HOSTNAME")
    assert all(f"here is {node}\n" in told for node in cluster3.nodes)

    done = cluster3.cmd(
        "gnt-cluster", "command", "-M", "--failure-only", 'echo $GANETI_HOSTNAME; test "$GANETI_HOSTNAME" != node2'
    )

    assert done.exit_code == 1
    assert "node2: node2\n" in done.stdout and "return code = 1\n" in done.stdout and "node3" not in done.stdout


def test_file_is_copied_to_all_other_nodes(cluster3: Cluster) -> None:
    name = "/etc/motd"
    os.makedirs(cluster3.paths(1).root + "/etc", exist_ok=True)
    files.write_file(cluster3.paths(1).root + name, "be careful\n")

    cluster3.ok("gnt-cluster", "copyfile", cluster3.paths(1).root + name)

    for node in cluster3.nodes:
        assert files.read_text(cluster3.paths(node).root + name) == "be careful\n"
        os.remove(cluster3.paths(node).root + name)


# --- beginning and end ------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: pathlib.Path) -> Iterator[Cluster]:
    """Two nodes that run a node daemon and are in no cluster."""
    with virtual_nodes(tmp_path, 2) as cluster:
        assert not cluster.run("start-all", "-q").failed
        yield cluster


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--master-netdev=lo nosuch", "cannot resolve host name nosuch"),
        ("--master-netdev=lo --enabled-hypervisors=bogus cluster", "bogus"),
        ("--master-netdev=lo --enabled-hypervisors=fake --enabled-disk-templates=bogus cluster", "bogus"),
        ("--master-netdev=lo --enabled-hypervisors=fake -B memory=abc cluster", "abc"),
        ("--master-netdev=lo --enabled-hypervisors=fake -C 0 cluster", "candidate_pool_size"),
        ("--master-netdev=lo --enabled-hypervisors=fake -m zz cluster", "zz"),
        ("--master-netdev=lo --enabled-hypervisors=fake --master-netmask=99 cluster", "master-netmask: 99"),
        ("--master-netdev=lo --enabled-hypervisors=fake -s 10.9.8.7 cluster", "10.9.8.7 is not an address of this"),
    ],
)
def test_init_that_is_refused_leaves_nothing(cluster_never: Cluster, options: str, said: str) -> None:
    assert said in refused(cluster_never, f"gnt-cluster init --no-etc-hosts --no-ssh-init {options}")

    paths = cluster_never.paths(1)
    for path in (paths.config_file, paths.server_cert, paths.hmac_key, paths.ssconf_file("cluster_name")):
        assert not os.path.exists(path), path


@pytest.fixture(scope="module")
def cluster_never(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes that stay in no cluster."""
    with virtual_nodes(tmp_path_factory.mktemp("never"), 2) as cluster:
        assert not cluster.run("start-all", "-q").failed
        yield cluster


def test_addresses_of_nodes_that_wait_for_a_cluster_are_taken(cluster_never: Cluster) -> None:
    for node in cluster_never.nodes:
        address = net.look_up(node, cluster_never.paths(1)).ip
        with pytest.raises(OSError, match="in use"):
            socket.create_server((address, DEFAULT_PORT)).close()


def test_node_of_no_cluster_says_so(cluster_never: Cluster) -> None:
    for command in ("gnt-cluster info", "gnt-instance list", "gnt-cluster destroy --yes-do-it"):
        done = cluster_never.cmd(*command.split())
        assert done.exit_code in (1, 5) and "cluster init" in done.stderr, done.output


def test_cluster_is_made_taken_apart_and_made_again(bare: Cluster) -> None:
    bare.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
    bare.ok("gnt-node", "add", "node2")
    add_diskless(bare, "instance1", "node1")
    assert "node" in refused(bare, "gnt-cluster destroy --yes-do-it")
    bare.ok("gnt-node", "remove", "node2")
    assert "instance" in refused(bare, "gnt-cluster destroy --yes-do-it")
    bare.ok("gnt-instance", "remove", "-f", "instance1")

    bare.ok("gnt-cluster", "destroy", "--yes-do-it")

    paths = bare.paths(1)
    for path in (paths.config_file, paths.server_cert, paths.hmac_key, paths.domain_secret, paths.queue_serial):
        assert not os.path.exists(path), path
    assert bare.cmd("gnt-cluster", "info").exit_code == 5
    bare.run("start-all", "-q")
    bare.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
    assert [row["name"] for row in listed(bare, "gnt-node list -o name")] == ["node1"]


def test_init_is_refused_while_the_port_of_the_node_daemon_is_taken(tmp_path: pathlib.Path) -> None:
    with virtual_nodes(tmp_path, 1) as cluster:
        address = net.look_up("node1", cluster.paths(1)).ip
        with socket.create_server((address, 1811)):
            done = cluster.cmd("gnt-cluster", "init", *INIT_OPTIONS, "cluster")

        assert done.exit_code == 1 and "Traceback" not in done.output
        assert not os.path.exists(cluster.paths(1).config_file)
        assert not os.path.exists(cluster.paths(1).server_cert)
