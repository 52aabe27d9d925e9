"""The certificate of the node daemon."""

from __future__ import annotations

import pathlib

import pytest

from ganeti import errors
from ganeti.noded.server import tls_context


def test_a_node_of_no_cluster_is_told_how_to_become_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.X509CertError, match=r"not there: this node is part of no cluster.*gnt-node add"):
        tls_context(f"{tmp_path}/server.pem")


def test_a_file_that_is_no_certificate_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "server.pem").write_text("nonsense")

    with pytest.raises(errors.X509CertError, match=r"server\.pem: cannot be used"):
        tls_context(f"{tmp_path}/server.pem")
