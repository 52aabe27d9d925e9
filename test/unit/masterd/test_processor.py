"""The way of one opcode through its logical unit."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd.cmdlib.base import ALL, Call, FailedHook, HookRun, Jobs, Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.hooks import HookRunner
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.names import HostNames
from ganeti.masterd.processor import CLUSTER_LOCK, Processor
from ganeti.masterd.services import Services
from ganeti.model.enums import HookPhase, Level, LogType
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceStartup
from ganeti.model.opcodes.test import OpTestDelay, OpTestDummy
from ganeti.model.scalars import JobId, NodeName
from ganeti.paths import Paths
from ganeti.rpc.result import NodeResult
from ganeti.schema import replace
from test.support.clock import ManualClock
from test.support.config import make_config, make_store
from test.support.virtual import VirtualClock, directly, run

NODE0, NODE1 = NodeName("node0.example.com"), NodeName("node1.example.com")


class Told:
    """What an opcode knows of its job; `story` is what happened, in order."""

    op_index = 0

    def __init__(self, story: list[Any], job_id: int = 7, canceled: bool = False) -> None:
        self.job_id = JobId(job_id)
        self.story = story
        self.canceled = canceled

    def priority(self) -> int:
        return 0

    async def running(self, *, effects: bool = True) -> None:
        self.story.append("running" if effects else "looking")
        if self.canceled:
            raise errors.JobCanceled("job 7 was canceled")

    def log(self, kind: LogType, message: object) -> None:
        self.story.append(message)

    def raise_if_canceled(self) -> None:
        """Nobody cancels while it runs."""


class HookLine:
    """Stands for the network: carries hook calls to scripts that are a table here."""

    def __init__(self, story: list[Any], answers: Mapping[tuple[str, str], Sequence[Any]]) -> None:
        self.story = story
        self.answers = answers
        self.environments: list[Mapping[str, str]] = []

    def hurried(self):
        return self

    async def call_many(self, nodes: Sequence[Any], _proc: Any, path: str, phase: HookPhase, env: Mapping[str, str]):
        self.story.append(f"{path} {phase} on {','.join(node.name.partition('.')[0] for node in nodes)}")
        self.environments.append(env)
        return {node.name: NodeResult(node.name, self.answers.get((path, phase), ())) for node in nodes}


NAMES = HostNames(Paths("", "node1.example.com"), directly)


class Bench:
    """A processor whose units are the test's."""

    def __init__(
        self,
        directory: object,
        unit: type[LogicalUnit[Any, Any]],
        answers: Mapping[tuple[str, str], Sequence[Any]] | None = None,
    ) -> None:
        self.story: list[Any] = []
        self.config: ConfigStore = make_store(f"{directory}/config.data", make_config(nodes=3))
        self.locks = LockManager(VirtualClock())
        self.line = HookLine(self.story, answers or {})
        self.submitted: list[Sequence[Sequence[OpCode]]] = []
        self.clusters: list[str] = []
        services: Any = Services(self.config, None, ManualClock(), None, None, None, NAMES)  # type: ignore[arg-type]  # not used
        self.processor = Processor(
            services,
            self.locks,
            HookRunner(self.line, "/data"),  # type: ignore[arg-type]  # stands for it
            self._submit,
            {OpTestDummy: unit, OpInstanceStartup: unit},
            lambda config: self.clusters.append(config.cluster.mac_prefix),
        )

    async def _submit(self, jobs: Sequence[Sequence[OpCode]]) -> Sequence[JobId]:
        self.submitted.append(jobs)
        return [JobId(100 + number) for number, _ in enumerate(jobs)]

    def run(self, op: OpCode | None = None, **more: Any) -> object:
        return run(self.processor.execute(op or OpTestDummy(result=None), Told(self.story, **more)))


