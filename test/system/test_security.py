"""Keys, secrets and strangers on a running cluster: who may read what, and who is answered."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import ssl
import stat
from collections.abc import Iterator

import pytest

from ganeti import ssconf
from ganeti.bootstrap import daemons, keys
from ganeti.model.scalars import JobId, NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc import sync
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.result import NodeResult, Phase
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.utils import files, net, x509
from test.support import invariants
from test.support.admin import add_file, refused, remove_all, submitted
from test.support.cluster import Cluster

SECRET = "correct-horse-battery-staple"
PRIVATE = "only-for-the-scripts"


@pytest.fixture(scope="module", autouse=True)
def unharmed(cluster3: Cluster) -> Iterator[None]:
    """When all strangers have gone the cluster is as it should be."""
    yield
    invariants.check(cluster3)


# --- files ------------------------------------------------------------------------------


def every_file(cluster: Cluster) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file, directory and socket of all nodes."""
    for node in cluster.nodes:
        for base, directories, names in os.walk(cluster.paths(node).root):
            for name in [*directories, *names]:
                path = os.path.join(base, name)
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    yield path, os.lstat(path)


def test_nothing_can_be_changed_by_others(cluster3: Cluster) -> None:
    loose = [
        path
        for path, status in every_file(cluster3)
        if not stat.S_ISLNK(status.st_mode) and status.st_mode & stat.S_IWOTH
    ]

    assert loose == []


def test_what_holds_a_key_or_secret_is_read_by_its_owner_alone(cluster3: Cluster) -> None:
    paths = cluster3.paths(1)
    secrets = [b"PRIVATE KEY", *(files.read_file(path).strip() for path in (paths.hmac_key, paths.domain_secret))]
    holders = set()
    for path, status in every_file(cluster3):
        if stat.S_ISREG(status.st_mode) and status.st_size < 1_000_000:
            with contextlib.suppress(FileNotFoundError):
                if any(secret in files.read_file(path) for secret in secrets):
                    holders.add(os.path.basename(path))
                    assert status.st_mode & 0o077 == 0, f"{path} has mode {status.st_mode:o}"

    assert holders == {"server.pem", "client.pem", "rapi.pem", "hmac.key", "cluster-domain-secret"}


def test_modes_are_those_that_are_promised(cluster3: Cluster) -> None:
    job = JobId(submitted(cluster3, "gnt-debug delay 0.01"))
    paths = cluster3.paths(1)
    wanted = {
        paths.master_socket: 0o660,
        paths.query_socket: 0o660,
        paths.config_file: 0o640,
        paths.log_file(daemons.MASTERD): 0o600,
        paths.log_file(daemons.NODED): 0o600,
        paths.job_file(job): 0o640,
        paths.queue_dir: 0o750,
        paths.log_dir: 0o770,
    }

    assert {path: oct(stat.S_IMODE(os.stat(path).st_mode)) for path in wanted} == {
        path: oct(mode) for path, mode in wanted.items()
    }
    for node in cluster3.nodes[1:]:
        copy = os.stat(cluster3.paths(node).config_file)
        assert copy.st_mode & 0o007 == 0


def test_keys_are_not_the_same_twice(cluster3: Cluster) -> None:
    clients = {files.read_file(cluster3.paths(node).client_cert) for node in cluster3.nodes}
    servers = {files.read_file(cluster3.paths(node).server_cert) for node in cluster3.nodes}

    assert len(clients) == 3 and len(servers) == 1
    assert files.read_file(cluster3.paths(1).hmac_key) != files.read_file(cluster3.paths(1).domain_secret)


def test_keys_are_on_no_command_line_and_in_no_environment(cluster3: Cluster) -> None:
    secret = files.read_file(cluster3.paths(1).hmac_key).strip()

    for pid in cluster3.processes():
        with contextlib.suppress(OSError):
            for name in ("cmdline", "environ"):
                content = files.read_file(f"/proc/{pid}/{name}")
                assert secret not in content and b"PRIVATE KEY" not in content


# --- secrets of instances -----------------------------------------------------------------


