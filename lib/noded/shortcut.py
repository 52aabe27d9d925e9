"""Calls that mostly have nothing to do get their answer without a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ganeti import errors
from ganeti.noded.function_process import Answer, Handler
from ganeti.procedure import Procedure
from ganeti.rpc.envelope import success
from ganeti.utils import json

F = TypeVar("F", bound=Callable[..., Any])

_NAME = "answer_at_once"


def shortcut(answer: Callable[..., Any]) -> Callable[[F], F]:
    """Mark a handler with what may answer in its place: given the same arguments, it returns None to have it called.

    Runs in the node daemon itself and so must not block.
    """

    def mark(handler: F) -> F:
        setattr(handler, _NAME, answer)
        return handler

    return mark


def answer_at_once(procedure: Procedure[..., Any], handler: Handler, body: bytes) -> Answer | None:
    """Return the answer of a call that needs no process, None for one that does."""
    quick = getattr(handler, _NAME, None)
    if quick is None:
        return None
    try:
        value = quick(handler.__self__, *procedure.decode_arguments(json.loads(body)))  # type: ignore[attr-defined]  # a bound method
    except (errors.GenericError, ValueError):
        return None  # the handler says what is wrong
    return None if value is None else Answer(success(procedure.encode_answer(value)))
