"""Days in the life of a cluster: random work, random trouble, and the checks after every step.

    build/venv/bin/python -m test.support.sim_day --seed 7 --hours 24

plays a day and prints what happened in figures, and a digest of all that was said and
done: the same seed gives the same digest.  When something does not hold the seed and the
step are printed; the same command shows it again, and `--trace FILE` writes down every
request, job and action with its time.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import hashlib
import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import IO, NamedTuple

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.masterd.daemon import MasterDaemon
from ganeti.model.enums import AdminState, JobStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.cluster import OpClusterVerifyConfig, OpClusterVerifyGroup
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.model.scalars import GroupName
from test.support.disk import DEATHS
from test.support.sim import HOUR, CrashPoint, Master, SimCluster, log_of
from test.support.sim_admin import set_right
from test.support.sim_check import check_at_rest, half_moved, meant_to_run, running
from test.support.sim_moment import Witness
from test.support.sim_net import Fault, State
from test.support.sim_ops import create, delay, failover, migrate, modify, node, remove, shutdown, startup

NODES = 5
CANDIDATES = 4
INSTANCES = range(1, 9)
#: seconds between two steps, on average; each step does some things at once
PACE = 75.0
#: how long a master daemon lives, on average, and how long trouble with a node lasts
LIFE = 1.5 * HOUR
TROUBLE = 120.0
#: seconds after which everything that happened must be over
CALM = 60.0


class Day:
    """One story; `check` is asked after every step."""

    def __init__(self, directory: str, seed: object, *, daemon: type[MasterDaemon] = MasterDaemon) -> None:
        self.cluster = SimCluster(directory, seed=seed, nodes=NODES, candidates=CANDIDATES, daemon=daemon)
        self.witness = Witness(self.cluster)
        self._rng = random.Random(f"day {seed}")
        #: how often what was done
        self.figures: collections.Counter[str] = collections.Counter()
        #: what happened, in order
        self.trace: list[str] = []

    def play(self, hours: float) -> None:
        """Let so many hours pass, with master daemons that come and go, and an evening to set all right.

        Raises AssertionError when something does not hold.
        """
        end = self.cluster.time.now + hours * HOUR
        while self.cluster.time.now < end:
            until = min(end, self.cluster.time.now + self._rng.expovariate(1 / LIFE))
            died = self.cluster.crash(
                lambda master, until=until: self._life(master, until), CrashPoint(), limit=60 * HOUR
            )
            self._note("the master died" if died else "the master was stopped")
        self.cluster.network.chances.clear()
        self.cluster.network.states.clear()
        self.cluster.live(self._evening, limit=60 * HOUR)

    def story(self) -> str:
        """Return all that was said and done, as text."""
        return "\n".join([*self.trace, *self.cluster.network.sent])

    def digest(self) -> str:
        """Return what stands for all that was said and done."""
        return hashlib.sha256(self.story().encode()).hexdigest()

    # --- a life -----------------------------------------------------------------------

    async def _life(self, master: Master, until: float) -> None:
        """Work until the daemon dies, or, now and then, is stopped as it should be."""
        while self.cluster.time.now < until:
            for _ in range(self._rng.choice((1, 1, 1, 2, 5))):
                await self._rng.choices(self._acts, self._weights)[0](self, master)
                self.witness.check(master)
                await asyncio.sleep(self._rng.expovariate(4.0))
            self.witness.check(master)
            await asyncio.sleep(self._rng.expovariate(1 / PACE))
        if self._rng.random() < 0.2:
            return
        self.cluster.die_at(self._death())
        while True:  # until it is dead
            await self._submit(master)

    def _death(self) -> CrashPoint:
        if self._rng.random() < 0.3:
            return CrashPoint(request=self._rng.randrange(30), late=self._rng.random() < 0.5)
        return CrashPoint(write=self._rng.randrange(60), death=self._rng.choice(DEATHS))

    async def _evening(self, master: Master) -> None:
        await self._come_to_rest(master)
        config = master.daemon.config.current
        group = GroupName(next(iter(config.groups.values())).name)
        verifying = await master.submit(OpClusterVerifyConfig(), OpClusterVerifyGroup(group_name=group))
        findings = [line for line in log_of(await master.end_of(verifying)) if "ERROR" in line]
        # Simulated nodes have no certificates, which is found too.
        assert not [line for line in findings if "instance" in line or "orphan" in line]
        self._note("verified")
        await asyncio.sleep(3.0)
        check_at_rest(self.cluster, master)

    async def _come_to_rest(self, master: Master) -> None:
        """Let trouble and work end, set right what was cut off, and check what must hold then."""
        self.cluster.network.chances.clear()
        self.cluster.network.states.clear()
        await master.all_ended()
        await asyncio.sleep(CALM)
        for each in list(master.daemon.config.current.nodes.values()):
            if each.offline:
                await master.run(OpNodeSetParams(node_name=each.name, offline=False))
        await master.caught_up()
        await set_right(master)
        await asyncio.sleep(3.0)
        assert not half_moved(self.cluster), f"nodes keep parts of moves: {half_moved(self.cluster)}"
        where = {name: nodes[0] for name, nodes in running(self.cluster).items()}
        assert where == meant_to_run(master.daemon.config.current)
        check_at_rest(self.cluster, master)
        self.witness.check(master)

    # --- what is done -----------------------------------------------------------------

    async def _submit(self, master: Master) -> None:
        op = _some_opcode(self._rng)
        job_id = await master.submit(op)
        self.witness.acknowledged.add(job_id)
        self._note("job", f"{job_id}: {op.summary()}")

    async def _submit_several(self, master: Master) -> None:
        """Submit a chain, each job waiting for the end of the one before."""
        chain = [_some_opcode(self._rng).to_wire() for _ in range(self._rng.randint(2, 4))]
        ends = [status.value for status in (JobStatus.SUCCESS, JobStatus.ERROR, JobStatus.CANCELED)]
        jobs = [[op | ({"depends": [[-1, ends]]} if index else {})] for index, op in enumerate(chain)]
        answers = await master.call(m.submit_many_jobs, jobs)
        self.witness.acknowledged.update(job_id for done, job_id in answers if done)
        self._note("jobs", answers)

    async def _cancel(self, master: Master) -> None:
        unfinished = [job.id for job in master.daemon.queue.jobs() if not job.is_final]
        if unfinished:
            job_id, kill = self._rng.choice(unfinished), self._rng.random() < 0.2
            self._note("cancel", f"{job_id}: {await master.call(m.cancel_job, job_id, kill)}")

    async def _change_priority(self, master: Master) -> None:
        unfinished = [job.id for job in master.daemon.queue.jobs() if not job.is_final]
        if unfinished:
            job_id, priority = self._rng.choice(unfinished), self._rng.randint(-20, 19)
            self._note("priority", f"{job_id}: {await master.call(m.change_job_priority, job_id, priority)}")

    async def _archive(self, master: Master) -> None:
        if not any(half.is_final for half in master.daemon.queue.jobs()):
            return
        done = await master.call(m.auto_archive_jobs, self._rng.choice((600, 3600)), 60)
        self._note("archived", done)

    async def _trouble(self, master: Master) -> None:
        """Let a node but the master's be away for some time."""
        which, what = node(self._rng.randint(2, NODES)), self._rng.choice(list(State))
        self.cluster.network.states[which] = what
        self._note("trouble", f"{which} {what.name}")
        asyncio.get_running_loop().call_later(
            self._rng.expovariate(1 / TROUBLE), self.cluster.network.states.pop, which, None
        )

    async def _weather(self, master: Master) -> None:
        """Have the network lose and repeat requests, or not."""
        chance = self._rng.choice((0.0, 0.0, 0.005, 0.02))
        self.cluster.network.chances = dict.fromkeys(Fault, chance) if chance else {}
        self.cluster.network.slow = {node(n): self._rng.choice((0.0, 0.0, 0.3)) for n in range(2, NODES + 1)}
        self._note("weather", chance)

    async def _lose_power(self, master: Master) -> None:
        """Let a node but the master's lose its instances, and be off for a while."""
        number = self._rng.randint(2, NODES)
        self.cluster.nodes[number - 1].lose_power()
        self.cluster.network.states[node(number)] = State.OFF
        self._note("power lost", node(number))
        asyncio.get_running_loop().call_later(
            self._rng.expovariate(1 / TROUBLE), self.cluster.network.states.pop, node(number), None
        )

    async def _watch(self, master: Master) -> None:
        """Have what should run and does not started, as the watcher does."""
        there = running(self.cluster)
        for instance in list(master.daemon.config.current.instances.values()):
            if instance.admin_state == AdminState.UP and instance.name not in there:
                self.witness.acknowledged.add(await master.submit(startup(_number(instance.name))))
        self._note("watched")

    async def _rest(self, master: Master) -> None:
        try:
            await self._come_to_rest(master)
        except errors.GenericError as err:
            raise AssertionError(f"cannot set the cluster right: {err}") from err
        self._note("all is well")

    _acts: tuple[Callable[[Day, Master], Awaitable[None]], ...] = (
        *(_submit, _submit_several, _cancel, _change_priority, _archive),
        *(_trouble, _weather, _lose_power, _watch, _rest),
    )
    _weights = (40, 6, 5, 3, 1, 2, 2, 1, 4, 0.5)

    def _note(self, what: str, how: object = "") -> None:
        self.figures[what] += 1
        self.trace.append(f"{self.cluster.time.now:.6f} {what} {how}")


