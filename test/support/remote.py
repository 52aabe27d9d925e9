"""The remote API of a running cluster, as a program sees it that knows HTTP and nothing else."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ganeti.bootstrap import daemons
from ganeti.rapi.client_http import PORT
from ganeti.utils import files
from test.support.cluster import Cluster
from test.support.polling import until

USERS = """\
jack secret write
jill secret read
nobody secret
"""
_FINAL = ("success", "error", "canceled")
_TIMEOUT = 60.0


class Said(NamedTuple):
    """What the server said; `value` is what its JSON says."""

    status: int
    value: Any
    headers: Mapping[str, str]


class Remote:
    """Asks the remote API of a cluster: one connection per request, trusting the cluster's certificate."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.paths = cluster.paths(cluster.master)
        row = cluster.ok("gnt-node", "list", "--no-headers", "-o", "pip", cluster.master)
        self.address = row.strip(), PORT
        self.url = "https://{}:{}".format(*self.address)
        self.context = ssl.create_default_context(cafile=self.paths.rapi_cert)
        self.context.check_hostname = False

    def ask(
        self, verb: str, path: str, body: Any = None, *, user: str = "jack", headers: Mapping[str, str] | None = None
    ) -> Said:
        """Make a request, with password "secret" unless the user is "" for anybody."""
        sent = {"Authorization": login(user)} if user else {}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPSConnection(*self.address, timeout=_TIMEOUT, context=self.context)
        with contextlib.closing(connection):
            connection.request(verb, path, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return Said(answer.status, json.loads(text) if text else None, dict(answer.headers))

    def value(self, verb: str, path: str, body: Any = None, *, user: str = "jack") -> Any:
        """Make a request that must be served; return the value of its answer."""
        said = self.ask(verb, path, body, user=user)
        assert said.status == 200, f"{verb} {path}: {said}"
        return said.value

    def done(self, verb: str, path: str, body: Any = None) -> Any:
        """Have a job submitted that must succeed; return what it is after its end."""
        job_id = self.value(verb, path, body)
        assert isinstance(job_id, int)
        job = self.ended(job_id)
        assert job["status"] == "success", job["opresult"]
        return job

    def ended(self, job_id: int) -> Any:
        """Return a job after its end."""
        return until(lambda: self._ended(job_id), f"job {job_id} ends", _TIMEOUT)

    def _ended(self, job_id: int) -> Any:
        job = self.value("GET", f"/2/jobs/{job_id}")
        return job if job["status"] in _FINAL else None

    @contextlib.contextmanager
    def connection(self) -> Iterator[ssl.SSLSocket]:
        """Give a connection for bytes of all kinds."""
        plain = socket.create_connection(self.address, _TIMEOUT)
        with self.context.wrap_socket(plain) as wrapped:
            yield wrapped

    def raw(self, *data: bytes) -> bytes:
        """Send bytes over a connection and return all that is answered until the server hangs up."""
        with self.connection() as wrapped:
            for piece in data:
                wrapped.sendall(piece)
            answer = bytearray()
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                while received := wrapped.recv(65536):
                    answer += received
            return bytes(answer)

    def begin(self, *data: bytes) -> bytes:
        """Send bytes over a connection and return the beginning of what is answered."""
        with self.connection() as wrapped:
            with contextlib.suppress(ConnectionError):
                for piece in data:
                    wrapped.sendall(piece)
            return wrapped.recv(4096)

    # --- users ---

    def log(self) -> str:
        """Return the log of the daemon."""
        return files.read_text(self.paths.log_file(daemons.RAPI), 1 << 30)

    def write_users(self, text: str | bytes) -> None:
        """Replace the users file; return when the daemon has read it."""
        before = self.log().count("users file")
        files.write_file(self.paths.rapi_users, text, mode=0o640)
        until(lambda: self.log().count("users file") > before, "the users file is read")


def login(user: str, password: str = "secret") -> str:
    """Return the header that logs a user in."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def remote_of(cluster: Cluster) -> Iterator[Remote]:
    """Give the remote API of a cluster, with the users of these tests; its old users are back in the end."""
    remote = Remote(cluster)
    until(lambda: _answers(remote), "the remote API answers")
    before = files.read_text(remote.paths.rapi_users)
    remote.write_users(USERS)
    try:
        yield remote
    finally:
        remote.write_users(before)
        cluster.ok("gnt-cluster", "redist-conf")


def _answers(remote: Remote) -> bool:
    try:
        return bool(remote.ask("GET", "/version", user="").status == 200)
    except OSError:
        return False
