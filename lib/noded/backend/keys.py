"""Keys and certificates of this node, while those of the cluster are changed.

A file is replaced whole; its mode and owner stay.  A server certificate that has
nothing in common with the one in place is refused: it would lock all others out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence

from ganeti import errors
from ganeti.noded.backend.daemons import CONFD
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.utils import files, process, x509

_KEY_MODE = 0o400
_PERMISSIONS = 0o777
_LIMIT = 1024 * 1024

PathOf = Callable[[Paths], str]

#: the files that may be written: path, and that of the one whose mode and owner it gets when it is new
_FILES: tuple[tuple[PathOf, PathOf], ...] = (
    (lambda p: p.server_cert, lambda p: p.server_cert),
    (lambda p: p.rapi_cert, lambda p: p.rapi_cert),
    (lambda p: p.spice_cert, lambda p: p.spice_cert),
    (lambda p: p.spice_ca, lambda p: p.spice_ca),
    (lambda p: p.hmac_key, lambda p: p.hmac_key),
    (lambda p: p.hmac_key_new, lambda p: p.hmac_key),
    (lambda p: p.hmac_key_old, lambda p: p.hmac_key),
    (lambda p: p.domain_secret, lambda p: p.domain_secret),
)


class Keys:
    """Calls that change keys of this node."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        paths = node.paths
        self._files: Mapping[str, tuple[str, str]] = {
            os.path.basename(path(paths)): (path(paths), like(paths)) for path, like in _FILES
        }

    def key_files_write(self, contents: Sequence[tuple[str, str | None]]) -> None:
        """Write or remove key files of the table, in the order given."""
        unknown = [name for name, _ in contents if name not in self._files]
        if unknown:
            raise errors.ParameterError(f"cannot write {', '.join(unknown)}: not a key file the master may write")
        for name, content in contents:
            path, like = self._files[name]
            if content is None:
                files.remove_file(path, missing_ok=True)
                continue
            data = content.encode()
            if path == self._node.paths.server_cert:
                self._check_server(data)
            _write_like(path, data, like)
        if any(name.startswith(os.path.basename(self._node.paths.hmac_key)) for name, _ in contents):
            self._wake_confd()

    def node_crypto_tokens(
        self, token_request: Sequence[tuple[str, str, Mapping[str, object]]]
    ) -> Sequence[tuple[str, str]]:
        """Make, tell or remove client certificates."""
        actions = {"get": self._client_digest, "create": self._new_client, "delete": self._no_new_client}
        answers = []
        for kind, action, _ in token_request:
            if kind != "ssl" or action not in actions:
                raise errors.ParameterError(f"cannot {action} a token of type {kind}: not something this node does")
            answers.append((kind, actions[action]()))
        return answers

    def client_cert_activate(self, digest: str) -> None:
        """Put the new client certificate in place, unless it is there already."""
        paths = self._node.paths
        if os.path.exists(paths.client_cert_new):
            there = x509.cert_digest(files.read_file(paths.client_cert_new, _LIMIT))
            if there == digest:
                files.rename_files([(paths.client_cert_new, paths.client_cert)])
                return
        if self._client_digest() != digest:
            raise errors.OpExecError(f"cannot use client certificate {digest}: this node has no such one")

    # --- steps -----------------------------------------------------------------

    def _client_digest(self) -> str:
        path = self._node.paths.client_cert
        try:
            return x509.cert_digest(files.read_file(path, _LIMIT))
        except FileNotFoundError:
            return ""

    def _new_client(self) -> str:
        paths = self._node.paths
        signer = files.read_file(paths.server_cert, _LIMIT)
        pem = x509.create_signed(self._node.name, signer, x509.DAYS, secrets.randbits(63))
        _write_like(paths.client_cert_new, pem, paths.client_cert)
        return x509.cert_digest(pem)

    def _no_new_client(self) -> str:
        files.remove_file(self._node.paths.client_cert_new, missing_ok=True)
        return ""

    def _check_server(self, data: bytes) -> None:
        path = self._node.paths.server_cert
        if not x509.key_fits(path, data):
            raise errors.X509CertError(path, "the new key is not the new certificate's")
        here = x509.load_certificates(path, files.read_file(path, _LIMIT))
        if not set(here) & set(x509.load_certificates(path, data)):
            raise errors.X509CertError(
                path,
                "the new file trusts no certificate of the present one: who holds those would be cut off",
            )

    def _wake_confd(self) -> None:
        """Have confd look at its keys now."""
        pid = process.running_pid(self._node.paths.pid_file(CONFD))
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)


def _write_like(path: str, data: bytes, like: str) -> None:
    """Replace a file, with mode and owner of one that is there; without one nobody but us may read it."""
    try:
        there = os.stat(like)
    except FileNotFoundError:
        files.write_file(path, data, mode=_KEY_MODE)
        return
    uid, gid = (there.st_uid, there.st_gid) if os.geteuid() == 0 else (-1, -1)
    files.write_file(path, data, mode=there.st_mode & _PERMISSIONS, uid=uid, gid=gid)