def _number(name: str) -> int:
    return int(name.partition(".")[0].removeprefix("inst"))


def _some_opcode(rng: random.Random) -> OpCode:
    """Return something to do; some of it makes no sense when it is done, and is refused then."""
    number, to = rng.choice(INSTANCES), rng.randint(1, NODES)
    template = ("diskless", "sharedfile", "file")[number % 3]
    return rng.choice(
        (
            lambda: _create(rng, number, to, template),
            lambda: _create(rng, number, to, template),
            lambda: remove(number),
            lambda: startup(number),
            lambda: shutdown(number),
            lambda: migrate(number, to),
            lambda: migrate(number, to),
            lambda: failover(number, to),
            lambda: modify(number, beparams={"memory": rng.randint(128, 300)}),
            lambda: delay(rng.random(), to),
            lambda: delay(rng.uniform(1.0, 30.0), to),
        )
    )()


def _create(rng: random.Random, number: int, to: int, template: str) -> OpCode:
    start = rng.random() < 0.7
    return create(number, on=to, disks=int(template != "diskless"), shared=template == "sharedfile", start=start)


class Outcome(NamedTuple):
    """How a day went."""

    digest: str
    figures: dict[str, int]
    problem: str


def play(seed: object, hours: float, trace: IO[str] | None = None) -> Outcome:
    """Play a day in a directory of its own, in memory where that is possible."""
    directory = tempfile.mkdtemp(prefix="sim-day-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    day = Day(directory, seed)
    problem = ""
    try:
        day.play(hours)
    except (AssertionError, errors.GenericError) as err:
        problem = f"{day.trace[-1] if day.trace else 'at the start'}: {err}"
    finally:
        shutil.rmtree(directory)
        if trace:
            trace.write(day.story())
    return Outcome(day.digest(), dict(day.figures), problem)


def main(argv: list[str]) -> int:
    """Play a day as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Play a day in the life of a simulated cluster.")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)), help="what decides everything")
    parser.add_argument("--hours", type=float, default=24.0, help="how long it lasts, in simulated hours")
    parser.add_argument("--trace", type=argparse.FileType("w"), help="write down what happens")
    options = parser.parse_args(argv)
    logging.lastResort = None  # what daemons log of their troubles is read by nobody
    began = time.process_time()
    outcome = play(options.seed, options.hours, options.trace)
    print(f"seed {options.seed}: {options.hours:g} hours in {time.process_time() - began:.1f} s of this processor")
    print(", ".join(f"{what} {count}" for what, count in sorted(outcome.figures.items())))
    print(f"digest {outcome.digest}")
    if outcome.problem:
        print(f"does not hold: {outcome.problem}\nrepeat with --seed {options.seed} --hours {options.hours:g}")
    return 1 if outcome.problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