@pytest.fixture
def with_secret_os(cluster3: Cluster) -> Iterator[str]:
    """An OS definition that takes a password."""
    base = os.path.join(cluster3.directory, "os", "vault")
    os.makedirs(base)
    for script in ("import", "export", "rename", "verify"):
        files.write_file(os.path.join(base, script), "#!/bin/sh\nexit 0\n", mode=0o755, durable=False)
    told = os.path.join(cluster3.directory, "told")
    body = f'#!/bin/sh\nprintf "%s %s" "$OSP_PASSWORD" "$OSP_TOKEN" > {told}\n'
    files.write_file(os.path.join(base, "create"), body, mode=0o755, durable=False)
    for name, content in (
        ("ganeti_api_version", "20\n"),
        ("variants.list", "default\n"),
        ("parameters.list", "password of root\ntoken for the mirror\n"),
    ):
        files.write_file(os.path.join(base, name), content, mode=0o644, durable=False)
    yield told
    remove_all(cluster3)
    for name in os.listdir(base):
        os.remove(os.path.join(base, name))
    os.rmdir(base)
    os.rmdir(os.path.dirname(base))
    with contextlib.suppress(FileNotFoundError):
        os.remove(told)


def holders_of(cluster: Cluster, text: str) -> set[str]:
    """Return which files of all nodes hold a text."""
    found = set()
    for path, status in every_file(cluster):
        if stat.S_ISREG(status.st_mode) and status.st_size < 10_000_000:
            with contextlib.suppress(FileNotFoundError):
                if text.encode() in files.read_file(path):
                    found.add(path)
    return found


def test_secret_parameters_reach_the_script_and_stay_nowhere(cluster3: Cluster, with_secret_os: str) -> None:
    given = ("--os-parameters-secret", f"password={SECRET}", "--os-parameters-private", f"token={PRIVATE}")
    argv = ["-t", "file", "-s", "1m", "-o", "vault", "--no-nics", "-B", "memory=64", "-n", "node2", *given, "instance1"]

    cluster3.ok("gnt-instance", "add", *argv)

    assert files.read_text(with_secret_os) == f"{SECRET} {PRIVATE}"
    assert holders_of(cluster3, SECRET) == set()
    # Private ones are kept, with the instance: in the configuration alone.
    assert {os.path.basename(path) for path in holders_of(cluster3, PRIVATE)} == {"config.data"}
    for command in (("gnt-instance", "info", "instance1"), ("gnt-job", "list", "-o", "ops,opresult,oplog")):
        told = cluster3.ok(*command)
        assert SECRET not in told and PRIVATE not in told


def test_secret_parameters_of_a_failed_job_stay_nowhere(cluster3: Cluster, with_secret_os: str) -> None:
    argv = [
        "gnt-instance",
        "add",
        "-t",
        "file",
        "-s",
        "1m",
        "-o",
        "vault",
        "--no-nics",
        "-n",
        "node2",
        "-B",
        "memory=99g",
    ]

    done = cluster3.cmd(*argv, "--os-parameters-secret", f"password={SECRET}", "instance1")

    assert done.exit_code == 1 and SECRET not in done.output
    assert holders_of(cluster3, SECRET) == set()


# --- strangers ----------------------------------------------------------------------------


def call(cluster: Cluster, node: str, credentials: CredentialFiles, uuid: str) -> NodeResult[object]:
    """Ask a node for its version, as whoever has these credentials."""
    address = net.look_up(node, cluster.paths(1)).ip
    return sync.call_sync(NodeName(node), address, credentials, uuid, p.version)


def uuid_of(cluster: Cluster) -> str:
    return ssconf.read_ssconf(cluster.paths(1), "cluster_uuid")


def test_master_is_answered(cluster3: Cluster) -> None:
    own = CredentialFiles(cluster3.paths(1).server_cert, cluster3.paths(1).client_cert)

    assert call(cluster3, "node2", own, uuid_of(cluster3)).ok


