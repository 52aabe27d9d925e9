"""A machine is set up over a real SSH connection: `bootstrap.ssh` here, `tools/node-setup` behind a real sshd.

Virtual nodes are set up through their shared directory; here one of them stands for a
machine elsewhere, whose sshd the test starts as a plain process with keys of its own.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ganeti import errors
from ganeti.bootstrap import daemons, nodeadd, ssh
from ganeti.bootstrap.nodesetup import NodeSetup
from ganeti.model.scalars import NodeName
from ganeti.rpc.client import Address
from ganeti.utils import files, net
from test.support.admin import of_node
from test.support.cluster import INIT_OPTIONS, Cluster, virtual_nodes
from test.support.polling import until

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
NODE = NodeName("node2")

pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="there is no sshd: install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="nodes are set up as root, and sshd lets in nobody else then"),
]


class Machine(NamedTuple):
    """A machine that runs sshd, and how to get there."""

    cluster: Cluster
    directory: str
    address: str
    port: int

    @property
    def known_hosts(self) -> str:
        return os.path.join(self.directory, "known_hosts")

    def ssh(self, key: str = "admin") -> list[str]:
        """Return the ssh program with the options that stand for the admin's own configuration."""
        options = {
            "HostName": self.address,
            "HostKeyAlias": NODE,
            "IdentityFile": os.path.join(self.directory, key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
        }
        return ["ssh", "-F", "/dev/null", *(f"-o{name}={value}" for name, value in options.items())]

    def know(self, key: str = "host") -> None:
        """Make a host key the one that is known of the machine."""
        public = files.read_text(os.path.join(self.directory, f"{key}.pub")).split()
        files.write_file(self.known_hosts, f"{NODE} {public[0]} {public[1]}\n", durable=False)

    def set_up(self, setup: NodeSetup | None = None, *, key_check: bool = True, key: str = "admin") -> None:
        ssh.run_node_setup(NODE, setup or self.setup(), key_check, self.port, self.ssh(key))

    def setup(self, force_join: bool = False) -> NodeSetup:
        return nodeadd.setup_for(self.cluster.paths(1), NODE, force_join)

    def said(self) -> str:
        """Return what sshd has logged."""
        return files.read_text(os.path.join(self.directory, "log"))


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Iterator[Machine]:
    """A machine that is in no cluster, beside a cluster of one node."""
    assert SSHD is not None
    base = tmp_path / "ssh"
    base.mkdir()
    for name in ("host", "other", "admin", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / name)], check=True, timeout=30)
    shutil.copy(base / "admin.pub", base / "authorized_keys")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd separates its privileges there and nowhere else
    with virtual_nodes(tmp_path, 2) as cluster:
        assert not cluster.run("start-all", "-q").failed
        cluster.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
        address = net.look_up(NODE, cluster.paths(1)).ip
        port = net.free_port(address)
        environ = " ".join(f"{name}={value}" for name, value in cluster.paths(2).environ.items())
        config = [
            f"ListenAddress {address}:{port}",
            f"HostKey {base}/host",
            f"AuthorizedKeysFile {base}/authorized_keys",
            f"SetEnv {environ}",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "PidFile none",
            "LogLevel DEBUG1",
        ]
        (base / "config").write_text("\n".join(config) + "\n")
        with open(base / "log", "wb") as log:
            server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(base / "config")], stderr=log)
        try:
            until(lambda: "Server listening" in (base / "log").read_text(), "sshd listens")
            yield Machine(cluster, str(base), address, port)
        finally:
            server.terminate()
            server.wait(30)


def keys_of(machine: Machine) -> list[str]:
    paths = machine.cluster.paths(2)
    return [paths.server_cert, paths.client_cert, paths.rapi_cert, paths.hmac_key, paths.domain_secret]


def untouched(machine: Machine) -> bool:
    return not any(os.path.exists(path) for path in keys_of(machine))


