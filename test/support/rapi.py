"""The remote API in this process: its real server, before a real LUXI server with canned handlers."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from ganeti.clock import SystemClock
from ganeti.luxi.pool import Pool
from ganeti.masterd.luxi_server import Handler, LuxiServer
from ganeti.model.opcodes.registry import OPCODES
from ganeti.rapi.auth import Doorkeeper, UsersFile
from ganeti.rapi.master import CALLS, Master
from ganeti.rapi.master import OPCODES as OPCODES_VALUE
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.server import ApiServer, Limits
from ganeti.rapi.table import Resource
from ganeti.rapi.watching import Watching
from ganeti.utils.listen import bound_socket

USERS = """\
jack secret write
jill secret read
nobody secret
"""


def login(name: str, password: str) -> str:
    """Return the header that logs a user in."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


JACK = login("jack", "secret")


class Answer(NamedTuple):
    """What the server said; `value` is what its JSON says."""

    status: int
    value: Any
    headers: Mapping[str, str]


class Api:
    """A client of the server, logged in as jack unless told otherwise; `jobs` are those that were submitted."""

    def __init__(self, session: aiohttp.ClientSession, address: tuple[str, int], jobs: list[list[Any]]) -> None:
        self._session = session
        self.address = address
        self.jobs = jobs

    async def ask(self, verb: str, path: str, body: Any = None, *, auth: str | None = JACK,
                  headers: Mapping[str, str] | None = None, data: bytes | None = None) -> Answer:  # fmt: skip
        """Make a request; `data` is a body as it stands, without the header that it is JSON."""
        url = "http://{}:{}{}".format(*self.address, path)
        sent = {**({"Authorization": auth} if auth else {}), **(headers or {})}
        given = {"json": body} if body is not None else {"data": data}
        async with self._session.request(verb, url, headers=sent, **given) as response:
            return Answer(response.status, json.loads(await response.read()), dict(response.headers))


@asynccontextmanager
async def api_served(
    directory: str | os.PathLike[str],
    handlers: Mapping[str, Handler] | None = None,
    *,
    users: str = USERS,
    lacks: Iterable[str] = (),
    table: Iterable[Resource] = RESOURCES,
    limits: Limits | None = None,
    always: bool = False,
    watching: Callable[[Master], Watching] | None = None,
) -> AsyncIterator[Api]:
    """Serve the remote API on loopback, over a master daemon that answers by `handlers` and takes jobs."""
    jobs: list[list[Any]] = []

    async def submit_job(ops: Any) -> object:
        jobs.append(list(ops))
        return len(jobs)

    async def query_config_values(names: Any) -> object:
        known = {OPCODES_VALUE: [*OPCODES], CALLS: [*every]}
        return [[word for word in known[name] if word not in set(lacks)] for name in names]

    every: dict[str, Handler] = {
        "SubmitJob": submit_job, "QueryConfigValues": query_config_values, **(handlers or {})
    }  # fmt: skip
    path = os.path.join(directory, "users")
    with open(path, "w", encoding="utf-8") as file:
        file.write(users)
    luxi = LuxiServer(every)
    socket_path = os.path.join(directory, "master")
    await luxi.start([socket_path])
    pool = Pool(socket_path)
    file_of_users = UsersFile(path)
    file_of_users.load()
    master = Master(pool)
    watched = watching(master) if watching else None
    server = ApiServer(table, master, Doorkeeper(file_of_users, always=always), SystemClock(), limits, watched)
    listening = bound_socket("127.0.0.1", 0)
    await server.listen(listening, None)
    try:
        async with aiohttp.ClientSession() as session:
            yield Api(session, listening.getsockname(), jobs)
    finally:
        await server.stop()
        pool.close()
        await luxi.close()