def test_f50_holder_of_a_foreign_certificate_is_refused(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    authority = x509.create_self_signed("ganeti.example.com", 10)
    files.write_file(str(tmp_path / "server.pem"), authority)
    files.write_file(str(tmp_path / "client.pem"), keys.new_client_certificate(authority, "node1"))
    # It trusts the cluster's certificate, so that the refusal is the node's.
    foreign = CredentialFiles(cluster3.paths(1).server_cert, str(tmp_path / "client.pem"))

    answer = call(cluster3, "node2", foreign, uuid_of(cluster3))

    assert answer.failure is not None and answer.failure.phase in (Phase.REFUSED, Phase.UNREACHABLE), answer


def test_f50_node_that_shows_a_foreign_certificate_is_not_talked_to(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    foreign = x509.create_self_signed("ganeti.example.com", 10)
    files.write_file(str(tmp_path / "server.pem"), foreign)
    wrong = CredentialFiles(str(tmp_path / "server.pem"), cluster3.paths(1).client_cert)

    answer = call(cluster3, "node2", wrong, uuid_of(cluster3))

    assert answer.failure is not None and answer.failure.phase in (Phase.REFUSED, Phase.UNREACHABLE), answer


def test_f50_certificate_that_is_no_candidates_is_refused(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    authority = files.read_file(cluster3.paths(1).server_cert)
    files.write_file(str(tmp_path / "client.pem"), keys.new_client_certificate(authority, "node2"))
    other = CredentialFiles(cluster3.paths(1).server_cert, str(tmp_path / "client.pem"))

    answer = call(cluster3, "node2", other, uuid_of(cluster3))

    assert answer.failure is not None and "is not a master candidate's" in str(answer.failure)


def test_demoted_candidate_is_refused_until_it_is_one_again(cluster3: Cluster) -> None:
    own = CredentialFiles(cluster3.paths(3).server_cert, cluster3.paths(3).client_cert)
    assert call(cluster3, "node2", own, uuid_of(cluster3)).ok
    cluster3.ok("gnt-node", "modify", "-D", "yes", "node3")

    answer = call(cluster3, "node2", own, uuid_of(cluster3))

    cluster3.ok("gnt-node", "modify", "-D", "no", "node3")
    assert answer.failure is not None and "is not a master candidate's" in str(answer.failure)
    assert call(cluster3, "node2", own, uuid_of(cluster3)).ok


@pytest.mark.parametrize("uuid", ["11111111-2222-4333-8444-555555555555", ""])
def test_f50_call_for_another_cluster_is_refused(cluster3: Cluster, uuid: str) -> None:
    own = CredentialFiles(cluster3.paths(1).server_cert, cluster3.paths(1).client_cert)

    answer = call(cluster3, "node2", own, uuid)

    assert answer.failure is not None and "this node belongs to cluster" in str(answer.failure)


def test_client_without_certificate_is_hung_up_on(cluster3: Cluster) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cluster3.paths(1).server_cert)
    address = net.look_up("node2", cluster3.paths(1)).ip

    with socket.create_connection((address, DEFAULT_PORT), 20) as plain:
        answer = b""
        with contextlib.suppress(OSError), context.wrap_socket(plain) as wrapped:
            wrapped.sendall(b"POST /version HTTP/1.1\r\nHost: node2\r\nContent-Length: 2\r\n\r\n[]")
            answer = wrapped.recv(1000)

    assert b"200" not in answer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(cluster3: Cluster, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(cluster3.paths(1).client_cert)
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    address = net.look_up("node2", cluster3.paths(1)).ip

    with socket.create_connection((address, DEFAULT_PORT), 20) as plain, pytest.raises(OSError):
        context.wrap_socket(plain)


def test_plain_text_is_not_answered(cluster3: Cluster) -> None:
    address = net.look_up("node2", cluster3.paths(1)).ip

    with socket.create_connection((address, DEFAULT_PORT), 20) as plain:
        plain.sendall(b"POST /version HTTP/1.1\r\nHost: node2\r\nContent-Length: 2\r\n\r\n[]")
        answer = b""
        with contextlib.suppress(OSError):
            answer = plain.recv(1000)

    assert b"200" not in answer and b"HTTP" not in answer


def test_file_disk_of_an_instance_is_read_by_its_owner_alone(cluster3: Cluster) -> None:
    add_file(cluster3, "instance1", "node2")
    info = cluster3.ok("gnt-instance", "info", "instance1")
    disk = next(line.split()[-1] for line in info.splitlines() if "on primary" in line)

    status = os.stat(disk)
    remove_all(cluster3)

    assert status.st_mode & 0o077 == 0


def test_paths_in_requests_do_not_lead_out_of_the_storage(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    for directory in ("../../etc", "/etc", f"{tmp_path}"):
        argv = f"gnt-instance add -t file --file-storage-dir={directory} -s 1m -o noop --no-nics -n node2 -B memory=64"
        told = refused(cluster3, f"{argv} instance1")
        assert "file_storage_dir: expected a plain path below" in told

    assert os.listdir(tmp_path) == []
