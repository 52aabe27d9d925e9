"""The conversation about one call, without any wire."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.rpc import envelope, transport
from ganeti.rpc.result import Failure, Phase
from ganeti.rpc.transport import Call, Loss, Pause, Request, Response, Times
from ganeti.utils import json

TIMES = Times(connect=5, first=2, again=10, grace=6, patience=20, pause=1)
CALL = Call("echo", b"[1]", 60, "cluster-1")
LOST = Loss(Phase.UNREACHABLE, "connection lost", True)
SILENT = Loss(Phase.TIMEOUT, "did not answer", True)
UNREACHABLE = Loss(Phase.UNREACHABLE, "no route", False)


def done(value: object) -> Response:
    return Response(200, "d1", envelope.success(value))


def running(function: str = "1:2:3:4") -> Response:
    return Response(202, "d1", json.dumps_bytes({"function": function}))


class Talk:
    """A conversation with a node that answers from a script; the clock moves with each request."""

    def __init__(self, *script: Response | Loss, known: str = "", call: Call = CALL) -> None:
        self.now = 0.0
        self.steps: list[Request | Pause] = []
        self.outcome = self._drive(list(script), transport.converse(call, "key", lambda: known, self._now, TIMES))

    @property
    def requests(self) -> list[Request]:
        return [step for step in self.steps if isinstance(step, Request)]

    def _now(self) -> float:
        return self.now

    def _drive(
        self,
        script: list[Response | Loss],
        conversation: Generator[Request | Pause, Response | Loss | None, object],
    ) -> object:
        try:
            step = next(conversation)
            while True:
                self.steps.append(step)
                if isinstance(step, Pause):
                    self.now += step.seconds
                    step = conversation.send(None)
                    continue
                heard = script.pop(0) if len(script) > 1 else script[0]
                if isinstance(heard, Loss) or heard.status == 202:
                    self.now += step.timeout
                step = conversation.send(heard)
        except StopIteration as end:
            return end.value


def failed(talk: Talk) -> Failure:
    assert isinstance(talk.outcome, Failure)
    return talk.outcome


def test_call_carries_cluster_key_and_wait() -> None:
    talk = Talk(done(5))

    assert talk.outcome == 5
    (request,) = talk.requests
    assert request.path == "/echo"
    assert request.body == b"[1]"
    assert request.headers == ("X-Ganeti-Call: key", "X-Ganeti-Wait: 2", "X-Ganeti-Cluster: cluster-1")


def test_no_cluster_header_before_there_is_a_cluster() -> None:
    talk = Talk(done(5), call=CALL._replace(cluster_uuid=""))

    assert talk.requests[0].headers == ("X-Ganeti-Call: key", "X-Ganeti-Wait: 2")


def test_first_request_is_answered_within_seconds_or_given_up() -> None:
    talk = Talk(SILENT)

    assert talk.requests[0].timeout == TIMES.first + TIMES.grace
    assert failed(talk).phase is Phase.TIMEOUT
    assert failed(talk).uncertain
    assert len(talk.requests) == 1


def test_running_call_is_waited_for_by_id() -> None:
    talk = Talk(running("7:8:9:0"), running("7:8:9:0"), done("late"))

    assert talk.outcome == "late"
    assert [r.path for r in talk.requests] == ["/echo", "/WaitForFunction", "/WaitForFunction"]
    assert json.loads(talk.requests[1].body) == ["7:8:9:0", 10]
    assert talk.requests[1].waits and not talk.requests[0].waits


def test_call_ends_at_its_time_limit() -> None:
    talk = Talk(running(), call=CALL._replace(limit=25))

    assert failed(talk).phase is Phase.TIMEOUT
    assert "still runs after 25 s" in str(failed(talk))
    assert failed(talk).uncertain
    assert talk.now <= 25 + TIMES.first + 2 * TIMES.again


def test_lost_request_is_repeated_once_to_the_same_daemon_with_the_same_key() -> None:
    talk = Talk(LOST, done(5), known="d1")

    assert talk.outcome == 5
    first, second = talk.requests
    assert second.headers == (*first.headers, "X-Ganeti-Daemon: d1")


def test_lost_request_is_not_repeated_to_a_daemon_never_heard_of() -> None:
    talk = Talk(LOST)

    assert len(talk.requests) == 1
    assert failed(talk).phase is Phase.UNREACHABLE and failed(talk).uncertain


def test_silent_node_is_not_asked_again() -> None:
    talk = Talk(SILENT, known="d1")

    assert len(talk.requests) == 1


def test_restarted_daemon_leaves_the_outcome_uncertain() -> None:
    refusal = Response(409, "d2", envelope.failure(errors.RemoteError("restarted")))

    talk = Talk(LOST, refusal, known="d1")

    assert failed(talk).uncertain
    assert "the node daemon was restarted" in str(failed(talk))


def test_unreachable_node_got_nothing() -> None:
    talk = Talk(UNREACHABLE, known="d1")

    assert failed(talk) == Failure(Phase.UNREACHABLE, "no route", None, uncertain=False)


def test_waiting_survives_a_short_break_of_the_network() -> None:
    talk = Talk(running(), UNREACHABLE, LOST, done(5))

    assert talk.outcome == 5
    assert sum(isinstance(step, Pause) for step in talk.steps) == 2


def test_waiting_ends_when_the_node_stays_silent() -> None:
    talk = Talk(running(), UNREACHABLE, call=CALL._replace(limit=3600))

    assert failed(talk).phase is Phase.UNREACHABLE and failed(talk).uncertain
    assert talk.now < 120


def test_function_call_nobody_knows_is_named_as_such() -> None:
    unknown = Response(404, "d2", envelope.failure(errors.RemoteError("not known")))

    talk = Talk(running("1:2:3:4"), unknown)

    assert failed(talk).phase is Phase.FAILED and failed(talk).uncertain
    assert "1:2:3:4" in str(failed(talk))


def test_error_of_the_call_keeps_its_class() -> None:
    talk = Talk(Response(200, "d1", envelope.failure(errors.HypervisorError("no more memory"))))

    assert failed(talk).phase is Phase.FAILED and not failed(talk).uncertain
    assert isinstance(failed(talk).error, errors.HypervisorError)
    assert str(failed(talk)) == "no more memory"


def test_refusal_is_told_with_its_reason() -> None:
    talk = Talk(Response(403, "d1", envelope.failure(errors.RemoteError("not for you"))))

    assert failed(talk).phase is Phase.REFUSED
    assert str(failed(talk)) == "not for you"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"[true]", b'{"function": 3}', b"null", b"[1, 2, 3]"])
@pytest.mark.parametrize("status", [200, 202, 400, 500])
def test_answer_of_something_else_is_a_failure(status: int, body: bytes) -> None:
    talk = Talk(Response(status, "", body))

    assert failed(talk).uncertain


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_values_survive_the_envelope(value: object) -> None:
    assert transport.read_answer(done(value)) == value


@given(
    st.lists(
        st.sampled_from(
            [LOST, SILENT, UNREACHABLE, running(), done(1), Response(404, "", b""), Response(500, "", b"x")]
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["", "d1"]),
)
def test_every_conversation_ends(script: list[Response | Loss], known: str) -> None:
    talk = Talk(*script, known=known)

    assert len(talk.requests) < 100
    starts = [r for r in talk.requests if r.path == "/echo"]
    assert len(starts) <= 2


def test_error_that_json_cannot_hold_is_told_as_text() -> None:
    answer = transport.read_answer(Response(200, "", envelope.failure(errors.OpExecError({1, 2}))))

    assert isinstance(answer, Failure)
    assert "OpExecError" in str(answer)


def test_keys_differ() -> None:
    make: Callable[[], str] = transport.new_key

    assert len({make() for _ in range(100)}) == 100
