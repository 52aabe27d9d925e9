"""Keys and certificates."""

from __future__ import annotations

import datetime
import hashlib
import os
import ssl
import time

import pytest

from ganeti import errors
from ganeti.utils import files, x509

SERVER = x509.create_self_signed("ganeti.example.com", 1825)
CLIENT = x509.create_signed("node1.example.com", SERVER, 30, serial=7)


def _file(tmp_path: os.PathLike[str], pem: bytes) -> str:
    path = os.path.join(tmp_path, "some.pem")
    files.write_file(path, pem)
    return path


def test_a_pem_holds_a_key_and_its_certificate(tmp_path: os.PathLike[str]) -> None:
    for pem in (SERVER, CLIENT):
        x509.verify_pem(_file(tmp_path, pem))

    assert SERVER.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert x509.common_name(CLIENT) == "node1.example.com"


def test_the_digest_is_that_of_the_der_form() -> None:
    der = ssl.PEM_cert_to_DER_cert(x509.certificate_part(SERVER).decode())

    assert x509.cert_digest(SERVER) == x509.cert_digest(der)
    assert x509.cert_digest(SERVER).replace(":", "").lower() == hashlib.sha1(der).hexdigest()
    assert x509.cert_digest(SERVER) != x509.cert_digest(CLIENT)


def test_the_certificate_part_has_no_key() -> None:
    assert b"PRIVATE" not in x509.certificate_part(SERVER)


def test_expiry_is_as_many_days_ahead_as_asked() -> None:
    left = x509.expiry(CLIENT) - datetime.datetime.now(datetime.UTC)

    assert datetime.timedelta(days=29, hours=23) < left <= datetime.timedelta(days=30)


def _handshake(tmp_path: os.PathLike[str], client_pem: bytes) -> bytes | None:
    """Return the client's certificate as the server sees it after a TLS handshake in memory."""
    server_path, client_path = os.path.join(tmp_path, "server.pem"), os.path.join(tmp_path, "client.pem")
    files.write_files([(server_path, SERVER), (client_path, client_pem)])
    ends = []
    pipes = ssl.MemoryBIO(), ssl.MemoryBIO()
    for side, path in ((ssl.PROTOCOL_TLS_SERVER, server_path), (ssl.PROTOCOL_TLS_CLIENT, client_path)):
        context = ssl.SSLContext(side)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(path)
        context.load_verify_locations(server_path)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        is_server = side is ssl.PROTOCOL_TLS_SERVER
        mine, theirs = pipes if is_server else pipes[::-1]
        ends.append(context.wrap_bio(mine, theirs, server_side=is_server))
    for _ in range(4):
        for end in reversed(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].getpeercert(binary_form=True)


def test_both_ends_of_a_cluster_accept_each_other(tmp_path: os.PathLike[str]) -> None:
    seen = _handshake(tmp_path, CLIENT)

    assert seen is not None
    assert x509.cert_digest(seen) == x509.cert_digest(CLIENT)


def test_the_servers_own_certificate_is_accepted_from_a_client(tmp_path: os.PathLike[str]) -> None:
    assert _handshake(tmp_path, SERVER) is not None


def test_a_certificate_of_another_cluster_is_refused(tmp_path: os.PathLike[str]) -> None:
    stranger = x509.create_signed("node1.example.com", x509.create_self_signed("ganeti.example.com", 9), 9, 1)

    with pytest.raises(ssl.SSLError):
        _handshake(tmp_path, stranger)


def test_a_client_cannot_sign_for_others(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(ssl.SSLError):
        _handshake(tmp_path, x509.create_signed("evil", CLIENT, 9, 1))


def test_expired_and_future_certificates_are_named_with_their_dates(tmp_path: os.PathLike[str]) -> None:
    path = _file(tmp_path, CLIENT)

    with pytest.raises(errors.X509CertError, match=r"some\.pem: expired on 20"):
        x509.verify_pem(path, now=time.time() + 31 * 86400)
    with pytest.raises(errors.X509CertError, match="not valid before 20"):
        x509.verify_pem(path, now=time.time() - 86400)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
        (x509.certificate_part(SERVER), "holds no private key"),
        (CLIENT[: CLIENT.index(b"-----BEGIN CERT")] + x509.certificate_part(SERVER), "not the certificate's"),
    ],
)
def test_unusable_files_are_errors_that_name_file_and_reason(
    tmp_path: os.PathLike[str], pem: bytes, reason: str
) -> None:
    path = _file(tmp_path, pem)

    with pytest.raises(errors.X509CertError, match=reason) as caught:
        x509.verify_pem(path)

    assert caught.value.args[0] == path


def test_a_missing_file_is_an_error_that_names_it(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(errors.X509CertError, match=r"none\.pem: cannot be read"):
        x509.verify_pem(os.path.join(tmp_path, "none.pem"))
