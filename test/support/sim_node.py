"""A node daemon of the simulation: the real handlers on a real tree, without processes or sockets.

What it promises on the wire is kept: a call with a known key is carried out once, a
repeated request for an earlier incarnation is refused, a long call answers with an id
to be waited for.  Handlers run at once; the time they sleep passes before the answer.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import NamedTuple

from ganeti import errors
from ganeti.model.scalars import NodeName
from ganeti.noded import calls
from ganeti.noded.access import Access
from ganeti.noded.context import NodeContext
from ganeti.noded.function_process import carry_out
from ganeti.paths import Paths
from ganeti.procedure import table_of
from ganeti.rpc import procedures
from ganeti.rpc.envelope import success
from ganeti.rpc.transport import (
    CALL_HEADER,
    CLUSTER_HEADER,
    DAEMON_HEADER,
    END_EARLIER,
    END_FUNCTION,
    MASTER_HEADER,
    OK,
    OTHER_DAEMON,
    REFUSED,
    STILL_RUNNING,
    UNKNOWN,
    WAIT_FUNCTION,
    WAIT_HEADER,
    Request,
    Response,
)
from ganeti.utils import files, json
from test.support.sim_time import SimClock, SimTime


class Function(NamedTuple):
    """A call that was carried out, the answer it will give, and when."""

    id: str
    body: bytes
    ready_at: float


class Waiting(NamedTuple):
    """A client that waits for the answer of a function call, so long at most."""

    function: Function
    seconds: float


class SimNode:
    """One virtual node and its daemon."""

    def __init__(self, paths: Paths, time: SimTime, **figures: int) -> None:
        self.paths = paths
        self.name = NodeName(paths.hostname)
        self._time = time
        self._slept = 0.0
        for directory in (paths.run_dir, paths.config_dir, paths.file_storage_dir, paths.data_dir, paths.log_dir):
            files.ensure_dir(directory, 0o755)
        given = {"memory_total": 4096, "cpu_total": 4, "disk_total": 10240, **figures}
        files.write_file(paths.node_figures_file, json.dumps(given), durable=False)
        context = NodeContext(paths, self.name, clock=SimClock(time), sleep=self._sleep)
        self._table = table_of(procedures)
        self._handlers = calls.bind(context)
        self._access = Access(paths, paths.server_cert)
        #: names of the calls that were carried out, in order
        self.carried_out: list[str] = []
        self._lives = 0
        self.restart()

    def restart(self) -> None:
        """End the daemon and start another, which knows nothing of earlier calls."""
        self._lives += 1
        self.incarnation = f"{self.name}:{self._lives}"
        self._functions: dict[str, Function] = {}
        self._by_key: dict[str, Function] = {}

    def running(self) -> list[str]:
        """Return the instances that run here."""
        try:
            return sorted(os.listdir(self.paths.fake_hypervisor_dir))
        except FileNotFoundError:
            return []

    def pretend(self, call: str, handler: Callable[..., object]) -> None:
        """Answer a call as the daemon of a node would that somebody has broken into."""
        self._handlers = {**self._handlers, call: handler}

    def lose_power(self) -> None:
        """Let all instances here be gone, and the daemon start anew."""
        for name in self.running():
            os.unlink(os.path.join(self.paths.fake_hypervisor_dir, name))
        shutil.rmtree(os.path.join(self.paths.run_dir, "fake-hypervisor-migration"), ignore_errors=True)
        self.restart()

    def receive(self, digest: str, request: Request) -> Response | Waiting:
        """Take a request from the holder of a certificate."""
        headers = dict(header.split(": ", 1) for header in request.headers)
        try:
            self._access.check(digest, headers.get(CLUSTER_HEADER, ""))
        except errors.RemoteError as err:
            return self._refuse(REFUSED, str(err))
        if headers.get(DAEMON_HEADER, self.incarnation) != self.incarnation:
            return self._refuse(OTHER_DAEMON, "the node daemon was restarted")
        name = request.path[1:]
        if name in (END_FUNCTION, END_EARLIER):
            return Response(OK, self.incarnation, success(None))  # calls end at once here, only their answers are late
        if name == WAIT_FUNCTION:
            call_id, seconds = json.loads(request.body)
            function = self._functions.get(call_id)
            return Waiting(function, seconds) if function else self._refuse(UNKNOWN, f"{call_id} is not known")
        if name not in self._table:
            return self._refuse(UNKNOWN, f"{name} is not known")
        try:
            self._access.check_master(headers.get(MASTER_HEADER, ""))
        except errors.NotMasterError as err:
            return Response(REFUSED, self.incarnation, json.dumps_bytes([False, errors.to_wire(err)]))
        return Waiting(self._begin(name, request.body, headers[CALL_HEADER]), float(headers[WAIT_HEADER]))

    def answer(self, function: Function) -> Response:
        """Return what is to be said of a function call now."""
        if function.ready_at <= self._time.now:
            return Response(OK, self.incarnation, function.body)
        return Response(STILL_RUNNING, self.incarnation, json.dumps_bytes({"function": function.id}))

    def _begin(self, name: str, body: bytes, key: str) -> Function:
        function = self._by_key.get(key)
        if function is None:
            self._slept = 0.0
            self.carried_out.append(name)
            answer = carry_out(self._table[name], self._handlers[name], body)
            function = Function(f"{self.incarnation}:{key}", answer.body, self._time.now + self._slept)
            self._by_key[key] = self._functions[function.id] = function
        return function

    def _refuse(self, status: int, reason: str) -> Response:
        body = json.dumps_bytes([False, errors.to_wire(errors.RemoteError(reason))])
        return Response(status, self.incarnation, body)

    def _sleep(self, seconds: float) -> None:
        self._slept += seconds
