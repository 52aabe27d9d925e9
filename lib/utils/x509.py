"""Keys and certificates, as PEM: a private key followed by its certificate."""

from __future__ import annotations

import base64
import datetime
import hashlib
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ganeti import errors
from ganeti.utils import files

RSA_BITS = 2048
#: how long certificates of a cluster are good (`spec/files.json`)
DAYS = 1825
_PEM_LIMIT = 1024 * 1024
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
# Clocks of nodes differ: a certificate must not be refused for being seconds too young.
_BACKDATED = datetime.timedelta(minutes=5)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def create_self_signed(cn: str, days: float, *, ca: bool = True, serial: int = 1) -> bytes:
    """Return a new RSA key with its own certificate; `ca` allows it to sign others."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    name = _name(cn)
    certificate = _build(name, name, key, key, days=days, serial=serial, ca=ca)
    return _pem(key, certificate)


def create_signed(cn: str, signer_pem: bytes, days: float, serial: int) -> bytes:
    """Return a new key with a certificate signed by the key of `signer_pem`.

    The key is of an elliptic curve: made in no time, and cheap in every handshake.
    Raises X509CertError when the signer cannot be used.
    """
    # Looking for a weak RSA key takes far longer than signing with it; this one is the cluster's own.
    signer_key, signer = load_key("signer", signer_pem, checked=False), load_certificate("signer", signer_pem)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _build(_name(cn), signer.subject, key, signer_key, days=days, serial=serial, ca=False)
    return _pem(key, certificate)


def cert_digest(certificate: bytes) -> str:
    """Return the SHA1 digest of a certificate (PEM or DER), as AB:CD:...

    Raises X509CertError.
    """
    if b"-----BEGIN" in certificate:
        certificate = load_certificate("given", certificate).public_bytes(serialization.Encoding.DER)
    # SHA1 is what the cluster's files hold; it names a certificate, it does not protect one.
    return hashlib.sha1(certificate, usedforsecurity=False).digest().hex(":").upper()


def expiry(pem: bytes) -> datetime.datetime:
    """Return when the certificate in a PEM expires, in UTC.

    Raises X509CertError.
    """
    return load_certificate("given", pem).not_valid_after_utc


def common_name(pem: bytes) -> str:
    """Return the common name of the certificate in a PEM, "" when it has none.

    Raises X509CertError.
    """
    names = load_certificate("given", pem).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def verify_pem(path: str, now: float | None = None) -> None:
    """Check that a file holds a key and its certificate, valid at `now` (epoch seconds, None: at present).

    Raises X509CertError(path, reason).
    """
    try:
        pem = files.read_file(path, _PEM_LIMIT)
    except OSError as err:
        raise errors.X509CertError(path, f"cannot be read: {err.strerror}") from err
    certificate, key = load_certificate(path, pem), load_key(path, pem)
    if _public_bytes(certificate) != _public_bytes(key):
        raise errors.X509CertError(path, "the key is not the certificate's")
    when = datetime.datetime.fromtimestamp(time.time() if now is None else now, datetime.UTC)
    if when > certificate.not_valid_after_utc:
        raise errors.X509CertError(path, f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if when < certificate.not_valid_before_utc:
        raise errors.X509CertError(path, f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def certificate_part(pem: bytes) -> bytes:
    """Return the certificate of a PEM without its key.

    Raises X509CertError.
    """
    return load_certificate("given", pem).public_bytes(serialization.Encoding.PEM)


def load_certificate(where: str, pem: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM.

    Raises X509CertError naming `where`.
    """
    start = pem.find(_BEGIN_CERTIFICATE)
    try:
        return x509.load_pem_x509_certificate(pem[max(start, 0) :])
    except ValueError as err:
        raise errors.X509CertError(where, "holds no certificate") from err


def load_certificates(where: str, pem: bytes) -> list[x509.Certificate]:
    """Return all certificates of a PEM, in order.

    Raises X509CertError naming `where` when there is none, or one is damaged.
    """
    start = pem.find(_BEGIN_CERTIFICATE)
    try:
        return x509.load_pem_x509_certificates(pem[max(start, 0) :])
    except ValueError as err:
        raise errors.X509CertError(where, "holds no certificate") from err


def as_pem(certificate: x509.Certificate) -> str:
    """Return a certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def with_trust(pem: bytes, *others: bytes) -> bytes:
    """Return key and first certificate of a PEM, followed by those of others, which are trusted as well."""
    own = load_key("given", pem, checked=False), load_certificate("given", pem)
    seen = [own[1]]
    for other in others:
        certificate = load_certificate("given", other)
        if certificate not in seen:
            seen.append(certificate)
    return _pem(*own) + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in seen[1:])


def public_key_pins(pem: bytes) -> str:
    """Return the digests of the public keys of all certificates of a PEM, as curl wants them (sha256//...;...).

    Raises X509CertError.
    """
    digests = [hashlib.sha256(_public_bytes(certificate)).digest() for certificate in load_certificates("given", pem)]
    return ";".join(f"sha256//{base64.b64encode(digest).decode()}" for digest in digests)


def key_fits(where: str, pem: bytes) -> bool:
    """Tell whether the key of a PEM is that of its first certificate.

    Raises X509CertError when there is no key or no certificate.
    """
    return _public_bytes(load_certificate(where, pem)) == _public_bytes(load_key(where, pem, checked=False))


def load_key(where: str, pem: bytes, *, checked: bool = True) -> Key:
    """Return the private key of a PEM; `checked` refuses numbers that make no sound RSA key.

    Raises X509CertError naming `where`.
    """
    try:
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=not checked)
    except (ValueError, TypeError) as err:
        raise errors.X509CertError(where, "holds no private key that can be used") from err
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise errors.X509CertError(where, "its private key is neither RSA nor elliptic curve")
    return key


def _name(cn: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])


def _build(
    subject: x509.Name, issuer: x509.Name, key: Key, signer: Key, *, days: float, serial: int, ca: bool
) -> x509.Certificate:
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    cn = str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start - _BACKDATED)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(cn)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _pem(key: Key, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _public_bytes(holder: x509.Certificate | Key) -> bytes:
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
