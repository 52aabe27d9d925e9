"""gnt-cluster renew-crypto: what its options ask for."""

from __future__ import annotations

import functools
import os
import pathlib

import pytest

from ganeti import errors
from ganeti.bootstrap.renew import Wanted
from ganeti.cli.cluster.renew import wanted_of
from ganeti.cli.failures import UsageError
from ganeti.cli.gnt_cluster import PROGRAM
from ganeti.cli.parse import parse
from ganeti.utils import x509

COMMAND = next(command for command in PROGRAM.commands if command.name == "renew-crypto")


@functools.cache
def pem(number: int) -> bytes:
    return x509.create_self_signed(f"rapi{number}.example.com", 20)


def wanted(*argv: str) -> Wanted:
    return wanted_of(parse(COMMAND, argv).options)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "good.pem").write_bytes(pem(1))
    (tmp_path / "certificate.pem").write_bytes(x509.certificate_part(pem(1)))
    key = pem(2)[: pem(2).index(b"-----BEGIN CERT")]
    (tmp_path / "mixed.pem").write_bytes(key + x509.certificate_part(pem(1)))
    (tmp_path / "secret").write_text("a secret\n")
    (tmp_path / "empty").write_text("\n")
    return tmp_path


def test_no_option_asks_for_nothing() -> None:
    assert wanted().is_nothing


def test_each_new_one_is_made() -> None:
    assert wanted(
        *("--new-cluster-certificate", "--new-rapi-certificate", "--new-confd-hmac-key", "--new-node-certificates"),
        *("--new-cluster-domain-secret", "--new-spice-certificate"),
    ) == Wanted(server=True, hmac=True, nodes=True, rapi="", domain="", spice=("", ""))


def test_given_ones_are_read(folder: pathlib.Path) -> None:
    found = wanted(
        *("--rapi-certificate", f"{folder}/good.pem", "--cluster-domain-secret", f"{folder}/secret"),
        *("--spice-certificate", f"{folder}/good.pem", "--spice-ca-certificate", f"{folder}/certificate.pem"),
    )

    certificate = x509.certificate_part(pem(1)).decode()
    assert found == Wanted(rapi=pem(1).decode(), domain="a secret\n", spice=(pem(1).decode(), certificate))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--new-rapi-certificate", "--rapi-certificate", "x"], "exclude each other"),
        (["--new-cluster-domain-secret", "--cluster-domain-secret", "x"], "exclude each other"),
        (["--new-spice-certificate", "--spice-certificate", "x"], "exclude each other"),
        (["--spice-certificate", "good.pem"], "give both"),
        (["--spice-ca-certificate", "good.pem"], "give both"),
        (["--rapi-certificate", "nothing.pem"], "cannot read nothing.pem: No such file"),
        (["--cluster-domain-secret", "empty"], "empty is empty"),
    ],
)
def test_what_makes_no_sense_is_refused(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], words: str
) -> None:
    monkeypatch.chdir(folder)

    with pytest.raises(UsageError, match=words):
        wanted(*argv)


@pytest.mark.parametrize("name", ["certificate.pem", "mixed.pem", "secret"])
def test_certificate_that_cannot_be_served_is_refused(folder: pathlib.Path, name: str) -> None:
    with pytest.raises(errors.X509CertError):
        wanted("--rapi-certificate", os.path.join(folder, name))
