"""Answers of the remote API: JSON documents, and how an error of ours becomes an HTTP status.

Statuses and the error document are those of `spec/rapi.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.utils import json

JSON_TYPE = "application/json"
REALM = "Ganeti Remote API"
#: how the server calls itself, in every answer
SERVER = "Ganeti"


class Reply(NamedTuple):
    """An answer that is ready to be sent."""

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """A request that is not served: HTTP status and why; without a reason the status speaks for itself."""

    def __init__(self, status: HTTPStatus, reason: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason or status.phrase)
        self.status = status
        self.headers = headers or {}


def reply(value: object) -> Reply:
    """Return the answer that holds a value in its JSON form."""
    return Reply(json.dumps_bytes(value))


def bad_request(reason: str) -> Refusal:
    """Return the refusal of a request that is wrong."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason)


def not_found(reason: str = "") -> Refusal:
    """Return the refusal of a request for something that is not there."""
    return Refusal(HTTPStatus.NOT_FOUND, reason)


def login_wanted() -> Refusal:
    """Return the refusal of a request without a login that is right; says nothing about what was wrong."""
    return Refusal(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": f'Basic realm="{REALM}"'})


def error_reply(refusal: Refusal) -> Reply:
    """Return the error document of a refusal."""
    document = {
        "code": int(refusal.status),
        "message": str(refusal),
        "explain": refusal.status.description or refusal.status.phrase,
    }
    return Reply(json.dumps_bytes(document), refusal.status, headers=refusal.headers)


#: the first class that fits decides
_STATUSES: tuple[tuple[type[errors.GenericError], HTTPStatus], ...] = (
    (errors.NoMasterError, HTTPStatus.BAD_GATEWAY),
    (errors.PermissionError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (errors.TimeoutError, HTTPStatus.GATEWAY_TIMEOUT),
    (errors.ProtocolError, HTTPStatus.BAD_GATEWAY),
    (errors.JobQueueFull, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.JobQueueDrainError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.JobLost, HTTPStatus.NOT_FOUND),
    (errors.UserError, HTTPStatus.BAD_REQUEST),
    (errors.GenericError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def refusal_of(error: errors.GenericError) -> Refusal:
    """Return what a client is told of an error of the master daemon, or on the way to it."""
    if isinstance(error, errors.OpPrereqError) and error.args[1:] == (ECode.NOENT,):
        return not_found(str(error))
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return Refusal(status, str(error))
