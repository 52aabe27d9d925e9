"""Names that are none: a clear refusal, and nothing made on any node."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ganeti.luxi import methods
from ganeti.utils.spares import SPARE_PREFIX
from test.support.admin import add_diskless, add_file, remove_all
from test.support.cluster import Cluster

BAD = [
    "",
    "/",
    "..",
    ".",
    "../x",
    "a/b",
    "/etc/passwd",
    "x\ny",
    "x\n",
    " x",
    "x y",
    "x\x00",
    "-x",
    "ünïcode",
    "x" * 300,
]
#: what cannot be given on a command line at all, or is an option there
NOT_AS_ARGUMENT = {"x\x00", "-x"}


def everything(cluster: Cluster) -> set[str]:
    """Return every file of all nodes that is not a log, a job or a lock of its own."""
    passing = ("/var/log/", "/queue/", "/lock/", "/run/", "/.space", f"/{SPARE_PREFIX}")
    found = set()
    for base, directories, files in os.walk(cluster.directory):
        for name in [*directories, *files]:
            path = os.path.join(base, name)
            if not any(part in path for part in passing):
                found.add(path)
    return found


@pytest.fixture
def untouched(cluster3: Cluster) -> Iterator[Cluster]:
    """The shared cluster; the test must make no file and no object."""
    before = everything(cluster3), cluster3.ok("gnt-node", "list", "-o", "name,serial_no")
    yield cluster3
    assert (everything(cluster3), cluster3.ok("gnt-node", "list", "-o", "name,serial_no")) == before
    assert cluster3.ok("gnt-instance", "list", "--no-headers") == ""


@pytest.mark.parametrize("name", [name for name in BAD if name not in NOT_AS_ARGUMENT])
def test_instance_with_such_a_name_is_not_made(untouched: Cluster, name: str) -> None:
    add = ["gnt-instance", "add", "-t", "file", "-s", "1m", "-o", "noop", "--no-nics", "-n", "node1"]
    for more in ([], ["--no-name-check", "--no-ip-check"]):
        done = untouched.cmd(*add, *more, name)

        assert done.exit_code == 1 and "Traceback" not in done.output, done.output
        assert "instance_name: expected a name of" in done.stderr


@pytest.mark.parametrize("name", BAD)
def test_job_with_such_a_name_is_not_taken(untouched: Cluster, name: str) -> None:
    create = {"OP_ID": "OP_INSTANCE_CREATE", "mode": "create", "disk_template": "diskless", "os_type": "noop"}
    create |= {"disks": [], "nics": [], "pnode": "node1", "instance_name": name, "name_check": False, "ip_check": False}
    wrong = [
        create,
        {"OP_ID": "OP_INSTANCE_RENAME", "instance_name": "instance1", "new_name": name},
        {"OP_ID": "OP_NODE_ADD", "node_name": name},
    ]
    with untouched.luxi() as client:
        answers = client.call(methods.submit_many_jobs, [[op] for op in wrong])

    assert [accepted for accepted, _ in answers] == [False] * len(wrong), answers
    assert all("name: expected" in str(message) for _, message in answers), answers


@pytest.mark.parametrize("name", [name for name in BAD if name not in NOT_AS_ARGUMENT and name])
@pytest.mark.parametrize("command", ["gnt-node add", "gnt-node add --readd", "gnt-node remove", "gnt-instance startup"])
def test_nothing_is_done_to_what_has_such_a_name(untouched: Cluster, command: str, name: str) -> None:
    done = untouched.cmd(*command.split(), name)

    assert done.exit_code == 1 and "Traceback" not in done.output, done.output
    assert "codec" not in done.stderr and len(done.stderr) < 1000


def test_name_that_does_not_resolve_is_refused_when_it_is_to_be_checked(untouched: Cluster) -> None:
    add = ["gnt-instance", "add", "-t", "diskless", "-o", "noop", "--no-nics", "-n", "node1", "-B", "memory=64"]

    done = untouched.cmd(*add, "--name-check", "nowhere.invalid")
    taken = untouched.cmd(*add, "--name-check", "--ip-check", "instance1")

    assert done.exit_code == 1 and "cannot name an instance nowhere.invalid: cannot resolve" in done.stderr
    assert taken.exit_code == 1 and "is in use" in taken.stderr  # all of 127/8 answers
    untouched.ok(*add, "--name-check", "instance1")
    untouched.ok("gnt-instance", "remove", "-f", "instance1")


@pytest.mark.parametrize("name", ["../x", "a/b", "x\ny", "x" * 300, ""])
def test_instance_is_not_renamed_to_such_a_name(cluster3: Cluster, name: str) -> None:
    add_file(cluster3, "instance1")
    cluster3.ok("gnt-instance", "shutdown", "instance1")
    before = everything(cluster3)

    done = cluster3.cmd("gnt-instance", "rename", "instance1", name)

    assert done.exit_code == 1 and "new_name: expected a name of" in done.stderr
    assert everything(cluster3) == before
    remove_all(cluster3)


@pytest.mark.parametrize(
    "os", ["../noop", "noop/../noop", "/etc", "noop\n", "noop+../default", "n" * 300, "noop+default+x"]
)
def test_such_an_os_is_not_looked_for(untouched: Cluster, os: str) -> None:
    add = ["gnt-instance", "add", "-t", "diskless", "--no-nics", "-n", "node1", "-o", os, "instance1"]

    done = untouched.cmd(*add)

    assert done.exit_code == 1 and "Traceback" not in done.output, done.output
    assert "os_type: expected" in done.stderr or "cannot use OS" in done.stderr


@pytest.mark.parametrize("name", ["../most-free", "/bin/sh", "most-free\n", "..", "x" * 300])
def test_such_an_allocator_is_not_run(untouched: Cluster, name: str) -> None:
    add = ["gnt-instance", "add", "-t", "diskless", "--no-nics", "-o", "noop", "-I", name, "instance1"]

    done = untouched.cmd(*add)

    assert done.exit_code == 1 and "Traceback" not in done.output, done.output
    assert "allocator" in done.stderr


@pytest.mark.parametrize("tag", ["a b", "a\nb", "", "x" * 129, "ä", "a;b", "a,b", "$(id)"])
def test_such_a_tag_is_not_set(cluster3: Cluster, tag: str) -> None:
    done = cluster3.cmd("gnt-cluster", "add-tags", "good", tag)

    assert done.exit_code == 1 and "tags[1]: expected a tag" in done.stderr
    assert cluster3.ok("gnt-cluster", "list-tags") == ""


def test_short_name_that_means_several_is_refused(cluster3: Cluster) -> None:
    more = ("--no-name-check", "--no-ip-check")
    for name in ("web.a.example.com", "web.b.example.com"):
        add_diskless(cluster3, name, "node1", *more)

    done = cluster3.cmd("gnt-instance", "shutdown", "web")

    assert done.exit_code == 1 and "web" in done.stderr
    assert cluster3.ok("gnt-instance", "list", "--no-headers", "-o", "status").split() == ["running"] * 2
    cluster3.ok("gnt-instance", "shutdown", "web.a")
    remove_all(cluster3)
