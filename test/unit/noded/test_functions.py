"""Function calls with real processes, without any server."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
from collections.abc import Awaitable, Callable

import pytest

from ganeti import errors
from ganeti.noded import function_server
from ganeti.noded.function_process import carry_out
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.functions import Functions, Keep, UnknownFunction
from ganeti.procedure import table_of
from ganeti.rpc.result import Failure
from ganeti.rpc.transport import OK, Response, read_answer
from ganeti.utils import json, process
from test.support import node_calls
from test.support.clock import ManualClock
from test.support.node_daemon import children_of
from test.support.polling import eventually

TABLE = table_of(node_calls.this_module())


class Made:
    """Functions under test, and what they asked for."""

    def __init__(self, server: ServerProcess, **settings: object) -> None:
        self.clock = ManualClock()
        self.quits = 0
        self.functions = Functions(
            TABLE,
            node_calls.handlers(),
            server,
            self.clock,
            on_quit=self._quit,
            **settings,  # type: ignore[arg-type]  # what a test sets is checked by running it
        )

    def _quit(self) -> None:
        self.quits += 1

    async def call(self, name: str, *args: object, key: str = "") -> object:
        function = self.functions.begin(name, json.dumps_bytes(args), key)
        answer = await self.functions.wait(function, 20)
        assert answer is not None
        return read_answer(Response(OK, "", answer.body))


def run(test: Callable[[Made], Awaitable[None]], **settings: object) -> Made:
    """Run a test that must leave no process and no descriptor behind."""

    before = os.listdir("/proc/self/fd")
    limit = settings.get("answer_limit", 10_000_000)
    assert isinstance(limit, int)
    server = function_server.start(TABLE, node_calls.handlers(), answer_limit=limit, body_limit=10_000_000)

    async def guarded() -> Made:
        made = Made(server, **settings)
        try:
            await test(made)
        finally:
            await made.functions.stop()
        assert made.functions.running == 0
        return made

    made = asyncio.run(guarded())
    assert children_of(os.getpid()) == []
    assert len(os.listdir("/proc/self/fd")) == len(before)
    return made


def test_call_is_carried_out_in_a_process_of_its_own() -> None:
    async def test(made: Made) -> None:
        found = await made.call("surroundings")

        assert isinstance(found, dict)
        assert found["pid"] != os.getpid() and [found["ppid"]] == children_of(os.getpid())
        assert found["pgid"] == found["pid"]
        assert found["sigint"] and found["blocked"] == 0

    run(test)


def test_inline_call_is_answered_at_once() -> None:
    async def test(made: Made) -> None:
        function = made.functions.begin("echo_inline", b"[7]", "")

        assert function.answer is not None and function.answer.body == b"[true,7]"
        assert made.functions.running == 0

    run(test)


def test_process_keeps_nothing_of_the_daemon_but_its_pipe(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        with open(tmp_path / "secret", "w"):
            found = await made.call("descriptors")

        assert isinstance(found, list)
        assert not any("secret" in name or "eventpoll" in name or "socket" in name for name in found)
        assert found[0] == "/dev/null"

    run(test)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (signal.SIGKILL, "was ended by signal SIGKILL"),
        (signal.SIGSEGV, "signal SIGSEGV"),
        (0, "ended with exit code 3"),
    ],
)
def test_death_of_the_process_is_told(number: int, text: str) -> None:
    async def test(made: Made) -> None:
        outcome = await made.call("die", int(number))

        assert isinstance(outcome, Failure) and text in outcome.message
        assert await made.call("echo", "still here") == "still here"

    run(test)


def test_error_of_a_handler_keeps_its_class() -> None:
    async def test(made: Made) -> None:
        outcome = await made.call("fail", "StorageError")

        assert isinstance(outcome, Failure)
        assert isinstance(outcome.error, errors.StorageError)

    run(test)


@pytest.mark.parametrize("kind", ["unexpected", "odd"])
def test_mistake_of_a_handler_is_told_as_an_execution_error(kind: str) -> None:
    async def test(made: Made) -> None:
        outcome = await made.call("fail", kind)

        assert isinstance(outcome, Failure)
        assert isinstance(outcome.error, errors.OpExecError)

    run(test)


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[1,2]", b"[[" + b"[" * 100_000, b"\xff", b'"x"'])
def test_rubbish_for_arguments_is_the_failure_of_that_call(body: bytes) -> None:
    answer = carry_out(TABLE["greet"], node_calls.handlers()["greet"], body)

    assert isinstance(read_answer(Response(OK, "", answer.body)), Failure)


def test_answer_longer_than_a_pipe_arrives_whole() -> None:
    async def test(made: Made) -> None:
        assert await made.call("large", 3_000_000) == "x" * 3_000_000

    run(test)


def test_answer_over_the_limit_is_an_error() -> None:
    async def test(made: Made) -> None:
        outcome = await made.call("large", 2000)

        assert isinstance(outcome, Failure) and "larger than 1000 bytes" in outcome.message

    run(test, answer_limit=1000)


def test_call_that_takes_longer_is_waited_for_by_id(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        file = tmp_path / "go"
        function = made.functions.begin("wait_for_file", json.dumps_bytes([str(file)]), "")
        assert await made.functions.wait(function, 0) is None
        await eventually(lambda: function.running and function.running.pid)
        file.write_text("done")

        answer = await made.functions.wait(made.functions.find(made.functions.call_id(function)), 20)

        assert answer is not None and answer.body == b'[true,"done"]'
        ppid, cpid, stamp, chance = function.id.split(":")
        assert int(ppid) == os.getpid() and int(cpid) > 0 and float(stamp) > 0 and len(chance) >= 4

    run(test)


def test_unknown_function_call_is_named() -> None:
    async def test(made: Made) -> None:
        with pytest.raises(UnknownFunction, match="1:2:3:4"):
            made.functions.find("1:2:3:4")
        with pytest.raises(UnknownFunction, match="no such procedure"):
            made.functions.begin("reboot_all", b"[]", "")

    run(test)


def test_same_key_joins_the_running_call_and_later_gets_its_answer(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        ran, file = tmp_path / "log", tmp_path / "go"
        body = json.dumps_bytes([str(ran), str(file)])
        first = made.functions.begin("append_and_wait", body, "key1")
        second = made.functions.begin("append_and_wait", body, "key1")
        file.touch()

        one, two = await asyncio.gather(made.functions.wait(first, 20), made.functions.wait(second, 20))
        three = await made.functions.wait(made.functions.begin("append_and_wait", body, "key1"), 20)

        assert one == two == three
        assert len(ran.read_text().splitlines()) == 1

    run(test)


def test_key_used_for_another_call_is_refused() -> None:
    async def test(made: Made) -> None:
        made.functions.begin("echo_inline", b"[1]", "key1")
        with pytest.raises(errors.RemoteError, match="used for another call"):
            made.functions.begin("echo_inline", b"[2]", "key1")

    run(test)


def test_ended_calls_are_forgotten_oldest_first() -> None:
    async def test(made: Made) -> None:
        begun = [made.functions.begin("echo_inline", b"[1]", f"key{number}") for number in range(5)]

        assert made.functions.begin("echo_inline", b"[1]", "key4") is begun[4]
        assert made.functions.begin("echo_inline", b"[1]", "key0") is not begun[0]

    run(test, keep_unfetched=Keep(seconds=100, calls=3, size=10_000))


def test_ended_calls_are_forgotten_after_a_time() -> None:
    async def test(made: Made) -> None:
        old = made.functions.begin("echo_inline", b"[1]", "key1")
        call_id = made.functions.call_id(old)
        assert made.functions.find(call_id) is old
        made.clock.now += 101

        made.functions.begin("echo_inline", b"[1]", "key2")

        with pytest.raises(UnknownFunction):
            made.functions.find(call_id)

    run(test, keep_unfetched=Keep(seconds=100, calls=100, size=10_000))


def test_calls_beyond_the_limit_wait_for_a_process(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        file = tmp_path / "go"
        body = json.dumps_bytes([str(file)])
        begun = [made.functions.begin("wait_for_file", body, "") for _ in range(6)]
        assert made.functions.running == 3
        assert await made.call("echo", "a short call finds a place") == "a short call finds a place"
        file.write_text("x")

        answers = await asyncio.gather(*[made.functions.wait(function, 20) for function in begun])

        assert [answer.body for answer in answers if answer] == [b'[true,"x"]'] * 6

    run(test, max_processes=4)


def test_queue_has_an_end(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        body = json.dumps_bytes([str(tmp_path / "never")])
        begun = [made.functions.begin("wait_for_file", body, "") for _ in range(3)]
        with pytest.raises(errors.RemoteError, match="wait for a process already"):
            made.functions.begin("wait_for_file", body, "")

        await made.functions.stop()

        for function in begun:
            assert function.answer is not None
            assert isinstance(read_answer(Response(OK, "", function.answer.body)), Failure)
        with pytest.raises(errors.RemoteError, match="is ending"):
            made.functions.begin("echo", b"[1]", "")

    run(test, max_processes=1, max_queued=2)


def test_end_of_the_daemon_ends_what_calls_started(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        started = tmp_path / "started"
        body = json.dumps_bytes([f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600"])
        function = made.functions.begin("run_script", body, "")
        await eventually(started.exists)
        pid = int(started.read_text())

        await made.functions.stop()

        assert function.answer is not None and b"SIGTERM" in function.answer.body
        await eventually(lambda: not process.is_alive(pid))

    run(test)


def test_call_that_is_ended_takes_along_what_it_started_and_no_other(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        started = tmp_path / "started"
        script = f"sleep 600 & echo $$ $! > {started}.new; mv {started}.new {started}; wait"
        wanted = made.functions.begin("wait_for_file", json.dumps_bytes([str(tmp_path / "go")]), "other")
        function = made.functions.begin("run_script", json.dumps_bytes([script]), "key")
        await eventually(started.exists)

        made.functions.end("key")

        assert await made.functions.wait(function, 20) is not None
        await eventually(lambda: not any(process.is_alive(int(pid)) for pid in started.read_text().split()))
        (tmp_path / "go").write_text("x")
        answer = await made.functions.wait(wanted, 20)
        assert answer is not None and answer.body == b'[true,"x"]'
        made.functions.end("key")  # again, and one that never was
        made.functions.end("nobody's")

    run(test)


def test_script_that_nobody_asks_for_any_more_is_ended(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        script = "sleep 600 & wait"
        left = made.functions.begin("run_wanted_script", json.dumps_bytes([script]), "left")
        wanted = made.functions.begin("run_wanted_script", json.dumps_bytes([f"{script} # wanted"]), "wanted")
        unheard = made.functions.begin("run_wanted_script", json.dumps_bytes([f"{script} # unheard"]), "unheard")
        other = made.functions.begin("run_script", json.dumps_bytes([script]), "no script of others")
        for function in (left, wanted, other):
            await made.functions.wait(function, 0.01)
        await made.functions.wait(unheard, 0)

        while left.answer is None:
            await made.functions.wait(wanted, 0.01)

        assert b"SIGTERM" in left.answer.body
        assert wanted.answer is None and other.answer is None and unheard.answer is None

    run(test, abandoned_after=0.2)


def test_scripts_of_earlier_masters_are_ended_and_nothing_else(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        keys = ("old-1", "older-2", "new-3", "nobodys")
        begun = {
            key: made.functions.begin("run_wanted_script", json.dumps_bytes([f"sleep 600 & wait # {key}"]), key)
            for key in keys
        }
        begun["call"] = made.functions.begin("wait_for_file", json.dumps_bytes([str(tmp_path / "never")]), "old-4")

        made.functions.end_earlier("new")

        for key in ("old-1", "older-2"):
            assert await made.functions.wait(begun[key], 20) is not None
        assert [key for key, function in begun.items() if function.answer is None] == ["new-3", "nobodys", "call"]

    run(test)


def test_call_that_is_ended_before_it_began_never_begins(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        log, go = tmp_path / "log", tmp_path / "go"
        first = made.functions.begin("wait_for_file", json.dumps_bytes([str(go)]), "first")
        second = made.functions.begin("append", json.dumps_bytes([str(log)]), "second")

        made.functions.end("second")

        assert second.answer is not None and b"nobody waits for it" in second.answer.body
        go.write_text("x")
        await made.functions.wait(first, 20)
        assert await made.call("echo", 1) == 1
        assert not log.exists()

    run(test, max_processes=1)


def test_call_may_end_the_daemon() -> None:
    async def test(made: Made) -> None:
        assert await made.call("leave", "Shutdown scheduled") == "Shutdown scheduled"

    assert run(test).quits == 1


def test_large_arguments_arrive_whole() -> None:
    async def test(made: Made) -> None:
        assert await made.call("echo", "x" * 3_000_000) == "x" * 3_000_000

    run(test)


def test_many_calls_at_once_all_begin() -> None:
    async def test(made: Made) -> None:
        text = "x" * 30_000  # more than fits into the socket to the function server

        answers = await asyncio.gather(*[made.call("echo", [number, text]) for number in range(100)])

        assert answers == [[number, text] for number in range(100)]

    run(test, max_processes=100)


def test_loss_of_the_function_server_ends_its_calls_and_the_daemon(tmp_path: pathlib.Path) -> None:
    async def test(made: Made) -> None:
        ran = tmp_path / "log"
        begun = made.functions.begin("append_and_wait", json.dumps_bytes([str(ran), str(tmp_path / "never")]), "")
        await eventually(lambda: ran.exists() and ran.read_text())
        (server,) = children_of(os.getpid())
        os.kill(server, signal.SIGKILL)

        answer = await made.functions.wait(begun, 20)

        assert answer is not None and b"function server" in answer.body
        assert made.quits == 1
        await eventually(lambda: not process.is_alive(int(ran.read_text())))

    run(test)