class Unit(LogicalUnit[Any, str]):
    """Tells its story through the log of the job."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        self.call.log(LogType.MESSAGE, f"locks {level.name}")
        return None

    async def check(self, config: Config) -> str:
        self.call.log(LogType.MESSAGE, "check")
        return "plan"

    def preview(self, plan: str) -> object:
        return f"preview of {plan}"

    async def execute(self, plan: str) -> object:
        self.call.log(LogType.MESSAGE, f"execute {plan}")
        return "done"


class Changing(Unit):
    """Changes the cluster."""

    async def execute(self, plan: str) -> object:
        with self.services.config.update() as draft:
            draft.cluster = replace(draft.cluster, mac_prefix="aa:00:01")
        await self.services.config.durable(draft)
        return "done"


class Hooked(Unit):
    """Has hooks, with an environment that execution changes."""

    def hooks(self, plan: str, config: Config) -> HookRun:
        return HookRun({"PREFIX": config.cluster.mac_prefix}, [NODE0], [NODE0, NODE1], [NODE1])

    def judge_hooks(self, plan: str, result: object, failed: Sequence[FailedHook]) -> object:
        return [result, [hook.script for hook in failed]]


class HookedChange(Hooked, Changing):
    """Both."""


def test_the_questions_are_asked_in_order_with_locks_level_by_level(tmp_path: object) -> None:
    bench = Bench(tmp_path, Unit)

    assert bench.run() == "done"
    levels = [f"locks {level.name}" for level in Level if level != Level.CLUSTER]
    assert bench.story == [*levels, "running", "check", "execute plan"]


def test_an_opcode_without_unit_is_refused_in_words(tmp_path: object) -> None:
    with pytest.raises(errors.OpPrereqError, match="cannot execute OP_TEST_DELAY: not supported by this version"):
        Bench(tmp_path, Unit).run(OpTestDelay(duration=0.0))


def test_a_dry_run_ends_with_the_preview_and_runs_no_hooks(tmp_path: object) -> None:
    bench = Bench(tmp_path, Hooked)

    assert bench.run(OpTestDummy(result=None, dry_run=True)) == "preview of plan"
    assert bench.story[-1] == "check"


def test_a_unit_that_only_looks_says_so_to_its_job(tmp_path: object) -> None:
    class Looking(Unit):
        EFFECTS = False

    bench = Bench(tmp_path, Looking)
    bench.run()

    assert "looking" in bench.story and "running" not in bench.story


def test_a_canceled_job_never_comes_to_its_check(tmp_path: object) -> None:
    bench = Bench(tmp_path, Unit)

    with pytest.raises(errors.JobCanceled):
        bench.run(canceled=True)
    assert bench.story[-1] == "running"


# --- locks ------------------------------------------------------------------------------------


class Locking(Unit):
    """Wants what the test says, and notes what it held."""

    WANTED: Mapping[Level, Locks] = {
        Level.INSTANCE: Locks({"a", "b"}),
        Level.NODEGROUP: Locks(set()),
        Level.NODE: Locks({NODE0}, shared=True),
        Level.NETWORK: Locks(ALL, shared=True),
    }

    def locks(self, level: Level, config: Config) -> Locks | None:
        return self.WANTED.get(level)

    async def check(self, config: Config) -> str:
        for level in Level:
            if held := self.held(level):
                self.call.log(LogType.MESSAGE, (level.name, set(held)))
        return "plan"


def test_a_unit_holds_what_it_asked_for_and_nothing_else(tmp_path: object) -> None:
    bench = Bench(tmp_path, Locking)
    bench.run()

    assert [entry for entry in bench.story if isinstance(entry, tuple)] == [
        ("CLUSTER", {CLUSTER_LOCK}),
        ("INSTANCE", {"a", "b"}),
        ("NODE", {NODE0}),
    ]


@pytest.mark.parametrize("step", ["locks", "check", "hooks", "execute", "judge_hooks"])
def test_whatever_fails_the_locks_and_reservations_are_given_back(tmp_path: object, step: str) -> None:
    class Failing(Hooked):
        async def check(self, config: Config) -> str:
            self.services.config.reservations(self.call.job_id).mac()
            return "plan"

    def fail(*_: object) -> None:
        raise errors.OpExecError("cannot go on")

    async def fail_later(*_: object) -> None:
        fail()

    setattr(Failing, step, fail_later if step in ("check", "execute") else fail)
    bench = Bench(tmp_path, Failing)

    with pytest.raises(errors.OpExecError, match="cannot go on"):
        bench.run()
    assert bench.locks.dump() == []
    assert bench.config._reservations.held_by(JobId(7)) == frozenset()


def test_an_exclusive_unit_runs_alone(tmp_path: object) -> None:
    running: set[int] = set()

    class Alone(Unit):
        EXCLUSIVE = True

        async def execute(self, plan: str) -> object:
            assert not running
            running.add(self.call.job_id)
            await asyncio.sleep(1)
            running.discard(self.call.job_id)
            return None

    bench = Bench(tmp_path, Alone)

    async def both() -> None:
        ops = [bench.processor.execute(OpTestDummy(result=None), Told(bench.story, number)) for number in (1, 2)]
        await asyncio.gather(*ops)

    run(both())


def test_free_locks_are_taken_without_waiting_when_any_will_do(tmp_path: object) -> None:
    class Any_(Unit):
        def locks(self, level: Level, config: Config) -> Locks | None:
            return Locks({NODE0, NODE1}, opportunistic=True) if level == Level.NODE else None

        async def execute(self, plan: str) -> Collection[str]:
            return self.held(Level.NODE)

    bench = Bench(tmp_path, Any_)

    async def scene() -> object:
        await bench.locks.acquire("other", Level.NODE, {NODE0}, shared=False)
        return await bench.processor.execute(OpTestDummy(result=None), Told(bench.story))

    assert run(scene()) == {NODE1}


# --- hooks --------------------------------------------------------------------------------------


def without(story: list[Any]) -> list[Any]:
    return [entry for entry in story if not str(entry).startswith("locks")]


def test_hooks_run_around_the_execution(tmp_path: object) -> None:
    bench = Bench(tmp_path, Hooked)

    assert bench.run() == ["done", []]
    assert without(bench.story) == [
        "running",
        "check",
        " pre on node0",
        " post on node1",  # the farewell
        "execute plan",
        " post on node0,node1",
    ]


def test_post_hooks_see_how_it_was_and_how_it_is(tmp_path: object) -> None:
    bench = Bench(tmp_path, HookedChange)
    bench.run()

    pre, *_, post = bench.line.environments
    assert pre["GANETI_PREFIX"] == post["GANETI_PREFIX"] == "aa:00:00"
    assert post["GANETI_POST_PREFIX"] == "aa:00:01"
    assert "GANETI_POST_PREFIX" not in pre


def test_a_failed_pre_hook_stops_the_operation(tmp_path: object) -> None:
    bench = Bench(tmp_path, Hooked, {("", HookPhase.PRE): [("-pre.d/10-no", 1, "no!")]})

    with pytest.raises(errors.HooksAbort):
        bench.run()
    assert "execute plan" not in bench.story


def test_a_failed_post_hook_is_a_warning_and_the_unit_s_to_judge(tmp_path: object) -> None:
    bench = Bench(tmp_path, Hooked, {("", HookPhase.POST): [("-post.d/10-no", 1, "no!")]})

    assert bench.run() == ["done", ["-post.d/10-no"] * 2]
    assert any("WARNING" in str(entry) and "no!" in str(entry) for entry in bench.story)


def test_a_change_of_the_configuration_is_told_on_the_master(tmp_path: object) -> None:
    bench = Bench(tmp_path, HookedChange)
    bench.run()

    assert without(bench.story)[-2:] == ["config-update post on node0", " post on node0,node1"]


def test_who_changes_nothing_runs_no_config_update_hooks(tmp_path: object) -> None:
    bench = Bench(tmp_path, Unit)
    bench.run()

    assert bench.line.environments == []


def test_new_settings_of_the_cluster_are_passed_on(tmp_path: object) -> None:
    bench = Bench(tmp_path, Changing)
    bench.run()

    assert bench.clusters == ["aa:00:01"]


# --- jobs that make jobs --------------------------------------------------------------------------


#: why a job made by a job is wanted, in its own words
OWN = ("allocator", "it is full there", 0)


class Parent(Unit):
    """Makes two jobs."""

    async def execute(self, plan: str) -> object:
        children: list[list[OpCode]] = [
            [OpTestDummy(result=1)],
            [OpTestDummy(result=2, priority=-10, comment="own", reason=(OWN,))],
        ]
        return Jobs(children, {"failed": ["x"]})


def test_jobs_asked_for_are_submitted_and_their_ids_answered(tmp_path: object) -> None:
    bench = Bench(tmp_path, Parent)

    assert bench.run() == {"jobs": [[True, 100], [True, 101]], "failed": ["x"]}


def test_a_job_made_by_a_job_inherits_what_it_has_not_of_its_own(tmp_path: object) -> None:
    bench = Bench(tmp_path, Parent)
    reason = (("user", "because", 1),)
    bench.run(OpTestDummy(result=None, priority=10, debug_level=2, comment="whole", reason=reason))

    ((first,), (second,)) = bench.submitted[0]
    assert (first.priority, first.debug_level, first.comment, first.reason) == (10, 2, "whole", reason)
    assert (second.priority, second.debug_level, second.comment, second.reason) == (-10, 2, "own", (OWN, *reason))


@pytest.mark.parametrize(("answer", "complaints"), [(None, 0), ("nobody expects this", 1)])
def test_an_answer_of_a_wrong_type_is_ours_to_hear_of_and_fails_no_job(
    tmp_path: object, caplog: pytest.LogCaptureFixture, answer: object, complaints: int
) -> None:
    class Answering(Unit):
        async def execute(self, plan: str) -> object:
            return answer

    bench = Bench(tmp_path, Answering)

    assert bench.run(OpTestDummy(result=None)) == answer
    assert [record.levelname for record in caplog.records] == ["ERROR"] * complaints


# --- what every unit has ----------------------------------------------------------------------------


def unit_of(op: OpCode, story: list[Any]) -> LogicalUnit[Any, Any]:
    services: Any = Services(None, None, ManualClock(5.0), None, None, None, NAMES)  # type: ignore[arg-type]  # only the clock
    call: Call = Told(story)
    return Unit(op, services, call, lambda level: ())


def test_the_reason_trail_is_that_of_the_opcode() -> None:
    op = OpTestDummy(result=None, reason=[["user", "because", 1], ("rlib", "more", 2)])

    assert unit_of(op, []).reason_trail() == [
        ("user", "because", 1),
        ("rlib", "more", 2),
    ]


@pytest.mark.parametrize("junk", [None, (), ["text"], [["a", "b"]], [["a", "b", "c"]], [["a", "b", None]], [7]])
def test_a_reason_that_is_none_is_passed_over(junk: Any) -> None:
    assert len(unit_of(OpTestDummy(result=None, reason=junk), []).reason_trail()) == 0


def test_warnings_stand_out_and_carry_a_hint() -> None:
    story: list[Any] = []
    unit_of(OpTestDummy(result=None), story).warn("node x is full", hint="buy more")

    assert story == [" - WARNING: node x is full", "      Hint: buy more"]
