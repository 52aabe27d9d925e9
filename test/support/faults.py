"""Ways to hurt a running cluster, and to set its hypervisor and scripts up for it."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.utils import files, json, process
from test.support import invariants
from test.support.admin import add_diskless, submitted
from test.support.cluster import Cluster
from test.support.polling import until


def inject(cluster: Cluster, node: str, *faults: dict[str, object]) -> None:
    """Have the hypervisor of a node be slow, or fail."""
    files.write_file(_faults_file(cluster, node), json.dumps(list(faults)), durable=False)


def slow_startup(cluster: Cluster) -> int:
    """Have an instance started on node2 that takes for ever to start; return the job once it is at that."""
    add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-instance", "shutdown", "--timeout=0", "instance1")
    inject(cluster, "node2", {"action": "slow", "operation": "start", "seconds": 300, "times": 1})
    job = submitted(cluster, "gnt-instance startup instance1")
    until(lambda: being_started(cluster, "node2"), "the instance is being started")
    return job


def being_started(cluster: Cluster, node: str) -> bool:
    """Tell whether the one slow start a node was told to make has begun."""
    return b"slow" not in files.read_file(_faults_file(cluster, node))


def _faults_file(cluster: Cluster, node: str) -> str:
    return os.path.join(cluster.paths(node).run_dir, "fake-hypervisor-faults.json")


def write_script(path: str, *body: str) -> str:
    """Write a shell script; return its path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write_file(path, "\n".join(["#!/bin/sh", *body, ""]), mode=0o755, durable=False)
    return path


def hook(cluster: Cluster, node: str, directory: str, name: str, *body: str) -> str:
    """Install a hook script on a node."""
    return write_script(os.path.join(cluster.paths(node).hooks_dir, directory, name), *body)


def define_os(cluster: Cluster, name: str, *create: str) -> None:
    """Install an OS definition whose create script is this."""
    base = os.path.join(cluster.directory, "os", name)
    for script in ("import", "export", "rename", "verify"):
        write_script(os.path.join(base, script), "exit 0")
    write_script(os.path.join(base, "create"), *create)
    for file, content in (("ganeti_api_version", "20\n"), ("variants.list", "default\n"), ("parameters.list", "")):
        files.write_file(os.path.join(base, file), content, mode=0o644, durable=False)


def remove_scripts(cluster: Cluster) -> None:
    """Remove all hooks and OS definitions that tests installed."""
    for node in cluster.nodes:
        shutil.rmtree(cluster.paths(node).hooks_dir, ignore_errors=True)
        os.makedirs(cluster.paths(node).hooks_dir)
    shutil.rmtree(os.path.join(cluster.directory, "os"), ignore_errors=True)


# --- jobs --------------------------------------------------------------------------------


def submit(client: Client, *ops: dict[str, Any]) -> int:
    """Submit a job; return its id."""
    return client.call(methods.submit_job, ops)


def delay(seconds: float, **more: Any) -> dict[str, Any]:
    """Return an opcode that waits on the master, and takes no lock unless told."""
    return {"OP_ID": "OP_TEST_DELAY", "duration": seconds, **more}


def add_tags(*tags: str) -> dict[str, Any]:
    """Return an opcode that changes nothing but the configuration."""
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "name": None, "tags": list(tags)}


def creation(name: str, node: str, template: str = "diskless") -> dict[str, Any]:
    """Return an opcode that creates an instance, as small as can be."""
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": name,
        "mode": "create",
        "os_type": "noop",
        "pnode": node,
        "disk_template": template,
        "disks": [] if template == "diskless" else [{"size": 1}],
        "nics": [],
        "beparams": {"minmem": 16, "maxmem": 16},
    }


def statuses(cluster: Cluster, jobs: Sequence[int]) -> list[str]:
    """Return the status of each job, "lost" for one that is not there."""
    with cluster.luxi() as client:
        rows = client.call(methods.query_jobs, list(jobs), ["status"])
    return ["lost" if row is None else row[0] for row in rows]


def all_final(cluster: Cluster, jobs: Sequence[int]) -> bool:
    """Tell whether all jobs have ended."""
    return set(statuses(cluster, jobs)) <= invariants.FINAL


# --- disks -------------------------------------------------------------------------------


def processes_on(cluster: Cluster, node: str) -> list[int]:
    """Return the daemons of a node, those that carry out calls among them: they hold its logs open."""
    below = cluster.paths(node).root + "/"
    found = []
    for pid in invariants.processes_of(cluster):
        with contextlib.suppress(OSError):
            names = [os.path.join(f"/proc/{pid}/fd", fd) for fd in os.listdir(f"/proc/{pid}/fd")]
            if any(os.readlink(name).startswith(below) for name in names):
                found.append(pid)
    return found


@contextmanager
def disk_takes_nothing(cluster: Cluster, node: str) -> Iterator[None]:
    """Have every write of the daemons of a node fail, and of what they start; what is there can be read.

    They are told that the file is too large: a refusal any user can cause on any file system.
    """
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes_on(cluster, node)}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, limit in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def small_disk(cluster: Cluster, node: str, size: str = "4m") -> Iterator[str]:
    """Have configuration and queue of a node, whose daemons are down, on a small file system; yields its place.

    Skips the test where nobody may mount one.
    """
    directory = cluster.paths(node).data_dir
    aside = f"{directory}.aside"
    os.rename(directory, aside)
    os.mkdir(directory, 0o750)
    mounted = process.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=750", "ganeti-test", directory])
    try:
        if mounted.failed:
            pytest.skip(f"no file system can be mounted here: {mounted.output}")
        shutil.copytree(aside, directory, dirs_exist_ok=True, symlinks=True)
        yield directory
        shutil.rmtree(aside)
        shutil.copytree(directory, aside, symlinks=True)
    finally:
        if not mounted.failed:
            done = process.run(["umount", "-l", directory])  # a test that failed leaves daemons
            assert not done.failed, done.output
        os.rmdir(directory)
        os.rename(aside, directory)


def fill(directory: str) -> str:
    """Use up all that is free in a small file system; return the file that does."""
    path = os.path.join(directory, "ballast")
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for chunk in (b"x" * 65536, b"x" * 512, b"x"):
            with contextlib.suppress(OSError):
                while file.write(chunk) == len(chunk):
                    pass
    return path
