"""The bodies of answers to node calls: `[true, value]` or `[false, encoded error]`."""

from __future__ import annotations

from ganeti import errors
from ganeti.utils import json


def success(value: object) -> bytes:
    """Return the body of an answer that carries a value in its wire form."""
    return b"[true," + json.dumps_bytes(value) + b"]"


def failure(error: BaseException) -> bytes:
    """Return the body of an answer that tells an error."""
    try:
        return b"[false," + json.dumps_bytes(errors.to_wire(error)) + b"]"
    except (TypeError, ValueError):
        return b"[false," + json.dumps_bytes(["OpExecError", [f"{type(error).__name__}: {error}"]]) + b"]"
