"""The error tree is the one of the specification, and survives the way over the wire."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti import errors

_SPEC = os.path.join(os.path.dirname(__file__), "..", "data", "spec", "luxi.json")
with open(_SPEC, encoding="utf-8") as _file:
    _LUXI = json.load(_file)

CLASSES: dict[str, dict[str, Any]] = _LUXI["error_classes"]
#: a program's way to leave, never a result
NOT_ON_THE_WIRE = {"QuitGanetiException", "JobSubmittedException"}
WIRE_CLASSES = [name for name in CLASSES if name not in NOT_ON_THE_WIRE]

FAMILIES = (errors.UserError, errors.StateError, errors.EnvironmentFailure, errors.Bug)

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
arguments = st.lists(scalars | st.lists(scalars, max_size=3), max_size=4)


def _class(name: str) -> type[errors.GenericError]:
    found = getattr(errors, name)
    assert issubclass(found, errors.GenericError)
    return found  # type: ignore[no-any-return]  # looked up by name


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_the_specification_is_there_below_its_base(name: str) -> None:
    cls, base = getattr(errors, name), CLASSES[name]["base"]

    assert issubclass(cls, Exception)
    if base != "GenericError":
        assert issubclass(cls, Exception if base == "Exception" else getattr(errors, base))


@pytest.mark.parametrize("name", WIRE_CLASSES)
def test_every_class_belongs_to_one_family(name: str) -> None:
    families = [family for family in FAMILIES if issubclass(_class(name), family)]

    assert len(families) == (0 if name == "RapiTestResult" else 1)


def test_no_class_is_added_to_the_wire_without_the_specification() -> None:
    ours = {"GenericError", "UserError", "StateError", "EnvironmentFailure", "Bug", "BlockDeviceError"}
    ours.add("NotMasterError")
    client_side = {cls.__name__ for cls in _tree(errors.ProtocolError)}

    added = {cls.__name__ for cls in _tree(errors.GenericError)} - set(CLASSES) - ours - client_side

    assert added == set()


def _tree(cls: type[errors.GenericError]) -> list[type[errors.GenericError]]:
    return [cls, *(found for sub in cls.__subclasses__() if sub.__module__ == "ganeti.errors" for found in _tree(sub))]


@pytest.mark.parametrize("name", WIRE_CLASSES)
@settings(max_examples=20)
@given(args=arguments)
def test_an_error_comes_back_from_the_wire_as_it_was(name: str, args: list[Any]) -> None:
    sent = errors.from_wire([name, args])
    assert sent is not None

    received = errors.from_wire(json.loads(json.dumps(errors.to_wire(sent))))

    assert type(received) is type(sent) is _class(name)
    assert received.args == sent.args


@pytest.mark.parametrize("name", WIRE_CLASSES)
@settings(max_examples=20)
@given(args=arguments)
def test_arguments_survive_also_when_they_do_not_fit_the_class(name: str, args: list[Any]) -> None:
    received = errors.from_wire([name, args])

    assert received is not None
    assert [str(a) for a in received.args][: len(args)] == [str(a) for a in args]


@pytest.mark.parametrize("name", WIRE_CLASSES)
@settings(max_examples=20)
@given(args=arguments)
def test_every_error_can_be_shown(name: str, args: list[Any]) -> None:
    received = errors.from_wire([name, args])

    assert isinstance(str(received), str)


@given(st.recursive(scalars, lambda inner: st.lists(inner, max_size=3)))
def test_what_is_not_an_encoded_error_is_none(value: object) -> None:
    assert errors.from_wire(value) is None


@pytest.mark.parametrize(
    "value", [["Exception", []], ["SystemExit", [0]], ["GenericError", "x"], ["OpExecError"], {"a": 1}]
)
def test_classes_that_are_not_ours_are_never_made(value: object) -> None:
    assert errors.from_wire(value) is None


def test_foreign_errors_travel_as_execution_errors_with_their_name() -> None:
    assert errors.to_wire(KeyError("x")) == ["OpExecError", ["KeyError: 'x'"]]
    assert errors.to_wire(ValueError()) == ["OpExecError", ["ValueError"]]


def test_a_class_of_the_same_name_from_elsewhere_is_foreign() -> None:
    class OpPrereqError(Exception):
        pass

    assert errors.to_wire(OpPrereqError("x")) == ["OpExecError", ["OpPrereqError: x"]]


def test_a_prerequisite_error_says_what_kind_it_is() -> None:
    error = errors.OpPrereqError("no such instance", errors.ECode.NOENT)

    assert errors.to_wire(error) == ["OpPrereqError", ["no such instance", "unknown_entity"]]
    assert error.ecode is errors.ECode.NOENT


def test_codes_are_those_of_the_specification() -> None:
    assert {code.value for code in errors.ECode} == set(_LUXI["ecodes"])


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (errors.OpCodeUnknown("OP_X"), "unknown opcode 'OP_X'"),
        (errors.ConfigVersionMismatch(3, 2), "configuration is of version 2, this is version 3"),
        (errors.ConfigVerifyError("bad", ["a", "b"]), "bad: a; b"),
        (errors.ResolverError("h", -2, "unknown"), "cannot resolve host name h: unknown"),
        (errors.HooksAbort([["n", "s", " out\n"]]), "hooks failed: s on n: out"),
        (errors.X509CertError("f.pem", "expired"), "certificate f.pem: expired"),
        (errors.GenericError(), "GenericError"),
        (errors.HooksAbort("x", 1), "x, 1"),
    ],
)
def test_messages_are_sentences(error: errors.GenericError, shown: str) -> None:
    assert str(error) == shown
