"""Node calls of programs without an event loop: setting up a cluster, adding a node, failing over."""

from __future__ import annotations

import time
from typing import ParamSpec, TypeVar

import pycurl

from ganeti import errors
from ganeti.model.scalars import NodeName
from ganeti.procedure import Procedure
from ganeti.rpc.curl import CredentialSource, Transfer, is_quiet
from ganeti.rpc.result import Failure, NodeResult, Phase
from ganeti.rpc.transport import (
    ANSWER_LIMIT,
    DEFAULT_PORT,
    Call,
    Endpoint,
    Loss,
    Pause,
    Request,
    Response,
    Times,
    converse,
    new_key,
)
from ganeti.utils import json

P = ParamSpec("P")
R = TypeVar("R")


class Caller:
    """Calls one node, blocking; keeps its connection. A context manager.

    `master` says in whose name it calls (`ganeti.mastership`), "" for nobody's.
    """

    def __init__(
        self,
        name: NodeName,
        endpoint: Endpoint,
        credentials: CredentialSource,
        cluster_uuid: str,
        times: Times | None = None,
        master: str = "",
    ) -> None:
        self._name = name
        self._master = master
        self._credentials = credentials
        self._cluster_uuid = cluster_uuid
        self._times = times or Times()
        self._daemon = ""
        self._endpoint = endpoint
        self._transfer = self._new_transfer()

    def call(self, proc: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> NodeResult[R]:
        """Call the node."""
        body = json.dumps_bytes(proc.encode_arguments(*args, **kwargs))
        call = Call(proc.name, body, proc.timeout, self._cluster_uuid, self._master)
        conversation = converse(call, new_key(), lambda: self._daemon, time.monotonic, self._times)
        try:
            step = next(conversation)
            while True:
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    step = conversation.send(None)
                else:
                    step = conversation.send(self._send(step))
        except StopIteration as end:
            outcome: object | Failure = end.value
        if isinstance(outcome, Failure):
            return NodeResult(self._name, None, outcome)
        try:
            return NodeResult(self._name, proc.decode_answer(outcome))
        except errors.ParameterError as err:
            failure = Failure(Phase.REFUSED, f"cannot understand the answer: {err}", uncertain=True)
            return NodeResult(self._name, None, failure)

    def close(self) -> None:
        """Close the connection."""
        self._transfer.handle.close()

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _new_transfer(self) -> Transfer:
        return Transfer(self._endpoint, self._times.connect, ANSWER_LIMIT)

    def _send(self, request: Request) -> Response | Loss:
        transfer = self._transfer
        if transfer.connection != -1 and not is_quiet(transfer.connection):
            transfer.handle.close()
            transfer = self._transfer = self._new_transfer()
        try:
            transfer.prepare(request, self._credentials.load())
            transfer.handle.perform()
        except errors.X509CertError as err:
            return Loss(Phase.REFUSED, str(err), False)
        except pycurl.error as err:
            return transfer.loss(int(err.args[0]), transfer.handle.errstr())
        response = transfer.response()
        self._daemon = response.daemon or self._daemon
        return response


def call_sync(
    name: NodeName,
    address: str,
    credentials: CredentialSource,
    cluster_uuid: str,
    proc: Procedure[P, R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> NodeResult[R]:
    """Call one node at the default port, over a connection of its own."""
    with Caller(name, Endpoint(address, DEFAULT_PORT), credentials, cluster_uuid) as caller:
        return caller.call(proc, *args, **kwargs)
