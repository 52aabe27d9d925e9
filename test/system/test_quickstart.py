"""tools/quickstart, run for real with small numbers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files, json, process
from ganeti.utils.process import RunResult
from ganeti.vcluster import grow
from ganeti.vcluster.layout import MAX_INSTANCES, MAX_NODES
from ganeti.vcluster.setup import read_layout
from test.support.cluster import MARK, Cluster, virtual_nodes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, "tools", "quickstart")
TIMEOUT = 100.0
EXPECTED = {"--nodes": f"1 to {MAX_NODES}", "--instances": f"0 to {MAX_INSTANCES}"}


class Quickstart:
    """The program, with a directory of its own."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def __call__(self, *args: str) -> RunResult:
        return process.run([PROGRAM, "--dir", self.directory, *args], env=self.environ, cwd="/", timeout=TIMEOUT)

    @property
    def environ(self) -> dict[str, str]:
        return {MARK: self.directory}

    def list(self, command: str, fields: str = "name") -> list[str]:
        done = process.run(
            [os.path.join(self.directory, "cmd"), command, "list", "--no-headers", "-o", fields], env=self.environ
        )
        assert not done.failed, done.output
        return done.stdout.split()

    def processes(self) -> dict[int, str]:
        return Cluster(self.directory, 0).processes()


@pytest.fixture
def quickstart(tmp_path: os.PathLike[str]) -> Iterator[Quickstart]:
    program = Quickstart(os.path.join(tmp_path, "it's a place"))
    yield program
    done = program("--destroy")
    assert done.exit_code == 0, done.output
    assert not os.path.lexists(program.directory)
    assert program.processes() == {}


def test_makes_a_cluster_completes_it_stops_and_starts_it(quickstart: Quickstart) -> None:
    made = quickstart("--nodes", "2", "--instances", "2")

    assert made.exit_code == 0, made.output
    assert [line[:11] for line in made.stdout.splitlines() if line.startswith("step")] == [
        f"step {number} of 6" for number in range(1, 7)
    ]
    assert quickstart.list("gnt-node") == ["node1", "node2"]
    assert quickstart.list("gnt-instance", "name,os,status") == [
        *("instance1", "noop", "running"),
        *("instance2", "image+default", "running"),
    ]
    written = [
        os.path.join(place, name)
        for place, _, names in os.walk(os.path.join(quickstart.directory, "node2", "srv"))
        for name in names
    ]
    assert any(files.read_file(path, 1 << 30).startswith(b"This disk was written by") for path in written)

    assert ask_as_shown(made) == [{"id": name, "uri": f"/2/instances/{name}"} for name in ("instance1", "instance2")]
    assert "\nganeti_master_up 1.0\n" in curl_as_shown(made, "/metrics")
    password = os.path.join(quickstart.directory, "rapi-password")
    secret = files.read_file(password)
    assert os.stat(password).st_mode & 0o777 == 0o600
    assert secret.strip() not in files.read_file(Cluster(quickstart.directory, 2).paths(2).rapi_users)
    assert secret.decode().strip() not in made.output

    grown = quickstart("--nodes", "3", "--instances", "3")

    assert grown.exit_code == 0, grown.output
    assert "1 added" in grown.stdout
    assert quickstart.list("gnt-node") == ["node1", "node2", "node3"]
    assert quickstart.list("gnt-instance") == ["instance1", "instance2", "instance3"]

    assert quickstart("--stop").exit_code == 0
    assert quickstart.processes() == {}

    again = quickstart("--nodes", "1", "--instances", "0")  # what is there stays

    assert again.exit_code == 0, again.output
    assert quickstart.list("gnt-instance", "status") == ["running"] * 3
    assert len(quickstart.list("gnt-node")) == 3
    assert files.read_file(password) == secret
    assert len(ask_as_shown(again)) == 3
    verified = process.run([os.path.join(quickstart.directory, "cmd"), "gnt-cluster", "verify"], env=quickstart.environ)
    assert verified.exit_code == 0, verified.output

    check_the_watcher_repairs(quickstart)


def check_the_watcher_repairs(quickstart: Quickstart) -> None:
    """Crash an instance and kill a node daemon; the watchers of all nodes bring both back."""
    cluster = Cluster(quickstart.directory, 3)
    faults = os.path.join(cluster.paths("node1").run_dir, "fake-hypervisor-faults.json")
    (name,) = quickstart.list("gnt-instance")[:1]
    files.write_file(faults, json.dumps([{"action": "crash", "instance": name, "times": 1}]), durable=False)
    assert quickstart.list("gnt-instance", "status").count("running") == 2
    cluster.kill(daemons.NODED, "node3")

    watched = cluster.run("watcher-all")

    assert (watched.exit_code, watched.output) == (0, "")
    assert cluster.pid(daemons.NODED, "node3") is not None
    assert quickstart.list("gnt-instance", "status") == ["running"] * 3


def ask_as_shown(ran: RunResult) -> list[object]:
    """Ask the remote API by the command that was shown."""
    answer = json.loads(curl_as_shown(ran))
    assert isinstance(answer, list)
    return answer


def curl_as_shown(ran: RunResult, path: str = "/2/instances") -> str:
    (line,) = (line.strip() for line in ran.stdout.splitlines() if line.strip().startswith("curl "))
    command = line.replace("curl ", "curl -q -sS ", 1).replace("/2/instances", path)
    asked = process.run(["sh", "-c", command], timeout=TIMEOUT)
    assert asked.exit_code == 0, asked.output
    return asked.stdout


