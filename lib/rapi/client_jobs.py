"""RAPI client: jobs, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ganeti.rapi.client_calls import Calls, Document
from ganeti.rapi.client_http import GanetiApiError, JobError, path_of

JOB_STATUS_QUEUED = "queued"
JOB_STATUS_WAITING = "waiting"
JOB_STATUS_CANCELING = "canceling"
JOB_STATUS_RUNNING = "running"
JOB_STATUS_CANCELED = "canceled"
JOB_STATUS_SUCCESS = "success"
JOB_STATUS_ERROR = "error"
JOB_STATUS_PENDING = frozenset({JOB_STATUS_QUEUED, JOB_STATUS_WAITING, JOB_STATUS_CANCELING})
JOB_STATUS_FINALIZED = frozenset({JOB_STATUS_CANCELED, JOB_STATUS_SUCCESS, JOB_STATUS_ERROR})
JOB_STATUS_ALL = frozenset({JOB_STATUS_RUNNING}) | JOB_STATUS_PENDING | JOB_STATUS_FINALIZED

#: seconds the server lets a request wait for a change of a job
LONGEST_POLL = 10.0
_FORBIDDEN = frozenset({401, 403})


class Waits(Protocol):
    """Where a client takes time from; the `time` module is one."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class JobCalls(Calls):
    """Methods about jobs."""

    _time: Waits = time

    def GetJobs(self, bulk: bool = False) -> list[Any]:
        """Return the ids of all jobs that are not archived, or with `bulk` what is known of each."""
        found = self._list("/2/jobs", "id", bulk)
        return found if bulk else [int(job_id) for job_id in found]

    def GetJobStatus(self, job_id: int) -> Document:
        """Return what is known of a job: status, opcodes, what they logged and answered."""
        document: Document = self._get(path_of("jobs", job_id))
        return document

    def CancelJob(self, job_id: int, dry_run: bool = False) -> list[Any]:
        """Cancel a job that does not run yet; return [whether it worked, a message]."""
        answer: list[Any] = self._http.request("DELETE", path_of("jobs", job_id), {"dry_run": dry_run or None})
        return answer

    def WaitForJobChange(
        self,
        job_id: int,
        fields: Sequence[str],
        prev_job_info: Sequence[object] | None,
        prev_log_serial: int | None,
    ) -> Document | None:
        """Return {"job_info": values, "log_entries": entries} once they differ from what is known.

        None when nothing changed in a while (ten seconds). Needs the right to write.
        """
        body = {
            "fields": list(fields),
            "previous_job_info": prev_job_info,
            "previous_log_serial": prev_log_serial,
        }
        answer: Document | None = self._http.request("GET", path_of("jobs", job_id, "wait"), None, body)
        return answer

    def WaitForJobCompletion(self, job_id: int, period: float = 5, retries: int = -1) -> bool:
        """Wait until a job has ended; tell whether it succeeded.

        False also when it has not ended after `retries` times `period` seconds; for
        ever if `retries` is negative.  Who may not wait at the server looks every
        `period` seconds.
        """
        ended = self._ended(job_id, period, None if retries < 0 else retries * period)
        return ended is not None and ended["status"] == JOB_STATUS_SUCCESS

    def WaitForJobResult(self, job_id: int, timeout: float | None = None) -> list[Any]:
        """Wait until a job has ended and return what its opcodes answered.

        Raises JobError when it did not succeed, saying why, or not in time.
        """
        ended = self._ended(job_id, 1.0, timeout)
        if ended is None:
            raise JobError(f"job {job_id} has not ended after {timeout:g} s", self.GetJobStatus(job_id))
        if ended["status"] != JOB_STATUS_SUCCESS:
            raise JobError(f"job {job_id} ended in {ended['status']}: {_reason(ended)}", ended)
        results: list[Any] = ended["opresult"]
        return results

    def _ended(self, job_id: int, period: float, limit: float | None) -> Document | None:
        """Return a job once it has ended, None if it has not after `limit` seconds."""
        end = None if limit is None else self._time.monotonic() + limit
        may_wait = True
        while True:
            job = self.GetJobStatus(job_id)
            left = None if end is None else end - self._time.monotonic()
            if job["status"] in JOB_STATUS_FINALIZED:
                return job
            if left is not None and left <= 0:
                return None
            if may_wait and (left is None or left >= LONGEST_POLL):
                may_wait = self._waited(job_id, str(job["status"]))
            else:
                self._time.sleep(period if left is None else min(period, left))

    def _waited(self, job_id: int, status: str) -> bool:
        """Wait at the server until a job has another status; tell whether we may."""
        try:
            self.WaitForJobChange(job_id, ["status"], [status], None)
        except GanetiApiError as err:
            if err.code in _FORBIDDEN:
                return False
            raise
        return True


def _reason(job: Mapping[str, Any]) -> str:
    """Return why a job did not succeed: what its first opcode that did not says."""
    for status, result in zip(job["opstatus"], job["opresult"], strict=False):
        if status != JOB_STATUS_SUCCESS:
            return _message(result)
    return "no reason was given"


def _message(result: object) -> str:
    """Return the words of an encoded error: [class, [message, ...]]."""
    match result:
        case [str(), [str(message), *_]]:
            return message
        case [str(kind), _]:
            return kind
    return str(result)
