"""What holds of a cluster at rest, whatever was done to it: the check after each fault."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.utils import files, json
from test.support.cluster import Cluster
from test.support.polling import until

FINAL = frozenset({"success", "error", "canceled"})
RUNNABLE = frozenset({"queued", "waiting", "running", "canceling"})
DAEMONS = ("ganeti-masterd", "ganeti-noded", "ganeti-confd", "ganeti-rapi", "ganeti-luxid", "ganeti-kvmd")


def check(cluster: Cluster, acknowledged: Sequence[int] = (), *, leftovers: bool = False) -> None:
    """Wait until nothing runs any more, then check everything; all daemons have to be up.

    `acknowledged` are ids that `SubmitJob` answered with.  `leftovers` allows the half-written
    files of a daemon that was killed: they go when it is started an hour later.
    """
    check_one_master(cluster)
    check_jobs(cluster, acknowledged)
    check_locks(cluster)
    check_instances(cluster)
    check_copies(cluster)
    check_processes(cluster)
    if not leftovers:
        # a daemon that has just begun still writes
        until(lambda: temporary_files(cluster) == [], f"no half-written files: {temporary_files(cluster)}")
    cluster.ok("gnt-cluster", "verify", "--error-codes")


def check_one_master(cluster: Cluster) -> None:
    """One node runs the master daemon, and it is the one all nodes name."""
    running = [node for node in cluster.nodes if cluster.pid(daemons.MASTERD, node) is not None]
    assert running == [cluster.master]
    named = {files.read_text(cluster.paths(node).ssconf_file("master_node")).strip() for node in cluster.nodes}
    assert named == set(running)


def check_jobs(cluster: Cluster, acknowledged: Sequence[int]) -> None:
    """Every acknowledged job is there, and comes to an end."""
    with cluster.luxi() as client:
        rows = client.call(methods.query_jobs, list(acknowledged), ["id", "status"]) if acknowledged else []
        lost = [job for job, row in zip(acknowledged, rows, strict=True) if row is None]
        assert not lost, f"acknowledged and lost: {lost}"
        assert {row[1] for row in rows} <= FINAL | RUNNABLE
        until(lambda: unfinished(cluster) == [], "all jobs have ended")


def unfinished(cluster: Cluster) -> list[int]:
    """Return the jobs that have not ended."""
    with cluster.luxi() as client:
        return [job for job, status in client.call(methods.query_jobs, None, ["id", "status"]) if status not in FINAL]


def check_locks(cluster: Cluster) -> None:
    """Nobody holds a lock or waits for one."""

    def held() -> list[object]:
        with cluster.luxi() as client:
            answer = client.call(methods.query, "lock", ["name", "mode", "owner", "pending"], None)
        return [row for row in answer["data"] if any(value for _, value in row[1:])]

    until(lambda: held() == [], f"all locks are free: {held()}")


def check_instances(cluster: Cluster) -> None:
    """Each instance runs on at most one node, and what runs is an instance of the cluster."""
    with cluster.luxi() as client:
        known = {row[0][1] for row in client.call(methods.query, "instance", ["name"], None)["data"]}
    running = [name for node in cluster.nodes for name in instances_on(cluster, node)]
    assert len(running) == len(set(running)), f"running twice: {sorted(running)}"
    assert set(running) <= known


def instances_on(cluster: Cluster, node: str) -> list[str]:
    """Return what the hypervisor of a node runs."""
    directory = cluster.paths(node).fake_hypervisor_dir
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def check_copies(cluster: Cluster) -> None:
    """All candidates hold the configuration of the master, and its jobs."""
    with cluster.luxi() as client:
        rows = client.call(methods.query, "node", ["name", "master_candidate", "offline"], None)["data"]
    candidates = [name for (_, name), (_, candidate), (_, offline) in rows if candidate and not offline]
    for node in candidates:
        until(
            lambda node=node: files.read_file(cluster.paths(node).config_file) == master_config(cluster),
            f"{node} has the configuration of the master",
            60,
        )
        until(
            lambda node=node: queue_of(cluster, node) == queue_of(cluster, cluster.master), f"{node} has all jobs", 60
        )


def master_config(cluster: Cluster) -> bytes:
    """Return the configuration of the master, which has to be whole."""
    text = files.read_file(cluster.paths(cluster.master).config_file)
    assert json.loads(text)["serial_no"] > 0
    return text


def queue_of(cluster: Cluster, node: str) -> dict[str, bytes]:
    """Return the job files a node has, by name."""
    directory = cluster.paths(node).queue_dir
    found = {}
    for name in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):  # archived meanwhile
            if name.startswith("job-"):
                found[name] = files.read_file(os.path.join(directory, name))
    return found


def check_processes(cluster: Cluster) -> None:
    """Only daemons run: no call, hook or script is left."""
    until(lambda: not strangers(cluster), f"only daemons run: {strangers(cluster)}")


def strangers(cluster: Cluster) -> dict[int, str]:
    """Return what runs for the cluster and is no daemon: calls, hooks, scripts."""
    found = processes_of(cluster)
    known = {cluster.pid(daemon, node) for node in cluster.nodes for daemon in DAEMONS}
    # The function server of a node daemon; what it forks is a call.
    known |= {pid for pid, line in found.items() if "noded.nursery" in line and parent_of(pid) not in found}
    return {pid: line for pid, line in found.items() if pid not in known}


def processes_of(cluster: Cluster) -> dict[int, str]:
    """Return all that runs for the cluster: what has its directory in environment or arguments, and their children."""
    mark = cluster.directory.encode()
    found: dict[int, str] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            line = files.read_file(f"/proc/{pid}/cmdline").replace(b"\0", b" ")
            if not line or pid == os.getpid():
                continue
            if parent_of(pid) in found or mark in line or mark in files.read_file(f"/proc/{pid}/environ"):
                found[pid] = line.decode(errors="replace").strip()
    return found


def parent_of(pid: int) -> int:
    """Return the parent of a process, 0 when it has gone."""
    try:
        return int(files.read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def temporary_files(cluster: Cluster) -> list[str]:
    """Return half-written files, of all nodes."""
    found = []
    for node in cluster.nodes:
        for directory, _, names in os.walk(cluster.paths(node).data_dir):
            found += [os.path.join(directory, name) for name in names if name.startswith(".new-")]
    return found
