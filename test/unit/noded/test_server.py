"""The certificate of the node daemon."""

from __future__ import annotations

import pathlib

import pytest

from ganeti import errors
from ganeti.noded.server import tls_context, warm_up_tls


def test_a_node_of_no_cluster_is_told_how_to_become_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.X509CertError, match=r"not there: this node is part of no cluster.*gnt-node add"):
        tls_context(f"{tmp_path}/server.pem")


def test_a_file_that_is_no_certificate_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "server.pem").write_text("nonsense")

    with pytest.raises(errors.X509CertError, match=r"server\.pem: cannot be used"):
        tls_context(f"{tmp_path}/server.pem")


def test_a_handshake_with_oneself_leaves_no_key_behind(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    warm_up_tls()

    assert list(tmp_path.iterdir()) == []
