"""What an administrator types at a running cluster, and what comes of it."""

from __future__ import annotations

import shlex
from typing import Any

from ganeti.luxi import methods
from ganeti.model.opcodes.instance import OpInstanceRemove
from ganeti.utils import json
from test.support.cluster import Cluster

SMALL = ("-B", "minmem=64,maxmem=64", "--no-nics")


def lines(cluster: Cluster, command: str) -> list[str]:
    """Run a command that must succeed; return the lines it printed."""
    return cluster.ok(*shlex.split(command)).splitlines()


def refused(cluster: Cluster, command: str, code: int = 1) -> str:
    """Run a command that must end with this code; return what it said on standard error."""
    done = cluster.cmd(*shlex.split(command))
    assert done.exit_code == code, f"{command}: ended with {done.exit_code}, said {done.output!r}"
    assert "Traceback" not in done.output, done.output
    return done.stderr


def add_diskless(cluster: Cluster, name: str, node: str = "node1", *more: str) -> str:
    """Create a small instance without disks, running; return its name."""
    cluster.ok("gnt-instance", "add", "-t", "diskless", "-o", "noop", "-n", node, *SMALL, *more, name)
    return name


def add_file(cluster: Cluster, name: str, node: str = "node1", *more: str) -> str:
    """Create a small instance with one disk in a file, running; return its name."""
    argv = ["-t", "file", "-s", "8m", "-o", "image+pattern", "-n", node, *SMALL, *more, name]
    cluster.ok("gnt-instance", "add", *argv)
    return name


def remove_all(cluster: Cluster) -> None:
    """Remove all instances there are."""
    with cluster.luxi() as client:
        answer = client.call(methods.query, "instance", ["name"], None)
        jobs = [client.call(methods.submit_job, [_removal(row[0][1]).to_wire()]) for row in answer["data"]]
    for job in jobs:
        cluster.ok("gnt-job", "wait", str(job))


def _removal(name: str) -> OpInstanceRemove:
    return OpInstanceRemove.from_wire({"instance_name": name, "shutdown_timeout": 0})


def of_instance(cluster: Cluster, name: str, *fields: str) -> list[str]:
    """Return fields of an instance as the list shows them."""
    line = cluster.ok("gnt-instance", "list", "--no-headers", "--separator=|", "-o", ",".join(fields), name)
    return line.rstrip("\n").split("|")


def of_node(cluster: Cluster, name: str, *fields: str) -> list[str]:
    """Return fields of a node as the list shows them."""
    line = cluster.ok("gnt-node", "list", "--no-headers", "--separator=|", "-o", ",".join(fields), name)
    return line.rstrip("\n").split("|")


def submitted(cluster: Cluster, command: str) -> int:
    """Run a command with --submit; return the id of its job."""
    program, action, *more = shlex.split(command)
    out = cluster.ok(program, action, "--submit", *more)
    assert out.startswith("JobID: "), out
    return int(out.removeprefix("JobID: "))


def job_status(cluster: Cluster, job_id: int) -> str:
    """Return where a job stands."""
    return cluster.ok("gnt-job", "list", "--no-headers", "-o", "status", str(job_id)).strip()


def listed(cluster: Cluster, command: str) -> Any:
    """Run a list with --format=json and return what it holds."""
    program, action, *more = shlex.split(command)
    return json.loads(cluster.ok(program, action, "--format=json", *more))
