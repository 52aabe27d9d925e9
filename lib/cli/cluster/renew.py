"""gnt-cluster renew-crypto."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.bootstrap.renew import Means, Wanted, renew
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.cluster import OpClusterRenewCrypto
from ganeti.utils import files, x509

_LIMIT = 1024 * 1024


def renew_crypto(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change keys and certificates of the cluster."""
    if options.new_ssh_keys:
        raise UsageError("--new-ssh-keys: this version leaves the SSH keys of nodes to their administrator")
    wanted = wanted_of(options)

    def renew_nodes() -> None:
        op = OpClusterRenewCrypto(node_certificates=True, verbose=options.verbose)
        run_op(session, options, op)

    renew(session.paths, wanted, Means(renew_nodes, session.console.show, session.console.warn, options.force))
    session.console.show("The new keys are in use.")
    return ExitCode.SUCCESS


def wanted_of(options: Values) -> Wanted:
    """Return what the options ask for, with the files they name.

    Raises UsageError, X509CertError for a file that cannot be used.
    """
    _refuse_both(options.new_rapi_cert, "new-rapi-certificate", options.rapi_cert, "rapi-certificate")
    _refuse_both(
        options.new_cluster_domain_secret,
        "new-cluster-domain-secret",
        options.cluster_domain_secret,
        "cluster-domain-secret",
    )
    given_spice = options.spice_cert or options.spice_cacert
    _refuse_both(options.new_spice_cert, "new-spice-certificate", given_spice, "spice-certificate")
    if bool(options.spice_cert) != bool(options.spice_cacert):
        raise UsageError("--spice-certificate and --spice-ca-certificate belong together: give both")
    spice = ("", "") if options.new_spice_cert else None
    if given_spice:
        spice = (_key_and_certificate(options.spice_cert), _certificate(options.spice_cacert))
    rapi = _key_and_certificate(options.rapi_cert) if options.rapi_cert else None
    domain = _text(options.cluster_domain_secret) if options.cluster_domain_secret else None
    if domain is not None and not domain.strip():
        raise UsageError(f"--cluster-domain-secret: {options.cluster_domain_secret} is empty")
    return Wanted(
        server=bool(options.new_cluster_cert),
        hmac=bool(options.new_confd_hmac_key),
        nodes=bool(options.new_node_cert),
        rapi="" if options.new_rapi_cert else rapi,
        domain="" if options.new_cluster_domain_secret else domain,
        spice=spice,
    )


def _refuse_both(new: object, new_name: str, given: object, given_name: str) -> None:
    if new and given:
        raise UsageError(f"--{new_name} and --{given_name} exclude each other: is it to be made, or is it in a file?")


def _text(path: str) -> str:
    try:
        return files.read_text(path, _LIMIT)
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"cannot read {path}: {getattr(err, 'strerror', None) or err}") from err


def _key_and_certificate(path: str) -> str:
    pem = _text(path)
    if not x509.key_fits(path, pem.encode()):
        raise errors.X509CertError(path, "the key is not the certificate's")
    return pem


def _certificate(path: str) -> str:
    pem = _text(path)
    x509.load_certificate(path, pem.encode())
    return pem
