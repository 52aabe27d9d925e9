"""Checks of a node for cluster verification."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator

import pytest

from ganeti import errors
from ganeti.model import versions
from ganeti.noded.backend.instance import Instances
from ganeti.noded.backend.verify import CHECKS, Verification
from ganeti.noded.backend.verify_files import certificate_expiry, client_certificate, unfinished_renewal
from ganeti.utils import files, json, x509
from test.support.cluster_dir import make_cluster_dir
from test.support.node import VirtualNode, make_instance, make_node, write_script

DAY = 86400.0


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return x509.create_self_signed("node1.example.com", 20)


@pytest.fixture
def daemon() -> Iterator[int]:
    """A port on which the first node's daemon listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.1.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.fixture
def node(tmp_path: os.PathLike[str], daemon: int) -> VirtualNode:
    first, _ = make_cluster_dir(os.fspath(tmp_path), 2)
    return make_node(first, port=daemon)


def verify(node: VirtualNode, check: str, argument: object = None) -> object:
    found = Verification(node).node_verify({check: argument}, "cluster.example.com", {})[check]
    assert json.loads(json.dumps(found)) == found or check == "oslist"
    return found


def test_several_checks_are_answered_by_their_keys(node: VirtualNode) -> None:
    found = Verification(node).node_verify({"version": None, "time": None}, "cluster.example.com", {})

    assert found["version"] == [versions.PROTOCOL, "4.0.0"]
    assert found["time"] == [int(node.clock.time()), 0]


def test_unknown_check_is_refused_by_name(node: VirtualNode) -> None:
    with pytest.raises(errors.ParameterError, match=r"cannot verify node node1.*: unknown check phase-of-moon"):
        Verification(node).node_verify({"phase-of-moon": 1}, "cluster.example.com", {})


def test_check_that_cannot_be_made_answers_why_and_the_others_are_made(node: VirtualNode) -> None:
    found = Verification(node).node_verify({"hvinfo": "kvm", "version": None}, "cluster.example.com", {})

    assert "no driver for it" in str(found["hvinfo"])
    assert found["version"] == [versions.PROTOCOL, "4.0.0"]


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_argument_of_a_wrong_kind_is_never_fatal(node: VirtualNode, check: str) -> None:
    for argument in (None, 5, "x", [5], {"a": 1}, [["x"]]):
        assert Verification(node).node_verify({check: argument}, "cluster.example.com", {}).keys() == {check}


# --- files -------------------------------------------------------------------------------


def test_files_are_answered_by_their_virtual_path_with_their_checksum(node: VirtualNode) -> None:
    files.write_file(node.paths.hmac_key, "secret")
    present, missing = (node.paths.virtualize(path) for path in (node.paths.hmac_key, node.paths.rapi_users))

    found = verify(node, "filelist", [present, missing])

    assert found == {present: hashlib.sha1(b"secret").hexdigest()}


def test_missing_key_files_and_directories_are_named(node: VirtualNode) -> None:
    problems = verify(node, "nodesetup")

    assert isinstance(problems, list)
    assert f"file {node.paths.hmac_key}: no such file or directory" in problems


def test_node_that_is_set_up_has_no_problems(node: VirtualNode) -> None:
    paths = node.paths
    for path in (paths.server_cert, paths.client_cert, paths.rapi_cert, paths.hmac_key, paths.domain_secret):
        files.write_file(path, "x")

    assert verify(node, "nodesetup") == []


def test_client_certificate_is_answered_by_its_digest_or_its_problem(node: VirtualNode, certificate: bytes) -> None:
    files.write_file(node.paths.client_cert, certificate)
    expiry = x509.expiry(certificate).timestamp()

    assert client_certificate(node.paths, expiry - DAY) == (None, x509.cert_digest(certificate))
    level, text = client_certificate(node.paths, expiry + DAY)
    assert level == "ERROR" and "cannot be used" in text


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (31.0, None),
        (29.0, ("WARNING", "in 29 days")),
        (7.5, ("WARNING", "in 7 days")),
        (6.0, ("ERROR", "in 6 days")),
        (0.3, ("ERROR", "within a day, in 7 hours")),
        (-0.1, ("ERROR", "has expired, within the last day")),
        (-2.0, ("ERROR", "has expired, 2 days ago")),
    ],
)
def test_f32_certificate_that_expires_soon_is_named(
    node: VirtualNode, certificate: bytes, left: float, expected: tuple[str, str] | None
) -> None:
    files.write_file(node.paths.server_cert, certificate)

    found = certificate_expiry(node.paths, x509.expiry(certificate).timestamp() - left * DAY)

    if expected is None:
        assert found == []
    else:
        ((level, text),) = found
        assert level == expected[0]
        assert node.paths.server_cert in text and expected[1] in text
        assert "gnt-cluster renew-crypto --new-cluster-certificate" in text


def test_f33_keys_that_are_being_changed_are_told(node: VirtualNode, certificate: bytes) -> None:
    files.write_file(node.paths.server_cert, certificate)
    assert unfinished_renewal(node.paths) == []

    files.write_file(node.paths.hmac_key_old, "old")
    ((level, text),) = unfinished_renewal(node.paths)
    assert level == "WARNING" and "old keys are still accepted" in text

    files.write_file(node.paths.renewal_file, "{}")
    ((level, text),) = unfinished_renewal(node.paths)
    assert level == "WARNING" and "begun here and is not finished" in text


