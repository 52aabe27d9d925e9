"""One pycurl transfer to a node daemon: how it is set up and what its end means.

Shared by the event loop's engine and by the blocking client.  Both ends must hold
certificates of the cluster: the node's must chain to the cluster certificate
(server.pem), we present client.pem, or server.pem while there is none.  Host names
are not checked: a node is whoever holds a certificate of the cluster, addresses change.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable
from typing import NamedTuple, Protocol

import pycurl

from ganeti import errors
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import DAEMON_HEADER, Endpoint, Loss, Request, Response
from ganeti.utils import files

log = logging.getLogger(__name__)

_PEM_LIMIT = 1024 * 1024
_DAEMON_LINE = f"{DAEMON_HEADER}:".lower().encode()
# Close before the node does: a request never meets a connection that is being closed.
IDLE_SECONDS = 60
# A connection used within the last second curl takes again without looking whether it is still open.
BLIND_SECONDS = 1.1

_NOT_OURS = frozenset({pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CERTPROBLEM, pycurl.E_SSL_PINNEDPUBKEYNOTMATCH})
_LOST = frozenset(
    {
        pycurl.E_GOT_NOTHING,
        pycurl.E_SEND_ERROR,
        pycurl.E_RECV_ERROR,
        pycurl.E_PARTIAL_FILE,
        pycurl.E_ABORTED_BY_CALLBACK,
    }
)


def is_quiet(connection: int) -> bool:
    """Tell whether a connection not in use is as it should be: open, with nothing to be read.

    A request sent into a connection that the daemon has closed, because it was restarted,
    would count as lost on the way.
    """
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return not poll.poll(0)


class Credentials(NamedTuple):
    """What we show and what we accept, as PEM.

    With `pins` (see `CURLOPT_PINNEDPUBLICKEY`) a node is whoever holds one of these
    keys, even when its certificate has expired.
    """

    ca: bytes
    client: bytes
    pins: str = ""


class CredentialSource(Protocol):
    """Where credentials come from."""

    def load(self) -> Credentials:
        """Return those to use now.

        Raises X509CertError.
        """


class CredentialFiles:
    """The certificate files of a node; read anew when they change."""

    def __init__(self, server_cert: str, client_cert: str) -> None:
        self._server = server_cert
        self._client = client_cert
        self._stamp: object = None
        self._loaded: Credentials | None = None

    def load(self) -> Credentials:
        """Return what the files hold now.

        Raises X509CertError when one cannot be read.
        """
        stamp = (_stamp(self._server), _stamp(self._client))
        if self._loaded is None or stamp != self._stamp:
            ca = _read(self._server)
            self._loaded = Credentials(ca, self._client_of(ca))
            self._stamp = stamp
        return self._loaded

    def _client_of(self, ca: bytes) -> bytes:
        """Return what to show: on a node that was never given a certificate of its own, the cluster's."""
        if os.path.exists(self._client):
            return _read(self._client)
        if self._loaded is None or self._loaded.client == self._loaded.ca:
            return ca
        log.error("%s is gone: what it held is used until this daemon ends", self._client)
        return self._loaded.client


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: str) -> bytes:
    try:
        content = files.read_file(path, _PEM_LIMIT)
    except OSError as err:
        raise errors.X509CertError(path, f"cannot be read: {err.strerror}") from err
    if not content:  # pycurl would raise an error of its own
        raise errors.X509CertError(path, "the file is empty")
    return content


