from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ganeti.masterd.jobqueue.scheduler import Doom, Scheduler, Start
from ganeti.model.enums import FinalStatus, JobStatus
from ganeti.model.scalars import JobId

SUCCESS = frozenset({FinalStatus.SUCCESS})
J = [JobId(n) for n in range(10)]


def test_jobs_start_in_order_of_priority_then_number():
    scheduler = Scheduler(1)
    scheduler.submitted(J[1], 0, {}, {})
    for job_id, priority in ((J[2], 0), (J[3], 10), (J[4], -10), (J[5], 0)):
        assert scheduler.submitted(job_id, priority, {}, {}) == []

    order = []
    current = J[1]
    for _ in range(4):
        (start,) = scheduler.finished(current, JobStatus.SUCCESS)
        current = start.job_id
        order.append(current)

    assert order == [4, 2, 5, 3]


def test_limit_holds_and_can_be_raised():
    scheduler = Scheduler(2)
    started = [i for n in range(1, 5) for i in scheduler.submitted(J[n], 0, {}, {})]
    assert started == [Start(J[1]), Start(J[2])]

    assert scheduler.limit_changed(3) == [Start(J[3])]


def test_place_of_a_job_that_has_nothing_left_to_do_is_free_at_once():
    scheduler = Scheduler(1)
    assert scheduler.submitted(J[1], 0, {}, {}) == [Start(J[1])]
    assert scheduler.submitted(J[2], 0, {}, {}) == []

    assert scheduler.ending(J[1]) == [Start(J[2])]
    assert scheduler.finished(J[1], JobStatus.SUCCESS) == []


def test_ends_that_are_not_recorded_do_not_pile_up():
    scheduler = Scheduler(1, at_most=2)
    for job_id in (J[1], J[2], J[3]):
        scheduler.submitted(job_id, 0, {}, {})

    assert scheduler.ending(J[1]) == [Start(J[2])]
    assert scheduler.ending(J[2]) == []
    assert scheduler.finished(J[1], JobStatus.SUCCESS) == [Start(J[3])]


def test_job_waits_for_the_one_it_depends_on():
    scheduler = Scheduler(5)
    scheduler.submitted(J[1], 0, {}, {})

    assert scheduler.submitted(J[2], 0, {J[1]: SUCCESS}, {J[1]: JobStatus.RUNNING}) == []
    assert scheduler.finished(J[1], JobStatus.SUCCESS) == [Start(J[2])]


def test_dependency_that_has_ended_well_does_not_hold_up():
    assert Scheduler(5).submitted(J[2], 0, {J[1]: SUCCESS}, {J[1]: JobStatus.SUCCESS}) == [Start(J[2])]


def test_failed_dependency_is_an_error_with_both_jobs_named():
    scheduler = Scheduler(5)
    scheduler.submitted(J[1], 0, {}, {})
    scheduler.submitted(J[2], 0, {J[1]: SUCCESS}, {J[1]: JobStatus.RUNNING})

    (doom,) = scheduler.finished(J[1], JobStatus.ERROR)

    assert (doom.job_id, doom.status) == (2, JobStatus.ERROR)
    assert "job 2" in doom.reason and "job 1" in doom.reason


def test_canceled_dependency_cancels_unless_that_was_asked_for():
    scheduler = Scheduler(5)
    scheduler.submitted(J[1], 0, {}, {})
    scheduler.submitted(J[2], 0, {J[1]: SUCCESS}, {J[1]: JobStatus.QUEUED})
    scheduler.submitted(J[3], 0, {J[1]: frozenset({FinalStatus.CANCELED})}, {J[1]: JobStatus.QUEUED})

    first, second = scheduler.finished(J[1], JobStatus.CANCELED)

    assert isinstance(first, Doom) and first.status == JobStatus.CANCELED
    assert second == Start(J[3])


def test_unknown_dependency_is_an_error():
    (doom,) = Scheduler(5).submitted(J[2], 0, {J[9]: SUCCESS}, {J[9]: None})

    assert isinstance(doom, Doom) and doom.status == JobStatus.ERROR


def test_stopped_scheduler_starts_nothing():
    scheduler = Scheduler(1)
    scheduler.stop()

    assert scheduler.submitted(J[1], 0, {}, {}) == []


def test_withdrawn_job_does_not_start():
    scheduler = Scheduler(1)
    scheduler.submitted(J[1], 0, {}, {})
    scheduler.submitted(J[2], 0, {}, {})

    scheduler.withdrawn(J[2])

    assert scheduler.finished(J[1], JobStatus.SUCCESS) == []


