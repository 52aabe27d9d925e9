import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import JobFileCorrupted, ProgrammerError
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.job import FINAL, FINAL_OPS, TRANSITIONS, VERBS, Job, Verb
from ganeti.model.enums import FinalStatus, JobStatus, LogType, OpStatus, SubmitPriority
from ganeti.model.opcodes.test import OpTestDelay, OpTestDummy, OpTestOsParams
from ganeti.model.scalars import JobId
from ganeti.utils import json

NOW = 1_700_000_000.25


def make(count: int = 1, *path: OpStatus) -> Job:
    """A job of dummies whose first opcode went along a path of statuses."""
    job = jobs.new_job(JobId(7), [OpTestDummy()] * count, NOW)
    for status in path:
        job = jobs.set_status(job, job.position, status, NOW + 1)
    return job


def test_new_job_is_queued():
    job = make(2)

    assert job.status == JobStatus.QUEUED
    assert job.received_timestamp == (1_700_000_000, 250_000)
    assert job.start_timestamp is None


def test_first_waiting_stamps_job_and_opcode():
    job = make(2, OpStatus.WAITING)

    assert job.start_timestamp == job.ops[0].start_timestamp == (1_700_000_001, 250_000)
    assert job.ops[1].start_timestamp is None


def test_job_ends_with_its_last_opcode():
    job = make(2, OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS)
    assert (job.status, job.end_timestamp) == (JobStatus.QUEUED, None)

    for status in (OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS):
        job = jobs.set_status(job, 1, status, NOW)

    assert job.status == JobStatus.SUCCESS
    assert job.end_timestamp is not None


@pytest.mark.parametrize("source", OpStatus)
@pytest.mark.parametrize("target", OpStatus)
def test_only_transitions_of_the_table_are_possible(source, target):
    paths = {
        OpStatus.QUEUED: [],
        OpStatus.WAITING: [OpStatus.WAITING],
        OpStatus.CANCELING: [OpStatus.WAITING, OpStatus.CANCELING],
        OpStatus.RUNNING: [OpStatus.WAITING, OpStatus.RUNNING],
        OpStatus.CANCELED: [OpStatus.CANCELED],
        OpStatus.ERROR: [OpStatus.ERROR],
        OpStatus.SUCCESS: [OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS],
    }
    job = make(1, *paths[source])

    if target in TRANSITIONS[source]:
        assert jobs.set_status(job, 0, target, NOW).ops[0].status == target
    else:
        with pytest.raises(ProgrammerError, match="job 7: opcode 0 OP_TEST_DUMMY is"):
            jobs.set_status(job, 0, target, NOW)


def test_nothing_leads_out_of_a_final_status():
    assert {status for status, ways in TRANSITIONS.items() if not ways} == FINAL_OPS


def test_every_verb_says_why_it_is_refused():
    running = make(1, OpStatus.WAITING, OpStatus.RUNNING)

    assert jobs.refusal(running, Verb.ARCHIVE) == "cannot archive job 7: it is running"
    assert jobs.refusal(running, Verb.CANCEL) == "cannot cancel job 7: it is running"
    assert jobs.refusal(running, Verb.CHANGE_PRIORITY) is None


def test_running_jobs_cannot_be_canceled_and_ended_ones_only_archived():
    assert JobStatus.RUNNING not in VERBS[Verb.CANCEL]
    assert all(not VERBS[verb] & FINAL for verb in Verb if verb != Verb.ARCHIVE)


def test_failed_opcode_ends_the_later_ones_with_a_reason():
    job = jobs.fail(make(3, OpStatus.WAITING, OpStatus.RUNNING), ValueError("boom"), NOW)

    assert [op.status for op in job.ops] == [OpStatus.ERROR] * 3
    assert job.ops[0].result == ["OpExecError", ["ValueError: boom"]]
    assert "earlier opcode" in str(job.ops[1].result)


def test_cancel_keeps_what_was_done():
    done = make(2, OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS)

    job = jobs.cancel(done, NOW)

    assert [op.status for op in job.ops] == [OpStatus.SUCCESS, OpStatus.CANCELED]
    assert job.status == JobStatus.CANCELED


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ([], JobStatus.QUEUED),
        ([OpStatus.WAITING], JobStatus.QUEUED),
        ([OpStatus.WAITING, OpStatus.CANCELING], JobStatus.CANCELED),
        ([OpStatus.WAITING, OpStatus.RUNNING], JobStatus.ERROR),
        ([OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS, OpStatus.WAITING], JobStatus.QUEUED),
    ],
)
def test_recovery_follows_the_contract_of_statuses(path, after):
    assert jobs.recover(make(2, *path), NOW).status == after


