"""A running virtual cluster of real daemons, for tests of the whole.

    with running_cluster(tmp_path, nodes=3) as c:
        assert c.cmd("gnt-node", "list").exit_code == 0

Takes about two seconds.  Whatever a test did to it, leaving the block ends every
process of it, and complains about any that its own `stop-all` left.  Test modules get
one to share, which they leave as they found it, by naming the fixture `cluster3`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti import _autoconf
from ganeti.bootstrap import daemons
from ganeti.hypervisor.figures import NodeFigures
from ganeti.luxi.client import Client
from ganeti.paths import Paths
from ganeti.utils import files, process
from ganeti.utils.process import RunResult
from ganeti.vcluster import layout, setup
from test.support.polling import until

#: in the environment of every process of a cluster: its directory
MARK = "GANETI_TEST_CLUSTER"
#: that of `conftest.py`; a shared cluster may outlive the module that began it
_RUN_MARK = "GANETI_TEST_RUN"
TIMEOUT = 60.0

INIT_OPTIONS = (
    "--no-etc-hosts",
    "--no-ssh-init",
    "--master-netdev=lo",
    "--enabled-hypervisors=fake",
    "--enabled-disk-templates=diskless,file,sharedfile",
    "--ipolicy-bounds-specs=min:disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0"
    "/max:disk-size=1048576,cpu-count=8,disk-count=16,memory-size=32768,nic-count=8,spindle-use=12",
)


class Cluster:
    """A virtual cluster in a directory; nodes are named node1, node2..., or by their number."""

    def __init__(self, directory: str, nodes: int) -> None:
        self.directory = directory
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self._clients: list[Client] = []

    def paths(self, node: str | int = 1) -> Paths:
        """Return the paths of a node."""
        name = f"node{node}" if isinstance(node, int) else node
        return Paths(os.path.join(self.directory, name), name)

    @property
    def master(self) -> str:
        """Name of the master, as the first node knows it."""
        return files.read_text(self.paths(1).ssconf_file("master_node")).strip()

    def has_master(self) -> bool:
        """Tell whether there is a cluster yet."""
        return os.path.exists(self.paths(1).ssconf_file("master_node"))

    def cmd(self, *argv: str, node: str | int | None = None, timeout: float = TIMEOUT) -> RunResult:
        """Run a command on the master or on a node: `.exit_code`, `.stdout`, `.stderr`."""
        wrapper = os.path.join(self.directory, "cmd") if node is None else os.path.join(self.paths(node).root, "cmd")
        return self.run(wrapper, *argv, timeout=timeout)

    def ok(self, *argv: str, node: str | int | None = None, timeout: float = TIMEOUT) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.cmd(*argv, node=node, timeout=timeout)
        assert not done.failed, f"{' '.join(argv)}: {done.reason}\n{done.output}"
        return done.stdout

    def run(self, program: str, *argv: str, timeout: float = TIMEOUT) -> RunResult:
        """Run a program with the mark of this cluster; the name alone means one in its directory."""
        environ = {**{name: value for name, value in os.environ.items() if name != _RUN_MARK}, MARK: self.directory}
        path = os.path.join(self.directory, program)
        return process.run([path, *argv], env=environ, reset_env=True, timeout=timeout)

    def luxi(self, node: str | int | None = None) -> Client:
        """Return a new client of the master daemon; closed with the cluster at the latest."""
        client = Client(self.paths(self.master if node is None else node).master_socket)
        self._clients.append(client)
        return client

    def pid(self, daemon: str = daemons.MASTERD, node: str | int | None = None) -> int | None:
        """Return the process id of a daemon, None while it does not run."""
        return process.running_pid(self.paths(self.master if node is None else node).pid_file(daemon))

    def kill(self, daemon: str, node: str | int, number: int = signal.SIGKILL) -> None:
        """Send a daemon a signal; when it ends it, wait until another can be started in its place."""
        pid = self.pid(daemon, node)
        assert pid is not None, f"{daemon} of {node} does not run"
        os.kill(pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            # Its last thread may hold the lock of its pid file when the process counts as dead already.
            until(
                lambda: not process.is_alive(pid) and self.pid(daemon, node) != pid, f"{daemon} of {node} ends", TIMEOUT
            )

    def kill_master(self, number: int = signal.SIGKILL) -> None:
        """Send the master daemon a signal, as `kill` does."""
        self.kill(daemons.MASTERD, self.master, number)

    def start(self, daemon: str, node: str | int, *args: str) -> None:
        """Start a daemon unless it runs, and wait until it works."""
        util = os.path.join(_autoconf.PKGLIBDIR, "daemon-util")
        done = self.cmd(util, "check-and-start", daemon, *args, node=node)
        assert not done.failed, f"{daemon} of {node}: {done.output or done.reason}"

    def restart_master(self) -> None:
        """Start the master daemon, after ending the one that may still run."""
        if self.pid() is not None:
            self.kill_master(signal.SIGTERM)
        self.start(daemons.MASTERD, self.master)

    def processes(self) -> dict[int, str]:
        """Return all that runs for this cluster: pid -> command line."""
        mark = f"{MARK}={self.directory}".encode()
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
                    if mark in files.read_file(f"/proc/{name}/environ").split(b"\0"):
                        line = files.read_file(f"/proc/{name}/cmdline").replace(b"\0", b" ")
                        found[int(name)] = line.decode(errors="replace").strip()
        return found

    def close(self) -> None:
        """End every process; fail if one was left by stopping the cluster as its users do."""
        for client in self._clients:
            client.close()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        stopped = self.run("stop-all", "-q")
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"stop-all left {left}: {stopped.output}"


@contextmanager
def virtual_nodes(
    base: str | os.PathLike[str], nodes: int, instances: int = 50, memory: int = 4096, prefix: str | None = None
) -> Iterator[Cluster]:
    """Make the directory of a virtual cluster, in which nothing runs yet; end whatever a test starts in it.

    Addresses are free ones of 127/8, unless they are to begin with a `prefix`.
    """
    directory = os.path.join(os.path.abspath(base), "cluster")
    files.ensure_dir(directory, 0o755)
    plan = layout.make_layout(nodes=nodes, instances=instances, prefix=prefix, directory=directory)
    figures = NodeFigures(memory_total=memory, memory_dom0=0, cpu_total=4, disk_total=102400)
    plan = plan if prefix else setup.choose_free_base(plan, directory)
    setup.set_up(directory, plan, figures, lambda line: None)
    cluster = Cluster(directory, nodes)
    try:
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(directory)


@contextmanager
def running_cluster(base: str | os.PathLike[str], nodes: int = 3, instances: int = 50) -> Iterator[Cluster]:
    """Make, start and initialise a cluster below a directory, with all nodes added."""
    with virtual_nodes(base, nodes, instances) as cluster:
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        cluster.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
        for name in cluster.nodes[1:]:
            cluster.ok("gnt-node", "add", name)
        yield cluster