def test_machine_gets_its_keys_and_becomes_a_node(machine: Machine) -> None:
    machine.know()

    machine.set_up()

    master, node = machine.cluster.paths(1), machine.cluster.paths(2)
    for path in keys_of(machine):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o337 == 0, path
    for mine, theirs in zip(
        keys_of(machine), [p.replace(node.root, master.root) for p in keys_of(machine)], strict=True
    ):
        assert (files.read_file(mine) == files.read_file(theirs)) == (mine != node.client_cert)
    nodeadd.wait_until_answers(master, Address(NODE, machine.address))
    machine.cluster.ok("gnt-node", "add", "--no-node-setup", NODE)
    assert of_node(machine.cluster, NODE, "role") == ["C"]
    machine.cluster.ok("gnt-cluster", "verify")


def test_set_up_may_be_repeated(machine: Machine) -> None:
    machine.know()
    machine.set_up()
    before = machine.cluster.pid(daemons.NODED, NODE)

    machine.set_up()

    nodeadd.wait_until_answers(machine.cluster.paths(1), Address(NODE, machine.address))
    assert machine.cluster.pid(daemons.NODED, NODE) != before  # it serves with the new keys
    machine.cluster.ok("gnt-node", "add", "--no-node-setup", NODE)


def test_keys_are_in_no_log_of_sshd(machine: Machine) -> None:
    machine.know()

    machine.set_up()

    said = machine.said()
    assert "Accepted publickey for root" in said and "PRIVATE KEY" not in said
    assert files.read_text(machine.cluster.paths(1).hmac_key).strip() not in said


def test_wrong_host_key_is_refused_with_and_without_check(machine: Machine) -> None:
    machine.know("other")

    for key_check in (True, False):
        with pytest.raises(
            errors.EnvironmentFailure, match="cannot set up node node2 over ssh: Host key verification"
        ) as e:
            machine.set_up(key_check=key_check)
        assert "compare the key" in str(e.value)

    assert untouched(machine)


def test_unknown_host_key_is_refused_unless_told_otherwise(machine: Machine) -> None:
    with pytest.raises(errors.EnvironmentFailure, match="Host key verification failed"):
        machine.set_up()
    assert untouched(machine) and not os.path.exists(machine.known_hosts)

    machine.set_up(key_check=False)

    assert not untouched(machine)
    assert files.read_text(os.path.join(machine.directory, "host.pub")).split()[1] in files.read_text(
        machine.known_hosts
    )


def test_admin_who_may_not_log_in_is_told(machine: Machine) -> None:
    machine.know()

    with pytest.raises(errors.EnvironmentFailure, match=r"Permission denied.*ssh root@node2 true.*without a password"):
        machine.set_up(key="stranger")

    assert untouched(machine)


def test_machine_without_sshd_is_told_in_seconds(machine: Machine) -> None:
    nowhere = machine._replace(port=net.free_port(machine.address))

    with pytest.raises(errors.EnvironmentFailure, match="Connection refused"):
        nowhere.set_up()


def test_machine_with_another_name_is_refused_by_itself(machine: Machine) -> None:
    machine.know()
    setup = nodeadd.setup_for(machine.cluster.paths(1), NodeName("node3"), False)

    with pytest.raises(errors.EnvironmentFailure, match="cannot set up node node3: this machine is node2"):
        machine.set_up(setup)

    assert untouched(machine)


def test_node_of_another_cluster_is_refused_by_itself_unless_forced(machine: Machine) -> None:
    machine.know()
    machine.set_up()
    paths = machine.cluster.paths(2)
    os.chmod(paths.ssconf_file("cluster_uuid"), 0o644)
    files.write_file(paths.ssconf_file("cluster_uuid"), "11111111-2222-4333-8444-555555555555\n", mode=0o444)
    before = files.read_file(paths.client_cert)

    with pytest.raises(errors.EnvironmentFailure, match="it belongs to cluster cluster; remove it there first"):
        machine.set_up()
    assert files.read_file(paths.client_cert) == before

    machine.set_up(machine.setup(force_join=True))
    nodeadd.wait_until_answers(machine.cluster.paths(1), Address(NODE, machine.address))


def test_program_that_is_not_installed_there_is_told(machine: Machine) -> None:
    machine.know()
    config = os.path.join(machine.directory, "authorized_keys")
    public = files.read_text(config)
    files.write_file(config, f'command="exec /nonexistent/node-setup" {public}', durable=False)

    with pytest.raises(errors.EnvironmentFailure, match="nonexistent"):
        machine.set_up()