class Transfer:
    """A curl handle for one node, and what the current transfer has brought so far.

    Handles are used again for the same node: their options stay.
    """

    def __init__(self, endpoint: Endpoint, connect_timeout: float, answer_limit: int) -> None:
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        self._base = f"https://{host}:{endpoint.port}"
        self._where = f"{endpoint.host} port {endpoint.port}"
        self._answer_limit = answer_limit
        self._credentials: Credentials | None = None
        self._parts: list[bytes] = []
        self._daemon = ""
        self.sent = False
        #: descriptor of the connection that brought the last answer, -1 when it is closed
        self.connection = -1
        #: called once when the connection of the next transfer stands, or the transfer ends
        self.on_connected: Callable[[], None] | None = None
        self.handle = handle = pycurl.Curl()
        for option, value in (
            (pycurl.POST, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),  # node calls do not go through the proxy of somebody's environment
            (pycurl.NOPROXY, "*"),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 0),
            (pycurl.MAXAGE_CONN, IDLE_SECONDS),
            (pycurl.MAXFILESIZE, answer_limit),
            (pycurl.CONNECTTIMEOUT_MS, round(connect_timeout * 1000)),
            (pycurl.WRITEFUNCTION, self._take),
            (pycurl.HEADERFUNCTION, self._head),
            (pycurl.PREREQFUNCTION, self._about_to_send),
        ):
            handle.setopt(option, value)

    def prepare(self, request: Request, credentials: Credentials, *, alone: bool = False) -> None:
        """Set the handle up for a request; `alone` on a connection of its own, not kept."""
        handle = self.handle
        handle.setopt(pycurl.FRESH_CONNECT, alone)
        handle.setopt(pycurl.FORBID_REUSE, alone)
        if credentials is not self._credentials:
            handle.setopt(pycurl.CAINFO_BLOB, credentials.ca)
            handle.setopt(pycurl.SSL_VERIFYPEER, 0 if credentials.pins else 1)
            if credentials.pins:
                handle.setopt(pycurl.PINNEDPUBLICKEY, credentials.pins)
            handle.setopt(pycurl.SSLCERT_BLOB, credentials.client)
            handle.setopt(pycurl.SSLKEY_BLOB, credentials.client)
            self._credentials = credentials
        self._parts = []
        self._daemon = ""
        self.sent = False
        self.connection = -1
        handle.setopt(pycurl.URL, self._base + request.path)
        handle.setopt(pycurl.HTTPHEADER, [*request.headers, "Content-Type: application/json", "Expect:", "Accept:"])
        handle.setopt(pycurl.POSTFIELDS, request.body)
        handle.setopt(pycurl.TIMEOUT_MS, max(1, round(request.timeout * 1000)))

    def forget(self) -> None:
        """Let go of the last request, which may be large; called between transfers."""
        self.handle.setopt(pycurl.POSTFIELDS, b"")

    def connected(self) -> None:
        """Tell, once, that no connection is being set up any more."""
        tell, self.on_connected = self.on_connected, None
        if tell is not None:
            tell()

    def response(self) -> Response:
        """Return the answer of a transfer that succeeded."""
        body = b"".join(self._parts)
        self._parts = []
        # Now: once the handle has left its multi, curl does not tell any more.
        self.connection = self.handle.getinfo(pycurl.ACTIVESOCKET)
        return Response(self.handle.getinfo(pycurl.RESPONSE_CODE), self._daemon, body)

    def loss(self, code: int, message: str) -> Loss:
        """Return what the failure of a transfer means."""
        self._parts = []
        told = message or f"curl error {code}"
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return self._timed_out()
        if code == pycurl.E_PEER_FAILED_VERIFICATION and "expired" in told:
            text = f"the certificate of node daemon at {self._where} has expired"
            return Loss(Phase.REFUSED, f"{text}; gnt-cluster renew-crypto --new-cluster-certificate", False)
        if code in _NOT_OURS:
            return Loss(Phase.REFUSED, f"node daemon at {self._where} is not of this cluster: {told}", False)
        if "alert" in told:
            return Loss(Phase.REFUSED, f"node daemon at {self._where} refused our certificate: {told}", False)
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return Loss(Phase.REFUSED, f"the answer is larger than {self._answer_limit} bytes", True)
        if code in _LOST and self.sent:
            return Loss(Phase.UNREACHABLE, f"connection to node daemon at {self._where} lost: {told}", True)
        if code == pycurl.E_COULDNT_CONNECT and (number := self.handle.getinfo(pycurl.OS_ERRNO)):
            told = os.strerror(number).lower()  # curl says address and port once more
        return Loss(Phase.UNREACHABLE, f"cannot connect to node daemon at {self._where}: {told}", self.sent)

    def _timed_out(self) -> Loss:
        seconds = self.handle.getinfo(pycurl.TOTAL_TIME)
        if self.sent:
            return Loss(Phase.TIMEOUT, f"node daemon at {self._where} did not answer within {seconds:.1f} s", True)
        if self.handle.getinfo(pycurl.CONNECT_TIME) > 0:
            message = f"node daemon at {self._where} did not set up TLS within {seconds:.1f} s"
            return Loss(Phase.TIMEOUT, message, False)
        message = f"cannot connect to node daemon at {self._where}: no answer within {seconds:.1f} s"
        return Loss(Phase.UNREACHABLE, message, False)

    def _take(self, part: bytes) -> None:
        self._parts.append(part)

    def _head(self, line: bytes) -> None:
        if line[: len(_DAEMON_LINE)].lower() == _DAEMON_LINE:
            self._daemon = line[len(_DAEMON_LINE) :].strip().decode("ascii", "replace")

    def _about_to_send(self, *_addresses: object) -> int:
        # curl sends a request once more by itself when a kept connection turns out to be dead.
        # Whether that is right is for `converse` to decide.
        if self.sent:
            return pycurl.PREREQFUNC_ABORT
        self.sent = True
        self.connected()
        return pycurl.PREREQFUNC_OK