def test_job_that_is_withdrawn_before_it_comes_does_not_start():
    scheduler = Scheduler(1)
    scheduler.withdrawn(J[1])

    assert scheduler.submitted(J[1], 0, {}, {}) == []
    assert scheduler.finished(J[1], JobStatus.CANCELED) == []
    scheduler.validate()


statuses = st.sampled_from([JobStatus.SUCCESS, JobStatus.ERROR, JobStatus.CANCELED])
accepted = st.frozensets(st.sampled_from(list(FinalStatus)), min_size=1)


class SchedulerMachine(RuleBasedStateMachine):
    """Every job ends, however jobs depend on each other and in whatever order things happen."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(3, at_most=6)
        self.ending: set[JobId] = set()
        self.serial = 0
        self.status: dict[JobId, JobStatus] = {}
        self.depends: dict[JobId, dict[JobId, frozenset[FinalStatus]]] = {}
        self.doomed: dict[JobId, JobStatus] = {}

    def take(self, instructions):
        for instruction in instructions:
            job_id = instruction.job_id
            assert self.status[job_id] == JobStatus.QUEUED
            if isinstance(instruction, Start):
                for other, wanted in self.depends[job_id].items():
                    assert self.status[other] in wanted, "started although a dependency is not met"
                self.status[job_id] = JobStatus.RUNNING
            else:
                self.doomed[job_id] = instruction.status

    @rule(data=st.data(), priority=st.integers(-20, 19))
    def submit(self, data, priority):
        self.serial += 1
        job_id = JobId(self.serial)
        others = (
            data.draw(st.dictionaries(st.sampled_from(sorted(self.status)), accepted, max_size=3))
            if self.status
            else {}
        )
        known = {other: self.status[other] for other in others}
        self.status[job_id] = JobStatus.QUEUED
        self.depends[job_id] = others
        self.take(self.scheduler.submitted(job_id, priority, others, known))

    def among(self, data, *wanted):
        found = [job_id for job_id, status in self.status.items() if status in wanted and job_id not in self.doomed]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data(), status=statuses)
    def finish(self, data, status):
        job_id = self.among(data, JobStatus.RUNNING)
        if job_id:
            self.status[job_id] = status
            self.ending.discard(job_id)
            self.take(self.scheduler.finished(job_id, status))

    @rule(data=st.data())
    def do_all_there_is_to_do(self, data):
        job_id = self.among(data, JobStatus.RUNNING)
        if job_id and job_id not in self.ending:
            self.ending.add(job_id)
            self.take(self.scheduler.ending(job_id))

    @rule(data=st.data())
    def yield_to_dependencies(self, data):
        job_id = self.among(data, JobStatus.RUNNING)
        if job_id and job_id not in self.ending:
            self.status[job_id] = JobStatus.QUEUED
            known = {other: self.status[other] for other in self.depends[job_id]}
            self.take(self.scheduler.submitted(job_id, 0, self.depends[job_id], known))

    @rule(data=st.data())
    def cancel(self, data):
        job_id = self.among(data, JobStatus.QUEUED)
        if job_id:
            self.scheduler.withdrawn(job_id)
            self.doomed[job_id] = JobStatus.CANCELED

    @precondition(lambda self: self.doomed)
    @rule()
    def end_the_doomed(self):
        job_id, status = self.doomed.popitem()
        self.status[job_id] = status
        self.take(self.scheduler.finished(job_id, status))

    @rule(data=st.data(), priority=st.integers(-20, 19))
    def change_priority(self, data, priority):
        job_id = self.among(data, JobStatus.QUEUED)
        if job_id:
            self.scheduler.priority_changed(job_id, priority)

    @rule(limit=st.integers(1, 4))
    def change_limit(self, limit):
        self.take(self.scheduler.limit_changed(limit))

    @invariant()
    def is_valid(self):
        self.scheduler.validate()
        running = {j for j, status in self.status.items() if status == JobStatus.RUNNING}
        assert self.scheduler.started == running - self.ending

    def teardown(self):
        while left := [j for j, s in self.status.items() if s == JobStatus.RUNNING] or list(self.doomed):
            status = self.doomed.pop(left[0], JobStatus.SUCCESS)
            self.status[left[0]] = status
            self.take(self.scheduler.finished(left[0], status))
        assert JobStatus.QUEUED not in self.status.values(), "a job was forgotten"


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