def test_log_serial_counts_over_all_opcodes():
    job = make(2)
    for index in (0, 0, 1):
        job = jobs.append_log(job, index, LogType.MESSAGE, "hello", NOW)

    assert [entry[0] for op in job.ops for entry in op.log] == [1, 2, 3]
    assert job.log_serial == 3


def test_priority_is_that_of_the_most_urgent_unfinished_opcode():
    opcodes = [OpTestDummy(priority=p) for p in (SubmitPriority.HIGH, SubmitPriority.LOW)]
    job = jobs.new_job(JobId(7), opcodes, NOW)
    assert job.priority == -10

    for status in (OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS):
        job = jobs.set_status(job, 0, status, NOW)

    assert job.priority == 10
    assert [op.priority for op in jobs.change_priority(job, 5).ops] == [-10, 5]


def test_file_has_the_form_of_the_specification():
    job = make(1, OpStatus.WAITING)
    job = jobs.append_log(job, 0, LogType.MESSAGE, "hello", NOW)

    wire = json.loads(jobs.to_file(job))

    assert set(wire) == {"id", "ops", "received_timestamp", "start_timestamp", "end_timestamp"}
    assert set(wire["ops"][0]) == {
        "input", "status", "result", "log", "start_timestamp", "exec_timestamp", "end_timestamp", "priority"
    }  # fmt: skip
    assert wire["ops"][0]["log"] == [[1, [1_700_000_000, 250_000], "message", "hello"]]
    assert wire["ops"][0]["input"]["OP_ID"] == "OP_TEST_DUMMY"


def test_file_survives_a_round_trip_with_unknown_keys():
    wire = json.loads(jobs.to_file(make(1, OpStatus.WAITING)))
    wire |= {"livelock": "/run/x", "process_id": 12}

    again = jobs.from_file(json.dumps_bytes(wire), JobId(7))

    assert json.loads(jobs.to_file(again)) == wire


def test_old_file_with_the_id_as_text_is_read():
    wire = json.loads(jobs.to_file(make())) | {"id": "7"}

    assert jobs.from_file(json.dumps_bytes(wire), JobId(7)).id == 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"id":7,"ops":[]}',
        b'{"id":8,"ops":[{"input":{}}]}',
        b'{"id":7,"ops":[{"status":"x"}]}',
        b"\xff",
    ],
)
def test_corrupt_file_is_told_apart(content):
    with pytest.raises(JobFileCorrupted, match="job 7"):
        jobs.from_file(content, JobId(7))


@given(st.binary(max_size=200))
def test_no_content_breaks_the_reader(content):
    with pytest.raises(JobFileCorrupted):
        jobs.from_file(content, JobId(7))


def test_secrets_are_in_the_file_only_until_the_opcode_has_ended():
    job = jobs.new_job(JobId(7), [OpTestOsParams(osparams_secret={"root_password": "hunter2"})], NOW)
    assert b"hunter2" in jobs.to_file(job), "it is needed to run the job after a restart"
    assert "hunter2" not in str(job.ops[0].input), "nobody else is to see it"

    restarted = jobs.with_opcodes(jobs.from_file(jobs.to_file(job), JobId(7)))
    assert restarted.ops[0].opcode == job.ops[0].opcode
    ended = jobs.fail(restarted, ValueError(), NOW)

    assert b"hunter2" not in jobs.to_file(ended)
    assert b"root_password" in jobs.to_file(ended)


def test_comment_and_reason_trail_are_kept_and_the_job_is_added_to_the_trail():
    op = OpTestDelay(duration=1.0, comment="nightly", reason=[["gnt:user", "because", 5]])

    wire = json.loads(jobs.to_file(jobs.new_job(JobId(7), [op], NOW)))["ops"][0]["input"]

    assert wire["comment"] == "nightly"
    assert wire["reason"] == [
        ["gnt:user", "because", 5],
        ["gnt:opcode:test_delay", "job=7;index=0", 1_700_000_000_250_000_000],
    ]


def test_dependency_without_statuses_takes_any_end_but_cancellation():
    op = OpTestDummy(
        depends=[(JobId(3), []), (JobId(4), [FinalStatus.ERROR, FinalStatus.SUCCESS]), (JobId(4), [FinalStatus.ERROR])]
    )

    assert jobs.dependencies(op) == {3: {FinalStatus.SUCCESS, FinalStatus.ERROR}, 4: {FinalStatus.ERROR}}
