"""THE TABLE of LUXI calls: name on the wire, arguments, answer, time allowed.

Both ends derive from it: `Client.call(methods.cancel_job, 12)` on the one side,
`LuxiServer(handlers)` on the other.  Answers are plain JSON forms: the server does
not convert what a handler returns, so that a list of ten thousand instances is not
walked twice.  Names and shapes are those of `spec/luxi.json`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.model.scalars import JobId, NonNegativeInt
from ganeti.procedure import Procedure, procedure, table_of

READ_WRITE_TIMEOUT = 180
"""Seconds a client waits for an answer to begin."""
LONGEST_WAIT = 89
"""Seconds a call that waits for something may be kept by the server: half the above."""


# --- jobs ----------------------------------------------------------------------


@procedure(name="SubmitJob", timeout=READ_WRITE_TIMEOUT)
def submit_job(ops: Sequence[object]) -> int:
    """Submit a job of these opcodes; answers its id once it is safe on disk."""
    raise NotImplementedError


@procedure(name="SubmitJobToDrainedQueue", timeout=READ_WRITE_TIMEOUT)
def submit_job_to_drained_queue(ops: Sequence[object]) -> int:
    """Submit a job even though the queue is drained."""
    raise NotImplementedError


@procedure(name="SubmitManyJobs", timeout=READ_WRITE_TIMEOUT)
def submit_many_jobs(jobs: Sequence[Sequence[object]]) -> list[tuple[bool, int | str]]:
    """Submit several jobs; answers (true, id) or (false, message) of each, in order."""
    raise NotImplementedError


@procedure(name="PickupJob", timeout=READ_WRITE_TIMEOUT)
def pickup_job(job_id: JobId) -> None:
    """Internal; refused from clients."""
    raise NotImplementedError


@procedure(name="CancelJob", timeout=READ_WRITE_TIMEOUT)
def cancel_job(job_id: JobId, kill: bool = False) -> tuple[bool, str]:
    """Cancel a job; answers whether it worked, and a message."""
    raise NotImplementedError


@procedure(name="ChangeJobPriority", timeout=READ_WRITE_TIMEOUT)
def change_job_priority(job_id: JobId, priority: int) -> tuple[bool, str]:
    """Change the priority of what is left of a job (-20 to 19, smaller is sooner)."""
    raise NotImplementedError


@procedure(name="ArchiveJob", timeout=READ_WRITE_TIMEOUT)
def archive_job(job_id: JobId) -> bool:
    """Archive a finished job; answers whether it was archived."""
    raise NotImplementedError


@procedure(name="AutoArchiveJobs", timeout=READ_WRITE_TIMEOUT)
def auto_archive_jobs(age: int, timeout: int) -> tuple[int, int]:
    """Archive jobs that ended `age` seconds ago (-1: all), for at most `timeout` seconds.

    Answers how many were archived and how many were left unchecked.
    """
    raise NotImplementedError


@procedure(name="WaitForJobChange", timeout=READ_WRITE_TIMEOUT)
def wait_for_job_change(
    job_id: JobId,
    fields: Sequence[str],
    prev_info: Sequence[object] | None,
    prev_serial: int | None,
    timeout: float,
) -> Any:
    """Wait until fields of a job differ from `prev_info` or its log grows beyond `prev_serial`.

    Answers "nochange" after `timeout` seconds, None when the job is gone, else
    [values of the fields, [[serial, [seconds, microseconds], type, message], ...]].
    Answers at once when the job is finished.
    """
    raise NotImplementedError


@procedure(name="SetDrainFlag", timeout=READ_WRITE_TIMEOUT)
def set_drain_flag(flag: bool) -> bool:
    """Refuse new jobs (true) or take them again."""
    raise NotImplementedError


# --- questions -----------------------------------------------------------------


@procedure(name="Query", timeout=READ_WRITE_TIMEOUT)
def query(what: str, fields: Sequence[str], qfilter: list[Any] | None = None) -> Any:
    """Answer {"fields": [{name, title, kind, doc}], "data": [[[status, value], ...], ...]}."""
    raise NotImplementedError


@procedure(name="QueryFields", timeout=READ_WRITE_TIMEOUT)
def query_fields(what: str, fields: Sequence[str] | None = None) -> Any:
    """Answer {"fields": [...]} of a resource: these fields, or all of them."""
    raise NotImplementedError


@procedure(name="QueryJobs", timeout=READ_WRITE_TIMEOUT)
def query_jobs(job_ids: Sequence[JobId] | None, fields: Sequence[str]) -> list[Any]:
    """Answer a row of values of each job, None for one that is not there; None asks for all."""
    raise NotImplementedError


@procedure(name="QueryInstances", timeout=READ_WRITE_TIMEOUT)
def query_instances(names: Sequence[str], fields: Sequence[str], use_locking: bool = False) -> list[Any]:
    """Answer a row of values of each instance; no names ask for all."""
    raise NotImplementedError


@procedure(name="QueryNodes", timeout=READ_WRITE_TIMEOUT)
def query_nodes(names: Sequence[str], fields: Sequence[str], use_locking: bool = False) -> list[Any]:
    """Answer a row of values of each node; no names ask for all."""
    raise NotImplementedError


@procedure(name="QueryGroups", timeout=READ_WRITE_TIMEOUT)
def query_groups(names: Sequence[str], fields: Sequence[str], use_locking: bool = False) -> list[Any]:
    """Answer a row of values of each node group; no names ask for all."""
    raise NotImplementedError


@procedure(name="QueryNetworks", timeout=READ_WRITE_TIMEOUT)
def query_networks(names: Sequence[str], fields: Sequence[str], use_locking: bool = False) -> list[Any]:
    """Answer a row of values of each network; no names ask for all."""
    raise NotImplementedError


@procedure(name="QueryExports", timeout=READ_WRITE_TIMEOUT)
def query_exports(nodes: Sequence[str], use_locking: bool = False) -> list[Any]:
    """Answer [node, export] of each export on these nodes, or on all."""
    raise NotImplementedError


@procedure(name="QueryConfigValues", timeout=READ_WRITE_TIMEOUT)
def query_config_values(names: Sequence[str]) -> list[Any]:
    """Answer these values of the cluster, None for a name that is not known."""
    raise NotImplementedError


@procedure(name="QueryClusterInfo", timeout=READ_WRITE_TIMEOUT)
def query_cluster_info() -> dict[str, Any]:
    """Answer the settings of the cluster; keys as in `spec/rapi.json`, cluster_info_fields."""
    raise NotImplementedError


@procedure(name="QueryTags", timeout=READ_WRITE_TIMEOUT)
def query_tags(kind: str, name: str | None = "") -> list[str]:
    """Answer the tags of one thing; the cluster has no name, or None."""
    raise NotImplementedError


# --- filters of the job queue, the watcher ---------------------------------------


@procedure(name="QueryFilters", timeout=READ_WRITE_TIMEOUT)
def query_filters(uuids: Sequence[str] | None, fields: Sequence[str]) -> list[Any]:
    """Answer a row of values of each job filter; None asks for all."""
    raise NotImplementedError


@procedure(name="ReplaceFilter", timeout=READ_WRITE_TIMEOUT)
def replace_filter(
    uuid: str | None,
    priority: NonNegativeInt,
    predicates: Sequence[object],
    action: object,
    reason: Sequence[object] = (),
) -> str:
    """Add a job filter (no uuid) or replace one; answers its uuid."""
    raise NotImplementedError


@procedure(name="DeleteFilter", timeout=READ_WRITE_TIMEOUT)
def delete_filter(uuid: str) -> None:
    """Delete a job filter."""
    raise NotImplementedError


@procedure(name="SetWatcherPause", timeout=READ_WRITE_TIMEOUT)
def set_watcher_pause(until: float | None) -> float | None:
    """Pause the watcher until a time, in seconds since the epoch; None ends the pause."""
    raise NotImplementedError


# --- watching the cluster: not among Ganeti's methods ------------------------------


@procedure(name="WaitForEvents", timeout=READ_WRITE_TIMEOUT)
def wait_for_events(epoch: str, serial: int, timeout: float) -> dict[str, Any]:
    """Wait until something happened after the event of a serial, for at most `timeout` seconds.

    Answers {"epoch", "serial", "reset", "events": [[serial, time, kind, data], ...]}, of
    which the first two are for the next call.  With `reset` events were missed, or the
    epoch ended: look at everything anew.  The epoch "" stands for now and is answered
    at once.
    """
    raise NotImplementedError


@procedure(name="QueryFigures", timeout=READ_WRITE_TIMEOUT)
def query_figures() -> dict[str, Any]:
    """Answer how the master daemon does: counts, and times as histograms."""
    raise NotImplementedError


METHODS: Mapping[str, Procedure[..., Any]] = table_of(sys.modules[__name__])
"""Every call, by its name on the wire."""

WAITING = frozenset({wait_for_job_change.name, wait_for_events.name})
"""Calls that wait for something to happen."""

ABANDONABLE = frozenset(name for name in METHODS if name.startswith("Query")) | WAITING
"""Calls that change nothing: they end when the client who asked has gone."""
