"""Keys of a node: what may be written, what is refused, and when a new certificate is in use."""

from __future__ import annotations

import functools
import os

import pytest

from ganeti import errors
from ganeti.noded.backend.keys import Keys
from ganeti.utils import files, x509
from test.support.cluster_dir import make_cluster_dir
from test.support.node import VirtualNode, make_node


@functools.cache
def authority(number: int) -> bytes:
    return x509.create_self_signed(f"cluster{number}.example.com", 20)


@pytest.fixture
def node(tmp_path: os.PathLike[str]) -> VirtualNode:
    (first,) = make_cluster_dir(os.fspath(tmp_path), 1)
    node = make_node(first)
    files.write_file(node.paths.server_cert, authority(1), mode=0o440)
    return node


@pytest.fixture
def keys(node: VirtualNode) -> Keys:
    return Keys(node)


def test_file_that_is_replaced_keeps_its_mode(node: VirtualNode, keys: Keys) -> None:
    files.write_file(node.paths.hmac_key, "old", mode=0o440)

    keys.key_files_write([("hmac.key.old", "old"), ("hmac.key", "new")])

    assert files.read_text(node.paths.hmac_key) == "new"
    assert os.stat(node.paths.hmac_key).st_mode & 0o777 == 0o440
    assert os.stat(node.paths.hmac_key_old).st_mode & 0o777 == 0o440


def test_file_that_is_new_can_be_read_by_nobody_else_and_is_removed_again(node: VirtualNode, keys: Keys) -> None:
    keys.key_files_write([("hmac.key.new", "new")])
    assert os.stat(node.paths.hmac_key_new).st_mode & 0o777 == 0o400

    keys.key_files_write([("hmac.key.new", None), ("hmac.key.old", None)])
    assert not os.path.exists(node.paths.hmac_key_new)


@pytest.mark.parametrize("name", ["config.data", "../server.pem", "client.pem", "", "queue/serial"])
def test_only_key_files_are_written_and_none_if_one_is_not(node: VirtualNode, keys: Keys, name: str) -> None:
    with pytest.raises(errors.ParameterError, match="not a key file"):
        keys.key_files_write([("hmac.key", "new"), (name, "x")])

    assert not os.path.exists(node.paths.hmac_key)


def test_server_certificate_that_would_cut_off_the_others_is_refused(node: VirtualNode, keys: Keys) -> None:
    with pytest.raises(errors.X509CertError, match="trusts no certificate of the present one"):
        keys.key_files_write([("server.pem", authority(2).decode())])
    assert files.read_file(node.paths.server_cert) == authority(1)

    both = x509.with_trust(authority(2), authority(1))
    keys.key_files_write([("server.pem", both.decode())])
    keys.key_files_write([("server.pem", authority(2).decode())])
    assert files.read_file(node.paths.server_cert) == authority(2)


def test_server_certificate_with_another_key_is_refused(node: VirtualNode, keys: Keys) -> None:
    mixed = authority(2)[: authority(2).index(b"-----BEGIN CERT")] + x509.certificate_part(authority(1))

    with pytest.raises(errors.X509CertError, match="not the new certificate's"):
        keys.key_files_write([("server.pem", mixed.decode())])


def test_new_client_certificate_is_used_when_it_is_told_and_not_before(node: VirtualNode, keys: Keys) -> None:
    files.write_file(node.paths.client_cert, x509.create_signed(node.name, authority(1), 20, 5))
    ((_, before), (_, made)) = keys.node_crypto_tokens([("ssl", "get", {}), ("ssl", "create", {})])
    assert keys.node_crypto_tokens([("ssl", "get", {})]) == [("ssl", before)]

    for _ in range(2):
        keys.client_cert_activate(made)

    assert keys.node_crypto_tokens([("ssl", "get", {})]) == [("ssl", made)]
    with pytest.raises(errors.OpExecError, match="no such one"):
        keys.client_cert_activate(before)


def test_unknown_token_is_refused(keys: Keys) -> None:
    for request in (("ssh", "get", {}), ("ssl", "steal", {})):
        with pytest.raises(errors.ParameterError, match="not something this node does"):
            keys.node_crypto_tokens([request])
