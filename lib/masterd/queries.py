"""Answers queries: rows from the configuration, the queue and the locks, live data only where asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ganeti import _autoconf, errors
from ganeti.errors import ECode
from ganeti.luxi.framing import Encoded
from ganeti.masterd import gather
from ganeti.masterd.answers import Answers, Seen
from ganeti.masterd.cluster_info import ARCHITECTURE, cluster_info
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.queue import JobQueue
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.watcher import WatcherPause
from ganeti.model.enums import QueryResource
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.query import evaluate
from ganeti.model.query.evaluate import Answer, Fields, Query
from ganeti.model.query.fields.cluster import ClusterRow
from ganeti.model.query.fields.export import ExportRow, export_rows
from ganeti.model.query.fields.group import group_rows
from ganeti.model.query.fields.job import JOBS
from ganeti.model.query.fields.jobfilter import FILTERS, filter_rows
from ganeti.model.query.fields.network import network_rows
from ganeti.model.query.fields.os import os_rows
from ganeti.model.query.names import filter_of_names
from ganeti.model.query.registry import table_of
from ganeti.model.query.rows.instance import instance_rows
from ganeti.model.query.rows.node import node_rows
from ganeti.model.query.table import Need, Table
from ganeti.model.scalars import JobId, NodeName
from ganeti.rpc.client import NodeRpc
from ganeti.utils import text

T = TypeVar("T")
N = TypeVar("N", Instance, Node)


class Queries:
    """All that can be asked of the master daemon."""

    def __init__(self, config: ConfigStore, rpc: NodeRpc) -> None:
        self._config = config
        self._rpc = rpc
        self._queue: JobQueue | None = None
        self._locks: LockManager | None = None
        self._pause: WatcherPause | None = None
        self._answers = Answers()

    def connect(self, queue: JobQueue, locks: LockManager, pause: WatcherPause) -> None:
        """Learn of the parts that need queries themselves."""
        self._queue, self._locks, self._pause = queue, locks, pause

    async def query(self, what: str, fields: Sequence[str], qfilter: object = None) -> Answer:
        """Answer a query.

        Raises OpPrereqError for an unknown resource, ParameterError for a wrong filter.
        """
        query = evaluate.prepare(table_of(what), fields, qfilter)
        return query.answer(await self._rows(QueryResource(what), query))

    async def asked(self, what: str, fields: Sequence[str], qfilter: object = None) -> Answer | Encoded:
        """Answer a query as `query` does, for a client."""
        query = evaluate.prepare(table_of(what), fields, qfilter)
        resource = QueryResource(what)
        if resource not in _KEPT:
            return query.answer(await self._rows(resource, query))
        question = (resource, tuple(fields), repr(qfilter))
        return await self._answers.answer(
            question, lambda: self._look(resource, query), lambda seen: query.answer(_rows_of(resource, seen))
        )

    async def cluster_info(self) -> Encoded:
        """Return the settings of the cluster, for a client."""
        return await self._answers.answer(cluster_info, self._look_at_config, lambda seen: cluster_info(seen.config))

    def fields(self, what: str, fields: Sequence[str] | None) -> Fields:
        """Describe fields of a resource; None means all.

        Raises OpPrereqError for an unknown resource.
        """
        return evaluate.query_fields(table_of(what), fields)

    async def named(self, what: QueryResource, names: Sequence[str], fields: Sequence[str]) -> list[list[object]]:
        """Return the values of fields of these objects, or all, in the order of the names.

        Raises OpPrereqError for a name or field that is not known.
        """
        query, full = self._named_query(what, names, fields)
        return _values(query, full, await self._rows(what, query))

    async def asked_named(self, what: QueryResource, names: Sequence[str], fields: Sequence[str]) -> Encoded:
        """Answer a query as `named` does, for a client."""
        query, full = self._named_query(what, names, fields)
        return await self._answers.answer(
            (what, tuple(full), tuple(fields)),
            lambda: self._look(what, query),
            lambda seen: _values(query, full, _rows_of(what, seen)),
        )

    def _named_query(
        self, what: QueryResource, names: Sequence[str], fields: Sequence[str]
    ) -> tuple[Query[Any], list[str]]:
        """Return a query, and the full names it is to be answered in the order of."""
        table = table_of(what)
        _known(table, fields)
        full = [_full_name(what, name, _names_of(what, self._config.current)) for name in names]
        return evaluate.prepare(table, fields, filter_of_names(full, table.name_field or "")), full

    async def jobs(self, ids: Sequence[JobId] | None, fields: Sequence[str]) -> list[list[object] | None]:
        """Return the values of fields of jobs, None for one that is not there.

        Raises OpPrereqError for a field that is not known.
        """
        queue = _connected(self._queue)
        query = _job_query(tuple(fields))
        if ids is None:
            return [query.values(job) for job in queue.jobs()]
        found = [await queue.find(job_id) for job_id in ids]
        return [query.values(job) if job else None for job in found]

    def filters(self, uuids: Sequence[str] | None, fields: Sequence[str]) -> list[list[object]]:
        """Return the values of fields of these filters of the job queue, of all for none.

        Raises OpPrereqError for a field that is not known; unknown filters are left out.
        """
        query = evaluate.prepare(
            FILTERS, _known(FILTERS, fields), filter_of_names(uuids or [], FILTERS.name_field or "")
        )
        return query.plain(query.matching(filter_rows(self._config.current)))

    def job_values(self, job: Job, fields: Sequence[str]) -> Sequence[object]:
        """Return the values of fields of one job.

        Raises OpPrereqError for a field that is not known.
        """
        return _job_query(tuple(fields)).values(job)

    # --- rows by resource ---------------------------------------------------------------

    async def _rows(self, what: QueryResource, query: Query[Any]) -> Sequence[Any]:
        match what:
            case QueryResource.JOB:
                return await self._jobs(query)
            case QueryResource.LOCK:
                return _connected(self._locks).dump()
            case QueryResource.CLUSTER:
                return [self._cluster(self._config.current)]
            case QueryResource.OS:
                config = self._config.current
                return os_rows(config.cluster, await gather.os_definitions(self._rpc, config))
            case QueryResource.EXPORT:
                return await self._exports(self._config.current, query)
        if what not in _KEPT:
            raise errors.OpPrereqError(f"cannot query {what}: not supported by this version", ECode.INVAL)
        return _rows_of(what, await self._look(what, query))

    async def _look(self, what: QueryResource, query: Query[Any]) -> Seen:
        """Return what is needed to answer a query for objects of the configuration."""
        config = self._config.current
        match what:
            case QueryResource.INSTANCE:
                return await self._look_at_instances(config, query)
            case QueryResource.NODE:
                return await self._look_at_nodes(config, query)
        return Seen(config)

    async def _look_at_instances(self, config: Config, query: Query[Any]) -> Seen:
        chosen: Collection[str] | None = _only(query, config.instance_names())
        everywhere = chosen is None
        if query.matches and not query.filter_asks:
            chosen = [row.instance.name for row in query.matching(instance_rows(config, only=chosen))]
        if not query.asks:
            return Seen(config, chosen)
        instances = _picked(config.instances.values(), chosen)
        uuids = {instance.primary_node for instance in instances if instance.primary_node}
        # An instance may run where it should not: to see that, all nodes are asked when all instances are.
        nodes = config.online_nodes() if everywhere else [config.nodes[uuid] for uuid in uuids]
        running = await gather.running_instances(self._rpc, config, nodes)
        shown = None
        if Need.CONSOLE in query.asks:
            shown = await gather.consoles(self._rpc, config, instances, running)
        answers = {uuid: running.get(uuid) for uuid in [*uuids, *(node.uuid for node in nodes)]}
        return Seen(config, chosen, answers, shown)

    async def _look_at_nodes(self, config: Config, query: Query[Any]) -> Seen:
        chosen: Collection[str] | None = _only(query, config.node_names())
        if query.matches and not query.filter_asks:
            chosen = [row.node.name for row in query.matching(node_rows(config, only=chosen))]
        if Need.LIVE not in query.asks:
            return Seen(config, chosen)
        nodes = _picked(config.nodes.values(), chosen)
        return Seen(config, chosen, await gather.node_figures(self._rpc, config, nodes))

    async def _exports(self, config: Config, query: Query[Any]) -> Sequence[ExportRow]:
        chosen = _only(query, config.node_names())
        found = await gather.exports(self._rpc, _picked(config.nodes.values(), chosen))
        return export_rows(config, found, only=chosen)

    async def _jobs(self, query: Query[Any]) -> Sequence[Job]:
        queue = _connected(self._queue)
        if query.names is None:
            if Need.ARCHIVED not in query.asks:
                return queue.jobs()
            # The archive first: a job that is archived meanwhile is in both, and not in neither.
            every = {job.id: job for job in [*await queue.archived(), *queue.jobs()]}
            return [every[job_id] for job_id in sorted(every)]
        found = [await queue.find(JobId(int(name))) for name in query.names if name.isdigit()]
        return [job for job in found if job is not None]

    async def _look_at_config(self) -> Seen:
        return Seen(self._config.current)

    def _cluster(self, config: Config) -> ClusterRow:
        return ClusterRow(
            config.cluster,
            NodeName(config.master.name),
            _autoconf.VERSION,
            _autoconf.VCS_VERSION,
            list(ARCHITECTURE),
            _connected(self._queue).drained,
            _connected(self._pause).until(),
        )


#: how rows are made of what was seen; answers about these are kept
_KEPT: Mapping[QueryResource, Callable[[Seen], Sequence[Any]]] = {
    QueryResource.INSTANCE: lambda seen: instance_rows(
        seen.config, only=seen.chosen, answers=seen.live, consoles=seen.consoles
    ),
    QueryResource.NODE: lambda seen: node_rows(seen.config, only=seen.chosen, answers=seen.live),
    QueryResource.GROUP: lambda seen: group_rows(seen.config),
    QueryResource.NETWORK: lambda seen: network_rows(seen.config),
    QueryResource.FILTER: lambda seen: filter_rows(seen.config),
}


def _rows_of(what: QueryResource, seen: Seen) -> Sequence[Any]:
    return _KEPT[what](seen)


def _values(query: Query[Any], order: Sequence[str], rows: Sequence[Any]) -> list[list[object]]:
    """Return the values of rows, in the order of some names, as they are for none."""
    rows = query.matching(rows)
    if order:
        place = {name: index for index, name in enumerate(order)}
        name_of = query.table.field(query.table.name_field or "").get
        rows = sorted(rows, key=lambda row: place.get(str(name_of(row)), len(place)))
    return query.plain(rows)


def _names_of(what: QueryResource, config: Config) -> Sequence[str]:
    names: dict[QueryResource, Callable[[], Sequence[str]]] = {
        QueryResource.INSTANCE: config.instance_names,
        QueryResource.NODE: config.node_names,
        QueryResource.EXPORT: config.node_names,
        QueryResource.GROUP: config.group_names,
        QueryResource.NETWORK: config.network_names,
    }
    return names[what]()


def _full_name(what: QueryResource, name: str, known: Sequence[str]) -> str:
    found = text.matching_names(name, known)
    if len(found) > 1:
        raise errors.OpPrereqError(f"{what} name {name!r} is not unique: {', '.join(found)}", ECode.INVAL)
    if not found:
        raise errors.OpPrereqError(f"{what} {name!r} is not known", ECode.NOENT)
    return found[0]


def _only(query: Query[Any], known: Sequence[str]) -> Collection[str] | None:
    """Return the full names of those a query may ask for, None when it must look at all; the filter decides."""
    if query.names is None:
        return None
    return {full for name in query.names for full in text.matching_names(name, known)}


def _picked(records: Iterable[N], names: Collection[str] | None) -> list[N]:
    """Return the records of some names, all for None."""
    wanted = None if names is None else frozenset(names)
    return [record for record in records if wanted is None or record.name in wanted]


def _job_query(fields: tuple[str, ...]) -> Query[Any]:
    return evaluate.prepare(JOBS, _known(JOBS, fields))


def _known(table: Table[Any], fields: Sequence[str]) -> Sequence[str]:
    """Return the names of fields, all of which a table must have.

    Raises OpPrereqError.
    """
    unknown = [name for name in fields if name not in table.fields]
    if unknown:
        raise errors.OpPrereqError(f"unknown output fields: {', '.join(unknown)}", ECode.INVAL)
    return fields


def _connected(part: T | None) -> T:
    if part is None:
        raise errors.ProgrammerError("queries are asked before the daemon is wired")
    return part
