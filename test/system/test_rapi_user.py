"""The remote API gives up root: begun as root it serves as a user of its own, in a namespace where there is one."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files, process, x509
from test.support.polling import until
from test.support.remote import login

UID, GID, OTHER_GID, MASTER_GID = 63101, 63102, 63103, 63104
PREFIX = "gnt-of-a-test-"

PROGRAM = """\
import sys
from ganeti import _autoconf
_autoconf.LOCALSTATEDIR, _autoconf.USER_PREFIX = sys.argv[1:3]
from ganeti.rapi import daemon
sys.exit(daemon.main(["ganeti-rapi", *sys.argv[3:]]))
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be given up")


class Node:
    """What an unprivileged daemon finds on a node: directories by owner and mode, as installed."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.users = os.path.join(base, "lib/ganeti/rapi/users")
        self.key = os.path.join(base, "lib/ganeti/rapi.pem")
        self.log = os.path.join(base, "log/ganeti/rapi-daemon.log")
        self.pid_file = os.path.join(base, f"run/ganeti/{daemons.RAPI}.pid")
        number = int(hashlib.sha256(base.encode()).hexdigest()[:6], 16)
        self.address = f"127.{200 + number % 50}.{number // 50 % 250 + 1}.{number // 12500 % 250 + 1}"
        for path, mode, group in (
            ("", 0o755, 0),
            ("lib/ganeti", 0o755, 0),
            ("lib/ganeti/rapi", 0o750, GID),
            ("log/ganeti", 0o770, OTHER_GID),
            ("run/ganeti", 0o775, OTHER_GID),
        ):
            whole = os.path.join(base, path)
            os.makedirs(whole, exist_ok=True)
            os.chmod(whole, mode)
            os.chown(whole, UID if group == GID else 0, group)
        files.write_file(os.path.join(base, "lib/ganeti/ssconf_master_node"), f"{os.uname().nodename}\n", mode=0o444)
        files.write_file(self.key, x509.create_self_signed("test", 1, ca=False), mode=0o400)
        self.write_users("jack secret write\n")

    def write_users(self, text: str) -> None:
        files.write_file(self.users, text, mode=0o640, uid=UID, gid=GID)

    def start(self) -> None:
        """Start the daemon where the system knows its user."""
        known = {
            "/etc/passwd": f"{PREFIX}rapi:x:{UID}:{GID}::/:/bin/false\n",
            "/etc/group": f"{PREFIX}rapi:x:{GID}:\n{PREFIX}masterd:x:{MASTER_GID}:\n"
            f"{PREFIX}daemons:x:{OTHER_GID}:{PREFIX}rapi\n",
        }
        script = 'mount --bind "$1" /etc/passwd; mount --bind "$2" /etc/group; shift 2; exec "$@"'
        copies = []
        for path, line in known.items():
            copies.append(os.path.join(self.base, os.path.basename(path)))
            files.write_file(copies[-1], files.read_text(path) + line, mode=0o644)
        program = [sys.executable, "-c", PROGRAM, self.base, PREFIX, "-b", self.address]
        done = process.run(
            ["unshare", "-m", "sh", "-ec", script, "sh", *copies, *program],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=60,
        )
        assert not done.failed, done.output

    @property
    def pid(self) -> int | None:
        return process.running_pid(self.pid_file)

    def status(self) -> Mapping[str, list[str]]:
        """Return what the kernel says of the daemon."""
        lines = files.read_text(f"/proc/{self.pid}/status").splitlines()
        return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}

    def ask(self, path: str, user: str) -> int:
        connection = http.client.HTTPSConnection(self.address, 5080, timeout=60, context=_trusting())
        connection.request("GET", path, headers={"Authorization": login(user)})
        answer = connection.getresponse()
        json.loads(answer.read())
        connection.close()
        return answer.status


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def node() -> Iterator[Node]:
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("namespaces cannot be made here")
    found = Node(tempfile.mkdtemp(prefix="rapi-user-"))  # where others may look
    try:
        yield found
    finally:
        pid = found.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            until(lambda: not process.is_alive(pid), "the daemon ends")
        shutil.rmtree(found.base)


def test_begun_as_root_it_serves_as_its_own_user_and_cannot_go_back(node: Node) -> None:
    node.start()

    status = node.status()
    assert status["Uid"] == [str(UID)] * 4
    assert status["Gid"] == [str(GID)] * 4
    assert {int(group) for group in status["Groups"]} == {GID, OTHER_GID}
    assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0
    assert node.ask("/version", "jack") == 200
    assert os.stat(node.key).st_uid == 0  # read before: nobody else can


def test_as_its_own_user_it_follows_its_users_rotates_its_log_and_ends(node: Node) -> None:
    node.start()
    pid = node.pid
    assert pid is not None

    node.write_users("jill secret read\n")
    until(lambda: node.ask("/version", "jill") == 200, "the new user is let in")
    assert node.ask("/version", "jack") == 401

    os.rename(node.log, node.log + ".1")
    os.kill(pid, signal.SIGHUP)
    until(lambda: os.path.exists(node.log), "there is a new log")
    assert os.stat(node.log).st_uid == UID

    os.kill(pid, signal.SIGTERM)
    until(lambda: not process.is_alive(pid), "the daemon ends")
    assert not os.path.exists(node.pid_file)
    assert "Traceback" not in files.read_text(node.log) + files.read_text(node.log + ".1")