def test_goes_on_after_an_interruption(quickstart: Quickstart) -> None:
    child = subprocess.Popen(
        [PROGRAM, "--dir", quickstart.directory, "--nodes", "4", "--instances", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **quickstart.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    with child.stdout:
        # Made in between: the cluster is there, its nodes are on their way.
        while b"step 5" not in (line := os.read(child.stdout.fileno(), 4096)):
            assert line, "ended too early"
        child.send_signal(signal.SIGINT)
        rest = child.stdout.read()
    assert child.wait(TIMEOUT) == 130
    assert b"run it again to go on" in rest

    done = quickstart("--nodes", "4", "--instances", "2")

    assert done.exit_code == 0, done.output
    assert len(quickstart.list("gnt-node")) == 4
    assert len(quickstart.list("gnt-instance")) == 2


def test_a_cluster_whose_making_was_killed_is_made_anew(quickstart: Quickstart) -> None:
    assert quickstart("--nodes", "1", "--instances", "0").exit_code == 0
    quickstart("--stop")
    node = Cluster(quickstart.directory, 1).paths(1)
    files.remove_file(node.config_file)

    done = quickstart("--nodes", "2", "--instances", "1")

    assert done.exit_code == 0, done.output
    assert quickstart.list("gnt-node") == ["node1", "node2"]


def test_a_lost_configuration_is_not_taken_for_a_cluster_half_made(quickstart: Quickstart) -> None:
    assert quickstart("--nodes", "2", "--instances", "0").exit_code == 0
    quickstart("--stop")
    files.remove_file(Cluster(quickstart.directory, 1).paths(1).config_file)

    done = quickstart("--nodes", "2", "--instances", "0")

    assert done.exit_code == 1
    assert "node2 belongs to it" in done.stderr


def test_only_one_runs_at_a_time(quickstart: Quickstart) -> None:
    assert quickstart("--nodes", "1", "--instances", "0").exit_code == 0
    with files.locked_file(os.path.join(quickstart.directory, ".quickstart.lock")):
        done = quickstart("--nodes", "2")

    assert done.exit_code == 1
    assert "another quickstart is at work" in done.stderr
    assert read_layout(quickstart.directory).nodes == 1


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--nodes", "0"], "cannot make 0 nodes: expected 1 to 1000"),
        (["--nodes", "1001"], "cannot make 1001 nodes"),
        (["--instances", "-1"], "cannot make -1 instances"),
        (["--stop"], "there is no cluster in"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(quickstart: Quickstart, args: list[str], reason: str) -> None:
    done = quickstart(*args)

    assert done.exit_code == 1
    assert reason in done.stderr
    assert not os.path.exists(quickstart.directory)


@pytest.mark.parametrize("action", ["--keep", "--stop", "--destroy"])
def test_a_directory_of_somebody_else_is_left_alone(tmp_path: os.PathLike[str], action: str) -> None:
    files.write_file(os.path.join(tmp_path, "letter"), "dear\n", durable=False)

    done = Quickstart(os.fspath(tmp_path))(action)

    assert done.exit_code == 1
    assert os.listdir(tmp_path) == ["letter"]


def test_a_place_that_cannot_be_made_is_named(tmp_path: os.PathLike[str]) -> None:
    files.write_file(os.path.join(tmp_path, "file"), "", durable=False)

    for place in (os.path.join(tmp_path, "file"), os.path.join(tmp_path, "file", "below")):
        done = Quickstart(place)()
        assert done.exit_code == 1
        assert "choose another one with --dir" in done.stderr


@pytest.mark.parametrize("args", [["--nodes", "0"], ["--instances", "20001"]])
def test_numbers_that_cannot_be_are_refused_before_anything_is_prepared(
    tmp_path: os.PathLike[str], args: list[str]
) -> None:
    program = os.path.join(tmp_path, "tools", "quickstart")
    files.ensure_dir(os.path.dirname(program))
    shutil.copy(PROGRAM, program)

    done = process.run([sys.executable, "-IS", program, *args], cwd="/")

    assert done.exit_code == 1
    assert done.output == f"quickstart: cannot make {args[1]} {args[0][2:]}: expected {EXPECTED[args[0]]}\n"
    assert os.listdir(tmp_path) == ["tools"]


def test_help_needs_nothing_to_be_prepared() -> None:
    done = process.run([sys.executable, "-IS", PROGRAM, "--help"], cwd="/")

    assert done.exit_code == 0
    assert "--destroy" in done.stdout
    assert process.run([PROGRAM, "--stop", "--destroy"]).exit_code == 2


def test_more_instances_than_the_queue_takes_are_submitted_as_others_end(tmp_path: os.PathLike[str]) -> None:
    counted: list[int] = []
    with virtual_nodes(tmp_path, 1) as cluster:
        assert not cluster.run("start-all", "-q").failed
        grow.initialise(cluster.directory, lambda line: None)

        assert grow.add_instances(cluster.directory, 7, counted.append, batch_size=2, under_way=3) == 7

        names = cluster.ok("gnt-instance", "list", "--no-headers", "-o", "name").split()
    assert len(names) == 7
    assert counted == [1, 2, 3, 4, 5, 6, 7]
