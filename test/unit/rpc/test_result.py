from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.model.scalars import NodeName
from ganeti.rpc.result import Failure, NodeResult, Phase

NODE = NodeName("node1.example.com")


def failed(error: errors.GenericError | None, message: str = "no more memory") -> NodeResult[int]:
    return NodeResult(NODE, None, Failure(Phase.FAILED, message, error))


def test_value_is_unwrapped() -> None:
    assert NodeResult(NODE, 5).unwrap("count") == 5


def test_none_is_a_value_too() -> None:
    result: NodeResult[None] = NodeResult(NODE, None)

    assert result.ok
    assert result.unwrap("do nothing") is None


def test_error_names_act_and_node_and_keeps_its_class() -> None:
    with pytest.raises(errors.HypervisorError) as caught:
        failed(errors.HypervisorError("no more memory")).unwrap("start instance web1")

    assert str(caught.value) == "cannot start instance web1 on node node1.example.com: no more memory"


def test_act_is_told_once_when_the_node_tells_of_it_too() -> None:
    with pytest.raises(errors.OpExecError) as caught:
        failed(None, "cannot use OS noop: no such definition").unwrap("use OS noop")

    assert str(caught.value) == "cannot use OS noop on node node1.example.com: no such definition"


def test_further_arguments_of_an_error_are_kept() -> None:
    error = errors.DeviceCreationError("no room", [["node1", "disk"]])

    with pytest.raises(errors.DeviceCreationError) as caught:
        failed(error, "no room").unwrap("create disk 0")

    assert caught.value.args[1] == [["node1", "disk"]]
    assert error.args[0] == "no room"


def test_error_whose_first_argument_is_no_message_becomes_an_execution_error() -> None:
    error = errors.X509CertError("/some/file", "expired")

    with pytest.raises(errors.OpExecError) as caught:
        failed(error, str(error)).unwrap("renew certificate")

    assert "certificate /some/file: expired" in str(caught.value)
    assert caught.value.__cause__ is error


def test_failure_without_error_of_the_node_is_an_execution_error() -> None:
    with pytest.raises(errors.OpExecError, match=r"cannot ask on node node1\.example\.com: no route"):
        NodeResult(NODE, None, Failure(Phase.UNREACHABLE, "no route")).unwrap("ask")
