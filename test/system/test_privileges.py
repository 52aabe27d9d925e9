"""Daemons under users of their own: an installed package on a machine that is nothing but namespaces."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ganeti.utils import files, process
from test.support.polling import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PREFIX = "gntt-"
NAMESPACES = ("--mount", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
ADDRESS, CLUSTER_ADDRESS = "192.0.2.1", "192.0.2.200"
MACHINE = f"""
set -e
hostname node1.example.com
ip link set lo up
ip link add eth0 type veth peer name cable
ip address add {ADDRESS}/24 dev eth0
ip link set eth0 up
ip link set cable up
cp -a /etc "$1/own-etc"
cat >"$1/own-etc/hosts" <<END
127.0.0.1 localhost
{ADDRESS} node1.example.com node1
{CLUSTER_ADDRESS} cluster.example.com
END
mount --bind "$1/own-etc" /etc
touch "$1/ready"
exec sleep infinity
"""


def _has_namespaces() -> bool:
    if os.geteuid() != 0 or not all(shutil.which(name) for name in ("unshare", "nsenter", "ip", "setpriv", "useradd")):
        return False
    test = "ip link add eth0 type veth peer name cable && mount --bind /tmp /tmp"
    return not process.run(["unshare", *NAMESPACES, "sh", "-c", test], timeout=30).failed


pytestmark = [
    pytest.mark.skipif(not _has_namespaces(), reason="root and namespaces are needed to have users for a test alone"),
    pytest.mark.timeout(300),
]


class Machine(NamedTuple):
    """A machine: a process whose namespaces it is, and where the package is installed on it."""

    pid: int
    base: str

    def run(self, *argv: str, user: str = "") -> process.RunResult:
        """Run a program on the machine, as root or another user."""
        program = shutil.which(argv[0], path=":".join(self.path)) or argv[0]
        enter = ["nsenter", "-t", str(self.pid), "-m", "-u", "-n", "-p", "--"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
        return process.run([*enter, *become, program, *argv[1:]], cwd="/", timeout=120)

    def ok(self, *argv: str, user: str = "") -> str:
        """Run a program that must succeed; return what it said."""
        done = self.run(*argv, user=user)
        assert not done.failed, f"{' '.join(argv)}: {done.reason}\n{done.output}"
        return done.stdout

    @property
    def path(self) -> tuple[str, ...]:
        package = f"{self.base}/usr/lib/ganeti"
        return f"{self.base}/usr/sbin", package, f"{package}/tools", "/usr/sbin", "/usr/bin", "/sbin", "/bin"

    def owner(self, path: str) -> str:
        """Return user, group and mode of a file below /var of the package."""
        return self.ok("stat", "-c", "%U:%G %a", f"{self.base}/var/{path}").strip()


@pytest.fixture(scope="module")
def installed() -> Iterator[str]:
    """A directory everybody may enter, with the package installed for daemons with users of their own."""
    base = tempfile.mkdtemp(prefix="gnt-users-", dir="/tmp")
    os.chmod(base, 0o755)
    chosen = {
        "SRCDIR": ROOT, "BUILDDIR": f"{base}/build", "DESTDIR": "", "PYTHON": sys.executable, "VERSION": "4.0.0",
        "SBINDIR": f"{base}/usr/sbin", "BINDIR": f"{base}/usr/bin", "PKGLIBDIR": f"{base}/usr/lib/ganeti",
        "PKGDATADIR": f"{base}/usr/share/ganeti", "DOCDIR": f"{base}/usr/share/doc", "MANDIR": f"{base}/usr/share/man",
        "COMPLETIONDIR": f"{base}/usr/share/completion", "LOCALSTATEDIR": f"{base}/var", "SYSCONFDIR": f"{base}/etc",
        "OS_SEARCH_PATH": f"{base}/usr/share/ganeti/os", "EXTSTORAGE_SEARCH_PATH": f"{base}/ext",
        "IALLOCATOR_SEARCH_PATH": f"{base}/usr/lib/ganeti/iallocators", "EXPORT_DIR": f"{base}/export",
        "FILE_STORAGE_DIR": f"{base}/files", "SHARED_FILE_STORAGE_DIR": f"{base}/shared", "USER_PREFIX": PREFIX,
    }  # fmt: skip
    words = [f"{name}={value}" for name, value in chosen.items()]
    try:
        done = process.run([f"{ROOT}/autotools/install-tree", "install", *words], timeout=120)
        assert not done.failed, done.output
        yield base
    finally:
        shutil.rmtree(base)


@pytest.fixture(scope="module")
def machine(installed: str) -> Iterator[Machine]:
    """A machine with the users, that is a cluster of one node."""
    # All it runs ends with the process: its users never were those of this machine.
    with subprocess.Popen(["unshare", *NAMESPACES, "sh", "-c", MACHINE, "machine", installed]) as holder:
        try:
            until(lambda: os.path.exists(f"{installed}/ready"), "the machine is there")
            (inside,) = files.read_text(f"/proc/{holder.pid}/task/{holder.pid}/children").split()
            found = Machine(int(inside), installed)
            found.ok("users-setup", "--yes-do-it")
            found.ok(
                *("gnt-cluster", "init", "--no-ssh-init", "--no-etc-hosts", "--master-netdev=eth0"),
                *("--enabled-hypervisors=fake", "--enabled-disk-templates=diskless,file", "cluster.example.com"),
            )
            yield found
        finally:
            holder.kill()


def test_users_are_made_once(machine: Machine) -> None:
    assert machine.ok("users-setup") == ""
    members = machine.ok("id", "-nG", f"{PREFIX}masterd").split()
    assert {f"{PREFIX}{name}" for name in ("masterd", "confd", "daemons")} <= set(members)
    with open("/etc/passwd", encoding="utf-8") as file:
        assert PREFIX not in file.read()


def users_of_daemons(machine: Machine) -> dict[str, set[str]]:
    """Return which users the processes of each daemon run as, in all four places a user is noted."""
    found: dict[str, set[str]] = {}
    for line in machine.ok("ps", "-eww", "-o", "user:32=,ruser:32=,suser:32=,fuser:32=,args=").splitlines():
        *users, command = line.split(None, 4)
        daemon = re.search(r"/ganeti-(noded|masterd|rapi|confd)\b", command)
        if daemon:
            found.setdefault(daemon.group(1), set()).update(users)
    return found


SEPARATE = {
    "noded": {"root"},
    "masterd": {f"{PREFIX}masterd"},
    "rapi": {f"{PREFIX}rapi"},
    "confd": {f"{PREFIX}confd"},
}


def test_only_the_node_daemon_is_root(machine: Machine) -> None:
    assert users_of_daemons(machine) == SEPARATE


def test_the_cluster_works_and_is_clean(machine: Machine) -> None:
    small = ("-t", "file", "-s", "8m", "-B", "minmem=64,maxmem=64", "--no-nics", "--ignore-ipolicy")
    machine.ok("gnt-instance", "add", *small, "-o", "image+pattern", "-n", "node1.example.com", "instance1")
    machine.ok("gnt-cluster", "redist-conf")
    machine.ok("gnt-cluster", "verify")
    assert "serial" in machine.ok("confd-client")

    machine.ok("gnt-instance", "remove", "-f", "instance1")


def test_the_remote_api_knows_users_of_its_file_and_makes_changes(machine: Machine) -> None:
    users = f"{machine.base}/var/lib/ganeti/rapi/users"
    files.write_file(users, "jack secret write\n", mode=0o640)
    machine.ok("ensure-dirs")
    url = f"https://{ADDRESS}:5080/2"

    def status(*options: str) -> str:
        return machine.ok("curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", *options)

    until(lambda: status("-u", "jack:secret", "-X", "PUT", f"{url}/redistribute-config") == "200", "jack is known")
    assert status("-u", "jack:wrong", "-X", "PUT", f"{url}/redistribute-config") == "401"


def test_files_belong_to_those_the_specification_names_however_they_were_made(machine: Machine) -> None:
    machine.ok("gnt-debug", "delay", "0.01")
    machine.ok("gnt-job", "archive", machine.ok("gnt-job", "list", "--no-headers", "-o", "id").split()[-1])
    (job, *_) = machine.ok("gnt-job", "list", "--no-headers", "-o", "id").split()
    machine.ok("gnt-cluster", "watcher", "pause", "1h")
    machine.ok("gnt-cluster", "redist-conf")
    data, queue, log = "lib/ganeti", "lib/ganeti/queue", "log/ganeti"
    wanted = {
        data: "masterd:masterd 755",
        f"{data}/config.data": "masterd:confd 640",
        f"{data}/server.pem": "masterd:masterd 440",
        f"{data}/hmac.key": "confd:masterd 440",
        f"{data}/rapi.pem": "rapi:masterd 440",
        f"{data}/rapi/users": "rapi:masterd 640",
        f"{data}/watcher.pause": "masterd:masterd 644",
        f"{data}/ssconf_master_node": "root:root 444",
        queue: "masterd:daemons 750",
        f"{queue}/serial": "masterd:daemons 640",
        f"{queue}/job-{job}": "masterd:daemons 640",
        f"{queue}/archive/0": "masterd:daemons 750",
        "run/ganeti/socket": "masterd:daemons 770",
        "run/ganeti/socket/ganeti-master": "masterd:daemons 660",
        "run/ganeti/ganeti-confd.pid": "confd:confd 600",
        "run/ganeti/ganeti-rapi.pid": "rapi:rapi 600",
        f"{log}/rapi-daemon.log": "rapi:masterd 600",
    }

    found = {path: machine.owner(path).replace(PREFIX, "") for path in wanted}
    machine.ok("gnt-cluster", "watcher", "continue")

    assert found == wanted
    # A log is the daemon's alone: of which group it is does not matter.
    assert [path for path in machine.ok("ensure-dirs", "-v", "-f").splitlines() if not path.endswith(".log")] == []


def test_members_of_the_daemons_group_may_talk_to_the_master_and_others_not(machine: Machine) -> None:
    for name, groups in (("helper", f"{PREFIX}daemons"), ("stranger", "")):
        machine.ok("useradd", "--user-group", *(["--groups", groups] if groups else []), name)

    assert "node1.example.com" in machine.ok("gnt-node", "list", user="helper")
    assert machine.run("gnt-node", "list", user="stranger").failed
    for path in ("config.data", "server.pem", "hmac.key", "cluster-domain-secret", "rapi.pem"):
        assert machine.run("cat", f"{machine.base}/var/lib/ganeti/{path}", user="helper").failed


@pytest.mark.parametrize("daemon", ["masterd", "rapi", "confd"])
def test_the_watcher_starts_daemons_as_their_users_too(machine: Machine, daemon: str) -> None:
    pid = files.read_text(f"{machine.base}/var/run/ganeti/ganeti-{daemon}.pid").strip()
    machine.ok("kill", "-KILL", pid)

    machine.ok("ganeti-watcher")

    assert users_of_daemons(machine) == SEPARATE


def test_what_runs_as_root_by_mistake_leaves_nothing_that_keeps_a_daemon_from_starting(machine: Machine) -> None:
    machine.ok("daemon-util", "stop-all")
    for path in ("log/ganeti/master-daemon.log", "log/ganeti/conf-daemon.log", "lib/ganeti/config.data"):
        machine.ok("chown", "root:root", f"{machine.base}/var/{path}")

    machine.ok("daemon-util", "start-all")

    assert users_of_daemons(machine) == SEPARATE
    machine.ok("gnt-cluster", "verify")
