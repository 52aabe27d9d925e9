"""Answers LUXI calls: binds the table of `luxi.methods` to the queue, the queries and the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ganeti import errors
from ganeti.clock import Clock
from ganeti.errors import ECode
from ganeti.luxi import methods as m
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.cmdlib.tags.target import full_name
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.jobqueue.queue import JobQueue
from ganeti.masterd.luxi_server import Handler
from ganeti.masterd.queries import Queries
from ganeti.masterd.tags import tags_of
from ganeti.masterd.watcher import WatcherPause
from ganeti.model.enums import QueryResource, TagKind
from ganeti.model.opcodes import registry
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId

log = logging.getLogger(__name__)


class Handlers:
    """One method per LUXI call, with the parameters of the table."""

    def __init__(
        self,
        queue: JobQueue,
        queries: Queries,
        config: ConfigStore,
        pause: WatcherPause,
        clock: Clock,
        more: Mapping[str, Handler],
    ) -> None:
        self._queue = queue
        self._queries = queries
        self._config = config
        self._pause = pause
        self._clock = clock
        self._more = more

    def table(self) -> Mapping[str, Handler]:
        """Return the handlers by wire name."""
        return {
            **self._more,
            m.submit_job.name: self.submit_job,
            m.submit_job_to_drained_queue.name: self.submit_job_to_drained_queue,
            m.submit_many_jobs.name: self.submit_many_jobs,
            m.cancel_job.name: self.cancel_job,
            m.change_job_priority.name: self.change_job_priority,
            m.archive_job.name: self.archive_job,
            m.auto_archive_jobs.name: self.auto_archive_jobs,
            m.wait_for_job_change.name: self.wait_for_job_change,
            m.set_drain_flag.name: self.set_drain_flag,
            m.query.name: self.query,
            m.query_fields.name: self.query_fields,
            m.query_jobs.name: self.query_jobs,
            m.query_instances.name: self.query_instances,
            m.query_nodes.name: self.query_nodes,
            m.query_groups.name: self.query_groups,
            m.query_networks.name: self.query_networks,
            m.query_filters.name: self.query_filters,
            m.query_exports.name: self.query_exports,
            m.query_config_values.name: self.query_config_values,
            m.query_cluster_info.name: self.query_cluster_info,
            m.query_tags.name: self.query_tags,
            m.set_watcher_pause.name: self.set_watcher_pause,
        }

    # --- jobs -------------------------------------------------------------------------

    async def submit_job(self, ops: Sequence[object]) -> object:
        return await self._queue.submit(_opcodes(ops))

    async def submit_job_to_drained_queue(self, ops: Sequence[object]) -> object:
        return await self._queue.submit(_opcodes(ops), even_drained=True)

    async def submit_many_jobs(self, jobs: Sequence[Sequence[object]]) -> object:
        loaded = [_opcodes_or_error(ops) for ops in jobs]
        # A refused one keeps its place, without opcodes: others may depend on it by its distance.
        wanted = [() if isinstance(ops, errors.GenericError) else ops for ops in loaded]
        answers = await self._queue.submit_many(wanted)
        return [
            (False, str(ops)) if isinstance(ops, errors.GenericError) else answer
            for ops, answer in zip(loaded, answers, strict=True)
        ]

    async def cancel_job(self, job_id: JobId, kill: bool) -> object:
        return await self._queue.cancel(job_id, kill=kill)

    async def change_job_priority(self, job_id: JobId, priority: int) -> object:
        return await self._queue.change_priority(job_id, priority)

    async def archive_job(self, job_id: JobId) -> object:
        return await self._queue.archive(job_id)

    async def auto_archive_jobs(self, age: int, timeout: int) -> object:
        return await self._queue.auto_archive(age, timeout)

    async def wait_for_job_change(
        self,
        job_id: JobId,
        fields: Sequence[str],
        prev_info: Sequence[object] | None,
        prev_serial: int | None,
        timeout: float,
    ) -> object:
        return await self._queue.wait_for_change(job_id, fields, prev_info, prev_serial, timeout)

    async def set_drain_flag(self, flag: bool) -> object:
        await self._queue.set_drain(flag)
        return True

    # --- questions --------------------------------------------------------------------

    async def query(self, what: str, fields: Sequence[str], qfilter: Sequence[object] | None) -> object:
        return await self._queries.asked(what, fields, qfilter)

    async def query_fields(self, what: str, fields: Sequence[str] | None) -> object:
        return self._queries.fields(what, fields)

    async def query_jobs(self, job_ids: Sequence[JobId] | None, fields: Sequence[str]) -> object:
        return await self._queries.jobs(job_ids, fields)

    async def query_instances(self, names: Sequence[str], fields: Sequence[str], use_locking: bool) -> object:
        return await self._classic(QueryResource.INSTANCE, names, fields, use_locking)

    async def query_nodes(self, names: Sequence[str], fields: Sequence[str], use_locking: bool) -> object:
        return await self._classic(QueryResource.NODE, names, fields, use_locking)

    async def query_groups(self, names: Sequence[str], fields: Sequence[str], use_locking: bool) -> object:
        return await self._classic(QueryResource.GROUP, names, fields, use_locking)

    async def query_networks(self, names: Sequence[str], fields: Sequence[str], use_locking: bool) -> object:
        return await self._classic(QueryResource.NETWORK, names, fields, use_locking)

    async def query_exports(self, nodes: Sequence[str], use_locking: bool) -> object:
        _refuse_locking(use_locking)
        return await self._queries.named(QueryResource.EXPORT, nodes, ["node", "export"])

    async def query_filters(self, uuids: Sequence[str] | None, fields: Sequence[str]) -> object:
        return self._queries.filters(uuids, fields)

    async def query_config_values(self, names: Sequence[str]) -> object:
        cluster = self._config.current.cluster
        values: Mapping[str, Callable[[], Any]] = {
            "cluster_name": lambda: cluster.cluster_name,
            "master_node": lambda: self._config.current.master.name,
            "drain_flag": lambda: self._queue.drained,
            "watcher_pause": lambda: _whole(self._pause.until()),
            "modify_ssh_setup": lambda: cluster.modify_ssh_setup,
            "ssh_key_type": lambda: cluster.ssh_key_type,
            "ssh_key_bits": lambda: cluster.ssh_key_bits,
            "volume_group_name": lambda: cluster.volume_group_name,
            "opcodes": lambda: sorted(op.OP_ID for op in UNITS),
            "luxi_calls": lambda: sorted(self.table()),
        }
        return [values[name]() if name in values else None for name in names]

    async def query_cluster_info(self) -> object:
        return await self._queries.cluster_info()

    async def query_tags(self, kind: str, name: str | None) -> object:
        if kind not in list(TagKind):
            raise errors.OpPrereqError(f"unknown kind of tagged object {kind!r}", ECode.INVAL)
        config, wanted = self._config.current, TagKind(kind)
        return sorted(tags_of(config, wanted, full_name(config, wanted, name)))

    async def set_watcher_pause(self, until: float | None) -> object:
        if until is not None and until < self._clock.time():
            raise errors.GenericError("cannot pause the watcher: the time given is in the past")
        await self._pause.set(self._config.current.online_nodes(), until)
        return _whole(until)

    async def _classic(
        self, what: QueryResource, names: Sequence[str], fields: Sequence[str], use_locking: bool
    ) -> object:
        _refuse_locking(use_locking)
        return await self._queries.asked_named(what, names, fields)


def _whole(seconds: float | None) -> float | None:
    """Return a time without a fraction as a whole number: clients in other languages read nothing else there."""
    return int(seconds) if seconds is not None and float(seconds).is_integer() else seconds


def _refuse_locking(use_locking: bool) -> None:
    if use_locking:
        raise errors.OpPrereqError("cannot query with locks: not supported", ECode.INVAL)


def _opcodes(ops: Sequence[object]) -> list[OpCode]:
    if not ops:
        raise errors.ParameterError("ops: a job needs at least one opcode")
    return [registry.load(op, f"ops[{index}]" if len(ops) > 1 else "") for index, op in enumerate(ops)]


def _opcodes_or_error(ops: Sequence[object]) -> list[OpCode] | errors.GenericError:
    """One bad job of many is refused alone."""
    try:
        return _opcodes(ops)
    except errors.GenericError as err:
        return err
