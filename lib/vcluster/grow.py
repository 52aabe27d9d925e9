"""Makes a cluster of virtual nodes and fills it, in one process instead of one per command.

Every step does what is missing: after an interruption it is simply repeated.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from ganeti import errors
from ganeti.bootstrap import daemons
from ganeti.bootstrap.init import InitOptions, init_cluster, key_files, ssconf_files
from ganeti.bootstrap.nodeadd import JoinOptions, prepare_nodes
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.enums import CreateMode, DiskTemplate, HypervisorName
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.cluster import OpClusterPostInit
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.opcodes.node import OpNodeAdd
from ganeti.model.scalars import JobId, NewInstanceName, NodeName, OsName
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files, text
from ganeti.vcluster.run import is_master
from ganeti.vcluster.setup import IMAGES_DIR, read_layout

#: nodes that are set up together, while the master adds those before them
NODE_BATCH = 25
#: jobs submitted in one call
JOB_BATCH = 500
#: jobs in the queue before some are waited for; it takes 5,000
UNDER_WAY = 2000
#: what is started on a virtual node is no load; what runs at the same time shares its writes and messages
RUNNING_JOBS = 100
#: seconds a question for changes of a job may be kept
PATIENCE = 60.0
#: seconds to wait for jobs somebody else began
SETTLE_LIMIT = 600.0

MEMORY = 128
DISK_SIZE = 64
IMAGE = "demo.img"
IMAGE_SIZE = 1024 * 1024

#: the smallest instances are wanted: no network, no disk
_IPOLICY = {
    "minmax": [
        {
            "min": {
                "disk-size": 0,
                "cpu-count": 1,
                "disk-count": 0,
                "memory-size": 1,
                "nic-count": 0,
                "spindle-use": 0,
            },
            "max": {
                "disk-size": 1048576,
                "cpu-count": 8,
                "disk-count": 16,
                "memory-size": 32768,
                "nic-count": 8,
                "spindle-use": 12,
            },
        }
    ]
}
_FINAL = frozenset({"success", "error", "canceled"})

Tell = Callable[[str], None]
#: called with how many are done
Tally = Callable[[int], None]


def master_of(directory: str) -> Paths:
    """Return the paths of the master, of the first node while there is no cluster."""
    nodes = [Paths(os.path.join(directory, name), name) for name in read_layout(directory).node_names()]
    return next((paths for paths in nodes if is_master(paths)), nodes[0])


def clear_half_made(directory: str) -> None:
    """Remove what is left of making a cluster that was killed: keys, but no configuration.

    Raises StateError when other nodes had joined: then the configuration is missing that was there.
    """
    paths = master_of(directory)
    leftover = [path for path in (*key_files(paths), *ssconf_files(paths)) if os.path.exists(path)]
    if os.path.exists(paths.config_file) or not leftover:
        return
    names = read_layout(directory).node_names()
    joined = [name for name in names if name != paths.hostname and os.path.exists(paths.for_node(name).server_cert)]
    if joined:
        raise errors.StateError(
            f"cannot start the cluster in {directory}: {paths.config_file} is gone, but {joined[0]} belongs to it;"
            " copy the file from a master candidate, or remove the cluster"
        )
    daemons.stop(paths, daemons.NODED)  # it may serve with these keys
    for path in leftover:
        files.remove_file(path)


def initialise(directory: str, tell: Tell, running_jobs: int | None = None) -> bool:
    """Make a cluster of the first node unless there is one; return whether it was made.

    `running_jobs` may run at a time, None for as many as in any cluster.

    Raises GenericError, OSError; then nothing is left of it.
    """
    paths = master_of(directory)
    if os.path.exists(paths.config_file):
        return False
    init_cluster(paths, _init_options(read_layout(directory).cluster_name, running_jobs), tell)
    with Client(paths.master_socket) as client:
        _finish(client, _submit(client, [[OpClusterPostInit()]]), lambda done: None)
    return True


def settle(directory: str) -> None:
    """Wait until no job is under way: one that adds a node may be left of an earlier run.

    Raises TimeoutError when that takes too long.
    """
    deadline = time.monotonic() + SETTLE_LIMIT
    with Client(master_of(directory).master_socket) as client:
        for row in client.call(methods.query_jobs, None, ["id", "status"]):
            if row and row[1] not in _FINAL:
                while _change(client, JobId(row[0]), None)[0] not in _FINAL:
                    if time.monotonic() > deadline:
                        raise errors.TimeoutError(f"job {row[0]} is still under way: see gnt-job info {row[0]}")


def add_nodes(directory: str, names: Sequence[str], tally: Tally) -> int:
    """Add those nodes that are not in the cluster; return how many were added.

    Raises the error of the first that could not be.
    """
    paths = master_of(directory)
    with Client(paths.master_socket) as client:
        known = _names(client, "node")
        missing = [name for name in names if name not in known]
        jobs: list[JobId] = []
        for batch in _batches(missing, NODE_BATCH):
            prepared = prepare_nodes(paths, [JoinOptions(node_name=name) for name in batch])
            jobs += _submit(client, [[OpNodeAdd(node_name=name, primary_ip=ip)] for name, ip in prepared])
        _finish(client, jobs, tally)
    return len(missing)


def add_instances(
    directory: str, count: int, tally: Tally, *, batch_size: int = JOB_BATCH, under_way: int = UNDER_WAY
) -> int:
    """Complete a number of instances, every other one with a disk that an image is written to.

    So many are submitted in one call, and so many are under way at a time.  Returns how
    many were added.  Raises the error of the first that could not be.
    """
    layout = read_layout(directory)
    with Client(master_of(directory).master_socket) as client:
        known = _names(client, "instance")
        nodes = text.natural_sort(_names(client, "node"))
        ops = [
            instance_op(layout.name(f"instance{number}"), nodes[(number - 1) % len(nodes)], with_disk=number % 2 == 0)
            for number in range(1, count + 1)
        ]
        missing = [[op] for op in ops if op.instance_name not in known]
        if missing:
            write_image(directory)
        jobs: list[JobId] = []
        done = 0
        for batch in _batches(missing, batch_size):
            jobs += _submit(client, batch)
            if len(jobs) - done >= under_way:
                _finish(client, jobs[done : done + batch_size], tally, done)
                done += batch_size
        _finish(client, jobs[done:], tally, done)
    return len(missing)


def instance_op(name: str, node: str, *, with_disk: bool) -> OpInstanceCreate:
    """Return the opcode that makes a small instance, without a disk or with a file that gets an image."""
    return OpInstanceCreate(
        instance_name=NewInstanceName(name),
        mode=CreateMode.CREATE,
        disk_template=DiskTemplate.FILE if with_disk else DiskTemplate.DISKLESS,
        disks=[{"size": DISK_SIZE}] if with_disk else [],
        nics=[],
        os_type=OsName("image+default" if with_disk else "noop"),
        osparams={"image": IMAGE} if with_disk else {},
        beparams={"memory": MEMORY, "vcpus": 1},
        pnode=NodeName(node),
    )


def write_image(directory: str) -> None:
    """Make the image the OS definition `image` installs."""
    path = os.path.join(directory, IMAGES_DIR, IMAGE)
    if not os.path.exists(path):
        files.ensure_dir(os.path.dirname(path), 0o755)
        line = b"This disk was written by the OS definition 'image'.\n"
        files.write_file(path, (line * (IMAGE_SIZE // len(line) + 1))[:IMAGE_SIZE], mode=0o644)


def node_memory(nodes: int, instances: int, least: int) -> int:
    """Return the memory each node needs, in MiB, to have room for so many instances and as many again."""
    return max(least, 2 * MEMORY * -(-instances // nodes))


def _init_options(cluster_name: str, running_jobs: int | None) -> InitOptions:
    return InitOptions(
        cluster_name=cluster_name,
        enabled_hypervisors=[HypervisorName.FAKE],
        enabled_disk_templates=[DiskTemplate.FILE, DiskTemplate.DISKLESS, DiskTemplate.SHAREDFILE],
        master_netdev="lo",
        master_netmask=None,
        secondary_ip=None,
        primary_ip_version=4,
        settings={
            "ipolicy": _IPOLICY,
            "modify_etc_hosts": False,
            "modify_ssh_setup": False,
            "default_iallocator": "most-free",
            "max_running_jobs": running_jobs,
            # asks for no bridge, which a virtual node could not have
            "nicparams": {"mode": "openvswitch"},
        },
    )


# --- the master daemon ----------------------------------------------------------------


def _names(client: Client, what: str) -> Collection[str]:
    rows = client.call(methods.query, what, ["name"], None)["data"]
    return {row[0][1] for row in rows}


def _submit(client: Client, jobs: Sequence[Sequence[OpCode]]) -> list[JobId]:
    """Submit jobs; return their ids.

    Raises OpExecError when one is refused.
    """
    ids: list[JobId] = []
    trail = (("gnt:client:quickstart", "", time.time_ns()),)
    wire = [[replace(op, reason=trail).to_wire() for op in ops] for ops in jobs]
    for taken, answer in client.call(methods.submit_many_jobs, wire):
        if not taken:
            raise errors.OpExecError(f"cannot submit a job: {answer}")
        ids.append(JobId(int(answer)))
    return ids


def _finish(client: Client, jobs: Sequence[JobId], tally: Tally, before: int = 0) -> None:
    """Wait for all jobs; so many were done `before`.

    Raises the error of the first that failed, saying how many did.
    """
    failed: list[tuple[JobId, errors.GenericError]] = []
    for done, job in enumerate(jobs, start=before + 1):
        seen = _change(client, job, None)
        while seen[0] not in _FINAL:
            seen = _change(client, job, seen)
        if seen[0] != "success":
            failed.append((job, _error_of(job, seen[1])))
        tally(done)
    if failed:
        job, error = failed[0]
        raise errors.OpExecError(f"{len(failed)} of {text.plural(len(jobs), 'job')} failed, first job {job}: {error}")


def _change(client: Client, job: JobId, seen: Sequence[Any] | None) -> Sequence[Any]:
    """Return status and results of a job, once they differ from those seen or some time has passed."""
    answer = client.call(methods.wait_for_job_change, job, ["status", "opresult"], seen, 0, PATIENCE)
    if answer is None:
        raise errors.JobLost(f"job {job} is gone")
    return (seen or ["", []]) if answer == "nochange" else list(answer[0])


def _error_of(job: JobId, results: Sequence[Any]) -> errors.GenericError:
    for result in results:
        error = errors.from_wire(result)
        if error is not None:
            return error
    return errors.OpExecError(f"see gnt-job info {job}")


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
