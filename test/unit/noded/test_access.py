from __future__ import annotations

import os
import pathlib

import pytest

from ganeti import errors
from ganeti.noded.access import Access, parse_candidates
from ganeti.paths import Paths
from ganeti.utils import x509
from test.support import node_daemon

CLUSTER = "6c7c2f5e-3c5f-4f0a-9a66-1a2b3c4d5e6f"


@pytest.fixture
def paths(tmp_path: pathlib.Path) -> Paths:
    return node_daemon.make_node(str(tmp_path))


def write(path: str, text: str) -> None:
    with open(f"{path}.new", "w", errors="surrogateescape") as file:
        file.write(text)
    os.rename(f"{path}.new", path)


def test_candidates_are_the_digests_of_the_file() -> None:
    assert parse_candidates(["uuid1=AB:CD", "uuid2=ef:01", "", "uuid3="]) == {"AB:CD", "EF:01"}


def test_f33_while_certificates_are_changed_the_old_and_the_new_one_are_obeyed() -> None:
    assert parse_candidates(["uuid1=AB:CD,12:34", "uuid2=EF:01"]) == {"AB:CD", "12:34", "EF:01"}


def test_node_without_candidates_takes_the_cluster_certificate(paths: Paths) -> None:
    access = Access(paths, paths.server_cert)

    access.check(x509.cert_digest(node_daemon.cluster_certificate(1)), "")
    with pytest.raises(errors.RemoteError, match="not a master candidate"):
        access.check(x509.cert_digest(node_daemon.client_certificate(1, 1)), "")


@pytest.mark.parametrize("key", ["master_candidates_certs", "cluster_uuid"])
def test_node_whose_files_are_damaged_refuses_and_names_the_file(paths: Paths, key: str) -> None:
    access = Access(paths, paths.server_cert)
    write(paths.ssconf_file("master_candidates_certs"), "node1=AA:BB\n")
    access.check("AA:BB", "")

    write(paths.ssconf_file(key), "\udcff")

    for _ in range(2):
        with pytest.raises(errors.RemoteError, match=f"cannot serve this client: cannot read .*{key}: .*0xff"):
            access.check("AA:BB", "")


def test_demoted_candidate_is_refused_at_once(paths: Paths) -> None:
    access = Access(paths, paths.server_cert)
    file = paths.ssconf_file("master_candidates_certs")
    write(file, "node1=AA:BB\nnode2=CC:DD\n")
    access.check("CC:DD", "")

    write(file, "node1=AA:BB\n")

    with pytest.raises(errors.RemoteError, match="CC:DD is not a master candidate's"):
        access.check("CC:DD", "")
    access.check("AA:BB", "")


def test_cluster_certificate_alone_is_not_enough_once_candidates_are_known(paths: Paths) -> None:
    access = Access(paths, paths.server_cert)
    write(paths.ssconf_file("master_candidates_certs"), "node1=AA:BB\n")

    with pytest.raises(errors.RemoteError):
        access.check(x509.cert_digest(node_daemon.cluster_certificate(1)), "")


@pytest.mark.parametrize("given", ["", "00000000-0000-0000-0000-000000000000"])
def test_call_for_another_cluster_is_refused(paths: Paths, given: str) -> None:
    write(paths.ssconf_file("master_candidates_certs"), "node1=AA:BB\n")
    write(paths.ssconf_file("cluster_uuid"), f"{CLUSTER}\n")
    access = Access(paths, paths.server_cert)

    access.check("AA:BB", CLUSTER)
    with pytest.raises(errors.RemoteError, match=f"this node belongs to cluster {CLUSTER}"):
        access.check("AA:BB", given)


def test_node_of_no_cluster_yet_takes_any_uuid(paths: Paths) -> None:
    write(paths.ssconf_file("master_candidates_certs"), "node1=AA:BB\n")

    Access(paths, paths.server_cert).check("AA:BB", CLUSTER)
