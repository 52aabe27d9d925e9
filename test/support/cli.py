"""Running `gnt-*` commands in this process, against a master daemon of canned answers."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ganeti.cli.command import load_program
from ganeti.cli.feedback import Console
from ganeti.cli.main import run_program
from ganeti.masterd.luxi_server import Handler
from test.support.luxi import luxi_served


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream someone looks at."""

    def isatty(self) -> bool:
        return True


class CannedMaster:
    """Takes jobs and ends them as told; answers queries from tables."""

    def __init__(self) -> None:
        self.jobs: list[list[dict[str, Any]]] = []
        self.spawns = 0  # how many jobs the next job submits itself
        self.results: list[Any] = []
        self.statuses: list[str] = []
        self.log: list[list[Any]] = []
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.queries: list[tuple[str, Sequence[str], Any]] = []
        self.calls: list[tuple[str, Any]] = []
        self.kinds: dict[str, str] = {}

    def job_ends(self, status: str, *results: Any, statuses: Sequence[str] | None = None) -> None:
        """Tell how the next job ends that has no end yet."""
        self.statuses.append(status)
        self.results.append((list(statuses or [status] * len(results)), list(results)))

    def handlers(self) -> dict[str, Handler]:
        return {
            "SubmitJob": self.submit_job,
            "SubmitManyJobs": self.submit_many_jobs,
            "WaitForJobChange": self.wait_for_job_change,
            "QueryJobs": self.query_jobs,
            "Query": self.query,
            "QueryFields": self.query_fields,
            "QueryTags": self.query_tags,
            "CancelJob": self.cancel_job,
            "ChangeJobPriority": self.change_job_priority,
            "ArchiveJob": self.archive_job,
            "AutoArchiveJobs": self.auto_archive_jobs,
            "SetDrainFlag": self.set_drain_flag,
            "SetWatcherPause": self.set_watcher_pause,
            "QueryConfigValues": self.query_config_values,
            "QueryClusterInfo": self.query_cluster_info,
        }

    async def submit_job(self, ops: Any) -> object:
        self.jobs.append(list(ops))
        job_id = len(self.jobs)
        self.jobs += [[{}] for _ in range(self.spawns)]
        self.spawns = 0
        return job_id

    async def submit_many_jobs(self, jobs: Any) -> object:
        return [[True, await self.submit_job(ops)] for ops in jobs]

    async def wait_for_job_change(
        self, job_id: int, fields: Any, prev_info: Any, prev_serial: Any, timeout: float
    ) -> object:
        if job_id > len(self.jobs):
            return None
        if prev_info is None:
            return [["running"], [e for e in self.log if e[0] > (prev_serial or 0)]]
        return [[self._status(job_id)], []]

    async def query_jobs(self, job_ids: Any, fields: Any) -> object:
        if job_ids is None:
            return [[row.get(f) for f in fields] for row in self.tables["job"]]
        if "opresult" in fields and "id" not in fields:
            return [None if n > len(self.jobs) else [self._status(n), *self._results(n)] for n in job_ids]
        known = {row["id"]: row for row in self.tables.get("job", [])}
        return [[known[n].get(f) for f in fields] if n in known else None for n in job_ids]

    async def query(self, what: str, fields: Any, qfilter: Any) -> object:
        self.queries.append((what, list(fields), qfilter))
        rows = [row for row in self.tables.get(what, []) if _passes(row, qfilter)]
        known = {f for row in self.tables.get(what, []) for f in row}
        return {
            "fields": [self._field(f, f in known) for f in fields],
            "data": [[row.get(f, [1, None]) for f in fields] for row in rows],
        }

    async def query_fields(self, what: str, fields: Any) -> object:
        known = {f for row in self.tables.get(what, []) for f in row}
        return {"fields": [self._field(f, f in known) for f in fields or sorted(known)]}

    async def query_tags(self, kind: str, name: str) -> object:
        return ["b", "a10", "a9"] if (kind, name) == ("node", "node1") else []

    async def cancel_job(self, job_id: int, kill: bool) -> object:
        self.calls.append(("cancel", (job_id, kill)))
        return [job_id < 100, f"Job {job_id} told"]

    async def change_job_priority(self, job_id: int, priority: int) -> object:
        self.calls.append(("priority", (job_id, priority)))
        return [True, f"Priority of job {job_id} changed"]

    async def archive_job(self, job_id: int) -> object:
        return job_id < 100

    async def auto_archive_jobs(self, age: int, timeout: int) -> object:
        self.calls.append(("auto_archive", age))
        return [3, 1]

    async def set_drain_flag(self, flag: bool) -> object:
        self.calls.append(("drain", flag))
        return True

    async def set_watcher_pause(self, until: float | None) -> object:
        self.calls.append(("pause", until))
        return until

    async def query_config_values(self, names: Any) -> object:
        return [{"drain_flag": True, "watcher_pause": None, "cluster_name": "cluster1"}.get(n) for n in names]

    async def query_cluster_info(self) -> object:
        return {"name": "cluster1", "software_version": "4.0.0", "tags": [], "candidate_pool_size": 10}

    def _status(self, job_id: int) -> str:
        return self.statuses[job_id - 1] if job_id <= len(self.statuses) else "success"

    def _results(self, job_id: int) -> list[Any]:
        if job_id <= len(self.results):
            return list(self.results[job_id - 1])
        return [["success"] * len(self.jobs[job_id - 1]), [None] * len(self.jobs[job_id - 1])]

    def _field(self, name: str, known: bool) -> dict[str, str]:
        kind = self.kinds.get(name, "text") if known else "unknown"
        return {"name": name, "title": name.title() if known else name, "kind": kind, "doc": f"The {name}"}


def _passes(row: dict[str, Any], qfilter: Any) -> bool:
    match qfilter:
        case None:
            return True
        case ["|", *parts]:
            return any(_passes(row, part) for part in parts)
        case ["&", *parts]:
            return all(_passes(row, part) for part in parts)
        case ["!", part]:
            return not _passes(row, part)
        case ["?", field]:
            return bool(row[field][1])
        case ["=" | "==", field, value]:
            found = row[field][1]
            return bool(found == value or (isinstance(found, str) and found.startswith(f"{value}.")))
        case ["=[]", field, value]:
            return value in row[field][1]
        case ["=~", field, pattern]:
            return str(row[field][1]).startswith(str(pattern).lstrip("^").split(".*")[0].rstrip("$"))
    raise AssertionError(qfilter)


class Cli:
    """Runs commands against one canned master."""

    def __init__(self, master: CannedMaster, root: pathlib.Path, socket: str) -> None:
        self.master = master
        self.root = root
        self.environ = {
            "GANETI_ROOTDIR": str(root),
            "GANETI_HOSTNAME": root.name,
            "FORCE_LUXI_SOCKET": socket,
        }

    def run(self, line: str | Sequence[str], stdin: str = "", terminal: bool = False) -> Ran:
        """Run a command, given as words or one line without quotes."""
        words = line.split() if isinstance(line, str) else list(line)
        make = Terminal if terminal else io.StringIO
        out, err = make(), make()
        console = Console(io.StringIO(stdin), out, err)
        code = run_program(load_program(words[0]), words[1:], console, self.environ)
        return Ran(code, out.getvalue(), err.getvalue())


@contextmanager
def cli_with_master(directory: pathlib.Path) -> Iterator[Cli]:
    root = directory / "node1.example.com"
    root.mkdir()
    master = CannedMaster()
    socket = str(directory / "s")
    with luxi_served(socket, master.handlers()):
        yield Cli(master, root, socket)
