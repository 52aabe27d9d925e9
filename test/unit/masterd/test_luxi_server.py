import asyncio
import json
import os
import pathlib
import resource
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganeti import errors
from ganeti.luxi import framing
from ganeti.masterd.luxi_server import Handler, Limits, LuxiServer
from test.support.polling import eventually


class Peer:
    """A client that can misbehave."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, method: str, *args: object) -> None:
        self.writer.write(json.dumps({"method": method, "args": args}).encode() + b"\x03")

    async def answer(self) -> dict[str, object]:
        async with asyncio.timeout(10):
            data = await self.reader.readuntil(b"\x03")
        result = json.loads(data[:-1])
        assert isinstance(result, dict)
        return result

    async def is_hung_up(self) -> bool:
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except (ConnectionResetError, BrokenPipeError):
                return True


class Running:
    def __init__(self, server: LuxiServer, path: str, connect: Callable[[], Awaitable[Peer]]) -> None:
        self.server = server
        self.path = path
        self.connect = connect


def serving(
    handlers: dict[str, Handler], limits: Limits | None = None, limit: int = 1 << 24
) -> AbstractAsyncContextManager[Running]:
    @asynccontextmanager
    async def run() -> AsyncIterator[Running]:
        peers: list[Peer] = []
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "s")
            server = LuxiServer(handlers, limits)
            await server.start([path])

            async def connect() -> Peer:
                peers.append(Peer(*await asyncio.open_unix_connection(path, limit=limit)))
                return peers[-1]

            try:
                yield Running(server, path, connect)
            finally:
                for peer in peers:
                    peer.writer.close()
                await server.close(grace=1)

    return run()


async def query_tags(kind: str, name: str) -> object:
    return [kind, name]


TAGS: dict[str, Handler] = {"QueryTags": query_tags}


def test_both_socket_names_are_served_with_0660_from_birth(tmp_path: pathlib.Path) -> None:
    paths = [str(tmp_path / "ganeti-master"), str(tmp_path / "ganeti-query")]

    async def scenario() -> list[object]:
        server = LuxiServer(TAGS)
        await server.start(paths)
        answers = []
        for path in paths:
            peer = Peer(*await asyncio.open_unix_connection(path))
            peer.ask("QueryTags", "cluster")
            answers.append((await peer.answer())["result"])
            peer.writer.close()
        await server.close()
        return answers

    assert asyncio.run(scenario()) == [["cluster", ""], ["cluster", ""]]
    assert [stat.S_IMODE(os.stat(p).st_mode) for p in paths] == [0o660, 0o660]


def test_socket_left_by_a_dead_daemon_is_replaced_but_a_file_is_not(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")

    async def start_twice() -> None:
        for _ in range(2):
            server = LuxiServer(TAGS)
            await server.start([path])
            await server.close()

    asyncio.run(start_twice())
    os.unlink(path)
    pathlib.Path(path).write_text("precious")

    with pytest.raises(errors.EnvironmentFailure, match="something that is no socket"):
        asyncio.run(LuxiServer(TAGS).start([path]))
    assert pathlib.Path(path).read_text() == "precious"


def test_requests_sent_together_are_answered_one_after_the_other_in_order() -> None:
    active: list[int] = []

    async def archive_job(job_id: int) -> object:
        active.append(job_id)
        await asyncio.sleep(0)
        assert len(active) == 1
        active.clear()
        return job_id

    async def scenario() -> list[object]:
        async with serving({"ArchiveJob": archive_job}) as running:
            peer = await running.connect()
            for n in range(50):
                peer.ask("ArchiveJob", n)
            return [(await peer.answer())["result"] for _ in range(50)]

    assert asyncio.run(scenario()) == list(range(50))


def test_waiting_client_does_not_hold_up_the_others() -> None:
    async def scenario() -> object:
        never = asyncio.Event()

        async def wait(job_id: int, fields: object, prev_info: object, prev_serial: object, timeout: float) -> object:
            await never.wait()
            return None

        async with serving({"WaitForJobChange": wait, **TAGS}) as running:
            waiting = [await running.connect() for _ in range(100)]
            for peer in waiting:
                peer.ask("WaitForJobChange", 1, [], None, None, 10)
            other = await running.connect()
            other.ask("QueryTags", "cluster")
            return (await other.answer())["result"]

    assert asyncio.run(scenario()) == ["cluster", ""]


def test_500_idle_connections_have_no_task_and_the_next_client_is_served() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))

    async def scenario() -> tuple[int, object]:
        async with serving(TAGS) as running:
            idle = [await running.connect() for _ in range(500)]
            await eventually(lambda: len(running.server.connections) == 500)
            await eventually(lambda: len(asyncio.all_tasks()) == 1)  # this one
            idle[250].ask("QueryTags", "node", "late")
            return len(running.server.connections), (await idle[250].answer())["result"]

    assert asyncio.run(scenario()) == (500, ["node", "late"])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["SubmitJob", 1], "SubmitJob.ops: expected a list"),
        (["QueryTags", 5], "QueryTags.kind: expected text"),
        (["QueryTags", "a", "b", "c"], "takes 2 arguments"),
    ],
)
def test_wrong_arguments_are_told_and_the_connection_stays(args: list[object], message: str) -> None:
    async def submit_job(ops: object) -> object:
        return 1

    async def scenario() -> tuple[dict[str, object], dict[str, object]]:
        async with serving({"SubmitJob": submit_job, **TAGS}) as running:
            peer = await running.connect()
            peer.ask(*args)  # type: ignore[arg-type]  # wrong on purpose
            peer.ask("QueryTags", "cluster")
            return await peer.answer(), await peer.answer()

    refused, served = asyncio.run(scenario())

    assert refused["success"] is False
    assert message in str(refused["result"])
    assert served["success"] is True


def test_errors_of_handlers_are_encoded_and_bugs_do_not_end_the_connection() -> None:
    async def archive_job(job_id: int) -> object:
        if job_id:
            raise errors.OpPrereqError("not finished", errors.ECode.STATE)
        raise KeyError("surprise")

    async def scenario() -> list[object]:
        async with serving({"ArchiveJob": archive_job}) as running:
            peer = await running.connect()
            peer.ask("ArchiveJob", 1)
            peer.ask("ArchiveJob", 0)
            return [(await peer.answer())["result"] for _ in range(2)]

    assert asyncio.run(scenario()) == [
        ["OpPrereqError", ["not finished", "wrong_state"]],
        ["OpExecError", ["KeyError: 'surprise'"]],
    ]


def test_what_is_nested_too_deeply_for_a_handler_is_refused() -> None:
    async def submit_job(ops: object) -> object:
        def walk(value: object) -> object:
            return [walk(item) for item in value] if isinstance(value, (list, tuple)) else value

        return walk(ops)

    async def scenario() -> list[object]:
        async with serving({"SubmitJob": submit_job}) as running:
            peer = await running.connect()
            peer.writer.write(b'{"method": "SubmitJob", "args": [' + b"[" * 900 + b"]" * 900 + b"]}\x03")
            peer.ask("SubmitJob", [1])
            return [(await peer.answer())["result"] for _ in range(2)]

    assert asyncio.run(scenario()) == [["LuxiError", ["cannot answer SubmitJob: it is nested too deeply"]], [1]]


def test_unknown_method_and_unknown_version_are_answered() -> None:
    async def scenario() -> list[object]:
        async with serving(TAGS) as running:
            peer = await running.connect()
            peer.ask("QueryTag")
            peer.writer.write(b'{"method": "QueryTags", "args": ["node"], "version": 7}\x03')
            peer.writer.write(b'{"method": "QueryTags", "args": ["node"], "version": 2070000}\x03')
            return [(await peer.answer())["result"] for _ in range(3)]

    unknown, version, served = asyncio.run(scenario())

    assert unknown == ["LuxiError", ["unknown method 'QueryTag' (did you mean QueryTags?)"]]
    assert "version 7" in str(version)
    assert served == ["node", ""]


@pytest.mark.parametrize(
    "garbage",
    [b"hello\x03", b"\x03", b"[]\x03", b'{"method": 1, "args": []}\x03', b'{"method": "a"}\x03', b'"\xff"\x03'],
)
def test_what_is_no_request_ends_the_connection_without_an_answer(garbage: bytes) -> None:
    async def scenario() -> bool:
        async with serving(TAGS) as running:
            peer = await running.connect()
            peer.writer.write(garbage)
            return await peer.is_hung_up()

    assert asyncio.run(scenario())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=4))
def test_whatever_bytes_a_client_sends_the_next_client_is_served(chunks: list[bytes]) -> None:
    async def scenario() -> object:
        async with serving(TAGS) as running:
            wild = await running.connect()
            for chunk in chunks:
                wild.writer.write(chunk)
            wild.writer.close()
            peer = await running.connect()
            peer.ask("QueryTags", "cluster")
            return (await peer.answer())["result"]

    assert asyncio.run(scenario()) == ["cluster", ""]


def test_message_beyond_the_limit_ends_its_connection_alone() -> None:
    async def scenario() -> tuple[bool, object]:
        async with serving(TAGS, Limits(request=10_000)) as running:
            huge, other = await running.connect(), await running.connect()
            huge.writer.write(b"x" * 1_000_000)
            hung_up = await huge.is_hung_up()
            other.ask("QueryTags", "cluster")
            return hung_up, (await other.answer())["result"]

    assert asyncio.run(scenario()) == (True, ["cluster", ""])


def test_half_messages_of_all_clients_together_are_limited_and_small_ones_are_never_refused() -> None:
    async def scenario() -> tuple[list[bool], object, int]:
        async with serving(TAGS, Limits(kept=100_000, kept_always=1000)) as running:
            greedy = [await running.connect() for _ in range(10)]
            for peer in greedy:
                peer.writer.write(b"x" * 30_000)
            await eventually(lambda: len(running.server.connections) == 3 and running.server.kept == 90_000)
            small = await running.connect()
            small.ask("QueryTags", "cluster")
            answer = (await small.answer())["result"]
            hung_up = [peer.reader.at_eof() or peer.reader.exception() is not None for peer in greedy]
            for peer in greedy:
                peer.writer.close()
            await eventually(lambda: len(running.server.connections) == 1)
            return hung_up, answer, running.server.kept

    hung_up, answer, kept = asyncio.run(scenario())

    assert hung_up.count(False) == 3 and answer == ["cluster", ""] and kept == 0


def test_answers_nobody_takes_are_limited_for_all_clients_together() -> None:
    async def query_cluster_info() -> object:
        return framing.Encoded(b'"' + b"x" * 4_000_000 + b'"')

    async def scenario() -> tuple[int, object]:
        limits = Limits(kept=10_000_000, write_buffer=1000)
        async with serving({"QueryClusterInfo": query_cluster_info, **TAGS}, limits, limit=1024) as running:
            slow = [await running.connect() for _ in range(6)]
            for peer in slow:
                peer.ask("QueryClusterInfo")
            await eventually(lambda: len(running.server.connections) == 2)
            other = await running.connect()
            other.ask("QueryTags", "cluster")
            return running.server.kept, (await other.answer())["result"]

    kept, answer = asyncio.run(scenario())

    assert 4_000_000 < kept <= 10_000_000 and answer == ["cluster", ""]


def test_large_requests_that_are_being_answered_are_limited_together_and_small_ones_are_never_refused() -> None:
    async def scenario() -> tuple[list[bool], list[object], object, int, object]:
        release = asyncio.Event()

        async def submit_job(ops: object) -> object:
            await release.wait()
            return 1

        limits = Limits(answered=2_000_000, answered_always=2000)
        async with serving({"SubmitJob": submit_job, **TAGS}, limits) as running:
            server = running.server
            greedy = [await running.connect() for _ in range(4)]
            for peer in greedy:
                peer.ask("SubmitJob", [[]] * 5000)  # 720 kB read, 20 kB as text
            await eventually(lambda: server.answered > 1_400_000 and not server.kept)
            small = await running.connect()
            small.ask("QueryTags", "cluster")
            answer = (await small.answer())["result"]
            release.set()
            answers = [await peer.answer() for peer in greedy]
            taken = server.answered
            greedy[0].ask("SubmitJob", [[]] * 20_000)
            return (
                sorted(bool(said["success"]) for said in answers),
                [said["result"] for said in answers if not said["success"]],
                answer,
                taken,
                (await greedy[0].answer())["result"],
            )

    served, refused, answer, taken, too_large = asyncio.run(scenario())

    assert served == [False, False, True, True]
    assert all("LuxiError" in str(said) and "try again later" in str(said) for said in refused)
    assert answer == ["cluster", ""] and taken == 0
    assert "ask for less at a time" in str(too_large)


def test_half_a_message_has_a_deadline_and_silence_has_none() -> None:
    async def scenario() -> tuple[bool, object]:
        async with serving(TAGS, Limits(read_timeout=0.01)) as running:
            silent, half = await running.connect(), await running.connect()
            half.writer.write(b'{"method": ')
            hung_up = await half.is_hung_up()
            silent.ask("QueryTags", "cluster")
            return hung_up, (await silent.answer())["result"]

    assert asyncio.run(scenario()) == (True, ["cluster", ""])


def test_deadline_counts_from_the_first_byte_and_is_not_moved_by_more() -> None:
    async def scenario() -> bool:
        async with serving(TAGS, Limits(read_timeout=0.02)) as running:
            drip = await running.connect()
            while drip.reader.exception() is None and not drip.reader.at_eof():
                drip.writer.write(b" ")
                await asyncio.sleep(0.001)
            return await drip.is_hung_up()

    assert asyncio.run(asyncio.wait_for(scenario(), 10))


def test_client_that_takes_no_answer_is_dropped_and_others_are_served() -> None:
    async def query_cluster_info() -> object:
        return framing.Encoded(b'"' + b"x" * 4_000_000 + b'"')

    async def scenario() -> tuple[int, object]:
        limits = Limits(write_timeout=0.05, write_buffer=1000)
        async with serving({"QueryClusterInfo": query_cluster_info, **TAGS}, limits, limit=1024) as running:
            slow = await running.connect()
            slow.ask("QueryClusterInfo")
            await eventually(lambda: len(running.server.connections) == 1)
            other = await running.connect()
            other.ask("QueryTags", "cluster")
            answer = (await other.answer())["result"]
            await eventually(lambda: len(running.server.connections) == 1)
            return len(running.server.connections), answer

    assert asyncio.run(scenario()) == (1, ["cluster", ""])


def test_no_further_request_is_begun_while_an_answer_is_not_taken() -> None:
    begun: list[int] = []

    async def archive_job(job_id: int) -> object:
        begun.append(job_id)
        return framing.Encoded(b'"' + b"x" * 2_000_000 + b'"')

    async def scenario() -> list[int]:
        async with serving({"ArchiveJob": archive_job, **TAGS}, limit=1024) as running:
            slow, other = await running.connect(), await running.connect()
            for n in range(10):
                slow.ask("ArchiveJob", n)
            for _ in range(20):
                other.ask("QueryTags", "cluster")
                await other.answer()
            return list(begun)

    assert asyncio.run(scenario()) == [0]


def test_answer_beyond_the_limit_becomes_an_error() -> None:
    async def query_cluster_info() -> object:
        return "x" * 2000

    async def scenario() -> object:
        async with serving({"QueryClusterInfo": query_cluster_info}, Limits(message=1000)) as running:
            peer = await running.connect()
            peer.ask("QueryClusterInfo")
            return (await peer.answer())["result"]

    assert "ask for less" in str(asyncio.run(scenario()))


def test_wait_of_a_client_that_has_gone_is_cancelled() -> None:
    async def scenario() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def wait(job_id: int, fields: object, prev_info: object, prev_serial: object, timeout: float) -> object:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return None

        async with serving({"WaitForJobChange": wait}) as running:
            peer = await running.connect()
            peer.ask("WaitForJobChange", 1, [], None, None, 10)
            await begun.wait()
            peer.writer.close()
            async with asyncio.timeout(10):
                await ended.wait()

    asyncio.run(scenario())


def test_change_asked_for_by_a_client_that_has_gone_is_carried_through() -> None:
    async def scenario() -> list[str]:
        begun, go = asyncio.Event(), asyncio.Event()
        done: list[str] = []

        async def submit_job(ops: object) -> object:
            begun.set()
            await go.wait()
            done.append("submitted")
            return 1

        async with serving({"SubmitJob": submit_job, **TAGS}) as running:
            peer = await running.connect()
            peer.ask("SubmitJob", [])
            await begun.wait()
            peer.writer.transport.abort()
            other = await running.connect()
            other.ask("QueryTags", "cluster")
            await other.answer()
            go.set()
        return done

    assert asyncio.run(scenario()) == ["submitted"]


def test_client_that_closed_its_sending_side_gets_its_answers() -> None:
    async def scenario() -> tuple[list[object], bool]:
        async with serving(TAGS) as running:
            peer = await running.connect()
            peer.ask("QueryTags", "a")
            peer.ask("QueryTags", "b")
            peer.writer.write_eof()
            return [(await peer.answer())["result"] for _ in range(2)], await peer.is_hung_up()

    assert asyncio.run(scenario()) == ([["a", ""], ["b", ""]], True)


def test_handler_that_was_cancelled_from_inside_hangs_up_instead_of_leaving_the_client_waiting() -> None:
    async def query_cluster_info() -> object:
        raise asyncio.CancelledError

    async def scenario() -> bool:
        async with serving({"QueryClusterInfo": query_cluster_info}) as running:
            peer = await running.connect()
            peer.ask("QueryClusterInfo")
            return await peer.is_hung_up()

    assert asyncio.run(scenario())


def test_more_clients_than_allowed_are_turned_away() -> None:
    async def scenario() -> tuple[bool, object]:
        async with serving(TAGS, Limits(connections=2)) as running:
            first, _second = await running.connect(), await running.connect()
            await eventually(lambda: len(running.server.connections) == 2)
            third = await running.connect()
            turned_away = await third.is_hung_up()
            first.ask("QueryTags", "cluster")
            return turned_away, (await first.answer())["result"]

    assert asyncio.run(scenario()) == (True, ["cluster", ""])


def test_handler_with_other_parameters_than_the_method_is_refused() -> None:
    async def cancel_job(job: int) -> object:
        return job

    with pytest.raises(errors.ProgrammerError, match="handler of CancelJob"):
        LuxiServer({"CancelJob": cancel_job})
    with pytest.raises(errors.ProgrammerError, match="no LUXI method"):
        LuxiServer({"Cancel": cancel_job})