def test_missing_client_certificate_is_an_error_with_the_remedy(node: VirtualNode) -> None:
    level, text = client_certificate(node.paths, 0)

    assert level == "ERROR" and "gnt-cluster renew-crypto --new-node-certificates" in text


def test_scripts_that_cannot_run_are_named(node: VirtualNode) -> None:
    good = write_script(f"{node.paths.config_dir}/good", "#!/bin/sh\n")
    bad = write_script(f"{node.paths.config_dir}/bad", "#!/bin/sh\n", 0o644)
    paths = [node.paths.virtualize(good), node.paths.virtualize(bad), "/nowhere/script"]

    assert verify(node, "user-scripts", paths) == paths[1:]
    assert verify(node, "oob-paths", [good, bad]) == [None, f"{bad} is not executable"]


# --- hypervisor, systems, storage ------------------------------------------------------------


def test_hypervisors_are_answered_by_what_is_wrong_with_them(node: VirtualNode) -> None:
    found = verify(node, "hypervisor", ["fake", "kvm"])

    assert isinstance(found, dict)
    assert found["fake"] is None
    assert "no driver" in found["kvm"]


def test_parameters_that_cannot_work_are_listed_with_their_source(node: VirtualNode) -> None:
    specs = [["cluster", "fake", {"migration_mode": "live"}], ["instance web1", "fake", {"migration_mode": "x"}]]

    assert verify(node, "hvparms", specs) == [
        ["instance web1", "fake", "cannot use hypervisor parameter migration_mode: unknown mode 'x'"]
    ]


def test_running_instances_and_figures_are_answered(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(memory=96), False, ())

    assert verify(node, "instancelist", ["fake"]) == ["web1.example.com"]
    figures = verify(node, "hvinfo", "fake")
    assert isinstance(figures, dict) and figures["memory_free"] == 4000


def test_node_that_runs_no_instances_is_not_asked_about_them(node: VirtualNode) -> None:
    checks = {"instancelist": ["fake"], "hypervisor": ["fake"], "version": None, "nonvmnodes": [node.name]}

    assert Verification(node).node_verify(checks, "cluster.example.com", {}).keys() == {"version"}


def test_systems_are_answered_like_a_diagnosis(node: VirtualNode) -> None:
    found = verify(node, "oslist")

    assert isinstance(found, list)
    assert {"image", "noop"} <= {row["name"] for row in found}


def test_storage_paths_are_answered_by_their_problem(node: VirtualNode) -> None:
    assert verify(node, "file-storage-path", "/srv/ganeti/file-storage") is None
    assert verify(node, "shared-file-storage-path", "/srv/ganeti/shared-file-storage") == "no such directory"


def test_directories_that_must_not_be_allowed_are_named(node: VirtualNode) -> None:
    assert verify(node, "file-storage-paths") == []

    files.write_file(node.paths.file_storage_paths_file, "/srv/disks\n/etc\n", mode=0o644)
    assert verify(node, "file-storage-paths") == ["/etc"]
    assert verify(node, "bridges", []) == []


# --- network ---------------------------------------------------------------------------------


def test_node_whose_daemon_does_not_listen_is_named(node: VirtualNode) -> None:
    found = verify(node, "nodelist", ["node1.example.com", ["node2.example.com", "127.0.1.2"]])

    assert isinstance(found, dict)
    assert list(found) == ["node2.example.com"]
    assert f"at 127.0.1.2 port {node.port}: Connection refused" in found["node2.example.com"]


def test_name_that_does_not_resolve_is_a_problem_of_its_node(node: VirtualNode) -> None:
    found = verify(node, "nodelist", ["node9.invalid", "node1.example.com"])

    assert isinstance(found, dict)
    assert list(found) == ["node9.invalid"]
    assert "cannot resolve" in found["node9.invalid"]


def test_networks_are_tested_between_like_addresses(node: VirtualNode) -> None:
    nodes = [["node1.example.com", "127.0.1.1", "127.0.1.1"], ["node2.example.com", "127.0.1.2", "127.1.1.2"]]

    assert verify(node, "node-net-test", nodes) == {}


def test_address_that_is_nobodys_is_not_reached(node: VirtualNode) -> None:
    nodes = [["node1.example.com", "127.0.1.1", "127.0.1.1"], ["node2.example.com", "0.0.0.1", "0.0.0.2"]]

    found = verify(node, "node-net-test", nodes)

    assert found == {"node2.example.com": "cannot reach primary address 0.0.0.1 and secondary address 0.0.0.2"}


def test_node_that_is_not_in_the_list_says_so(node: VirtualNode) -> None:
    found = verify(node, "node-net-test", [])

    assert found == {"node1.example.com": "this node is not in the list of nodes to test"}


def test_master_ip_of_a_virtual_cluster_is_reached(node: VirtualNode) -> None:
    assert verify(node, "master-ip", ["node1.example.com", "127.0.0.100"]) is True
