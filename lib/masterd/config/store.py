"""The configuration store: changes in memory at once, on disk soon, together.

    update ── draft ── verified ── newest head ─┐  one write for all that is ready
    durable(draft) waits ◄── published ◄── shipped ◄── written and synced ◄┘

Readers see `current`, which is on disk here.  A write that fails takes back every
change that was not yet durable: all who wait for one are told, and the head is again
what is on disk.  A change that `durable` has returned for is never lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from ganeti import errors
from ganeti.clock import Clock
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.index import Kind
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.reservations import JobReservations, Reservations
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.ssconf import UNHURRIED, SsconfValues, changed_keys
from ganeti.masterd.config.text import ConfigText, Dump, dump_record, merged
from ganeti.masterd.config.verify import check_change
from ganeti.model.objects.node import Node
from ganeti.model.scalars import InstanceName, JobId, Timestamp, Uuid
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.utils.files import Disk
from ganeti.utils.pieces import Text
from ganeti.utils.spares import CONFIG_SPARES, LARGEST_CONFIG, Spares

log = logging.getLogger(__name__)

CONFIG_MODE = 0o640
#: seconds after which a half-written file is of nobody who still writes
LEFTOVER_AGE = 3600.0

#: after shipping what nobody waits for, so many times as long nothing of the kind is shipped
PAUSES = 4

#: runs what blocks without holding up the loop
RunBlocking = Callable[[Callable[[], None]], Awaitable[None]]
#: called with the configuration before and after a change, and which records may differ by section
Watch = Callable[[Config, Config, Mapping[str, Collection[Uuid]]], None]


class Distributor(Protocol):
    """Carries the configuration to other nodes.

    A node that cannot be reached is no failure: whoever implements this remembers it
    as behind and catches it up.
    """

    async def config(self, text: Text, serial: int, candidates: Sequence[Node], *, whole: bool = False) -> None:
        """Ship the text of the configuration to the master candidates.

        What did not change since the last one need not be sent, unless `whole`.
        """

    async def ssconf(self, values: Mapping[str, str], nodes: Sequence[Node]) -> None:
        """Ship all ssconf values to nodes."""


class ConfigStore:
    """Holds the configuration of the cluster; there is one in a master daemon."""

    def __init__(
        self,
        config: Config,
        path: str,
        clock: Clock,
        *,
        disk: Disk | None = None,
        dump: Dump = dump_record,
        rng: random.Random | None = None,
        run_blocking: RunBlocking = asyncio.to_thread,
    ) -> None:
        self._path = path
        self._clock = clock
        self._disk = disk or Disk()
        self._spares = Spares(clock, os.path.dirname(path), CONFIG_MODE, CONFIG_SPARES, LARGEST_CONFIG)
        self._run_blocking = run_blocking
        self._distributor: Distributor | None = None
        self._watch: Watch = lambda before, after, touched: None
        self._durable = config
        self._head = config
        self._serial = config.serial_no
        self._texts = ConfigText(dump)
        self._text = self._texts.render_all(config)
        self._touched = merged()
        self._ssconf = SsconfValues()
        self._ssconf_sent = self._ssconf.of(config)
        self._waiting: list[asyncio.Future[Config]] = []
        self._writer: asyncio.Task[None] | None = None
        # One after the other: nothing older is sent after what is newer.
        self._shipping = asyncio.Lock()
        self._shipping_ssconf = asyncio.Lock()
        self._late: asyncio.Task[None] | None = None
        #: on disk here, maybe still on its way to other nodes
        self._written = config
        self._reservations = Reservations(lambda: self._head, rng or random.SystemRandom())

    @classmethod
    async def load(
        cls,
        paths: Paths,
        clock: Clock,
        *,
        disk: Disk | None = None,
        rng: random.Random | None = None,
        run_blocking: RunBlocking = asyncio.to_thread,
    ) -> ConfigStore:
        """Read the configuration of this node; one of an older release is kept beside and rewritten.

        Raises ConfigurationError naming the file and what to do.
        """
        path = paths.config_file
        loaded = read_config(path)
        store = cls(loaded.config, path, clock, disk=disk, rng=rng, run_blocking=run_blocking)
        store._disk.remove_leftovers(paths.data_dir, clock.time() - LEFTOVER_AGE)
        if loaded.is_upgraded:
            copy = f"{path}.{loaded.version}"
            store._disk.write_file(copy, loaded.text, mode=CONFIG_MODE)
            log.info("configuration %s is of version %s, kept as %s and rewritten", path, loaded.version, copy)
            await store.rewrite()
        return store

    def connect(self, distributor: Distributor) -> None:
        """Send what is written to other nodes from now on."""
        self._distributor = distributor

    def watch(self, watch: Watch) -> None:
        """Tell of every change from now on, once it is durable."""
        self._watch = watch

    # --- reading ----------------------------------------------------------------------

    @property
    def current(self) -> Config:
        """The configuration as it is on disk; what decisions are made on."""
        return self._durable

    @property
    def newest(self) -> Config:
        """The configuration with the changes that are still on their way to the disk."""
        return self._head

    @property
    def ssconf_values(self) -> Mapping[str, str]:
        """All ssconf values of the current configuration."""
        return self._ssconf.of(self._durable)

    # --- changing ---------------------------------------------------------------------

    @contextlib.contextmanager
    def update(self) -> Iterator[Draft]:
        """Give a draft of the newest configuration to write to; do not await inside.

        At the end it is checked and becomes the newest configuration; `durable` waits
        until it is on disk.  After an exception nothing is changed.

        Raises ConfigVerifyError if the change would bring a fault.
        """
        draft = Draft(self._head)
        yield draft
        self._commit(draft)

    async def durable(self, draft: Draft) -> Config:
        """Wait until a change is on disk here and on the reachable candidates; return what is there.

        Raises ConfigurationError if it could not be written: then it is undone.  If
        the caller is cancelled, the change still takes place.
        """
        if draft.outcome is None:
            raise errors.ProgrammerError("the draft was not committed: wait for it after the end of update()")
        return await asyncio.shield(draft.outcome)

    async def rewrite(self) -> Config:
        """Write the configuration though nothing in it changed, under a new serial number.

        Raises ConfigurationError if it could not be written.
        """
        self._head = self._renumbered(self._head)
        return await self._promise()

    async def redistribute(self) -> None:
        """Ship configuration and ssconf values to all nodes, though nothing changed."""
        async with self._shipping:
            await self._ship(self._durable, self._text, everything=True)

    async def settle(self) -> None:
        """Wait until the nodes have all of what is durable now, ssconf values nobody waits for among it."""
        if self._distributor is not None:
            await self._ship_ssconf(self._distributor, again=False)

    async def close(self) -> None:
        """Wait until all changes are written."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])
        await self.settle()
        if self._late is not None:
            self._late.cancel()

    # --- reserving --------------------------------------------------------------------

    def reservations(self, job: JobId) -> JobReservations:
        """Return what reserves names, addresses, ports and minors for a job."""
        return self._reservations.of_job(job)

    def maker_of_instance(self, name: InstanceName) -> JobId | None:
        """Return the job that made an instance, if it ended not long ago."""
        return self._reservations.earlier_holder((Kind.INSTANCE_NAME, name))

    def instances_being_made(self) -> set[InstanceName]:
        """Return the names of instances that jobs under way are about to make."""
        return self._reservations.instances()

    def release(self, job: JobId) -> None:
        """Give up all that is reserved for a job; called when it ends."""
        self._reservations.release(job)

    # --- inside -----------------------------------------------------------------------

    def _commit(self, draft: Draft) -> None:
        if draft.base is not self._head:
            raise errors.ProgrammerError("the configuration changed under a draft: nothing may wait inside update()")
        commit = draft.finish(Timestamp(self._clock.time()), self._serial + 1)
        check_change(self._head, commit.config, commit.changes)
        if commit.config is not self._head:
            self._serial = commit.config.serial_no
            self._head = commit.config
            self._touched = merged(self._touched, commit.changes)
        draft.outcome = self._promise()

    def _promise(self) -> asyncio.Future[Config]:
        """Return what will be the configuration that has the newest head in it, on disk."""
        outcome: asyncio.Future[Config] = asyncio.get_running_loop().create_future()
        if self._head is self._durable:
            outcome.set_result(self._durable)
            return outcome
        # Who does not wait for it need not be told of its failure.
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(outcome)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="config writer")
        return outcome

    async def _write_all(self) -> None:
        """Write until everything is durable; what is changed meanwhile goes into the next write."""
        while self._head is not self._durable or self._waiting:
            config, touched, waiting = self._head, self._touched, self._waiting
            self._touched, self._waiting = merged(), []
            text: Text | None = None
            try:
                text = self._texts.render(config, touched)
                await asyncio.gather(self._run_blocking(self._writing(text)), _sum_up(text))
            except Exception as err:
                if not isinstance(err, OSError):
                    log.exception("cannot write the configuration %s", self._path)
                self._touched = merged(self._touched, touched)
                self._fall_back(waiting, err)
                if waiting and text:
                    self._put_back(text)
                continue
            except BaseException:
                # The daemon ends here; nobody shall wait for ever.
                for outcome in (*waiting, *self._waiting):
                    outcome.cancel()
                raise
            async with self._shipping:
                await self._ship(config, text)
                before, self._durable, self._text = self._durable, config, text
            for outcome in waiting:
                if not outcome.done():
                    outcome.set_result(config)
            self._watch(before, config, touched)

    def _writing(self, text: Text) -> Callable[[], None]:
        return lambda: self._disk.write_file(self._path, text.parts, mode=CONFIG_MODE, spares=self._spares)

    def _fall_back(self, waiting: Sequence[asyncio.Future[Config]], err: Exception) -> None:
        """Undo every change that is not durable: later ones were made on top of the one that failed."""
        doomed = (*waiting, *self._waiting)
        self._waiting = []
        self._head = self._durable
        reason = err.strerror if isinstance(err, OSError) and err.strerror else f"{type(err).__name__}: {err}"
        log.error("cannot write the configuration %s: %s; %s changes are undone", self._path, reason, len(doomed))
        for outcome in doomed:
            if not outcome.done():
                outcome.set_exception(
                    errors.ConfigurationError(
                        f"cannot write the configuration {self._path}: {reason};"
                        " nothing was changed, look at the disk of the master and try again"
                    )
                )

    def _put_back(self, failed: Text) -> None:
        """Have the file replaced if it holds what was undone: it was renamed and not synced."""
        try:
            holds = files.read_file(self._path) == failed.whole()
        except OSError:
            holds = False
        if holds:
            self._head = self._renumbered(self._durable)

    def _renumbered(self, config: Config) -> Config:
        self._serial += 1
        return Config(config.head._replace(serial_no=self._serial), config.contents, config.index)

    async def _ship(self, config: Config, text: Text, *, everything: bool = False) -> None:
        if self._distributor is None:
            return
        self._written = config
        ways = [self._distributor.config(text, config.serial_no, config.candidates(), whole=everything)]
        changed = set(changed_keys(self._ssconf_sent, self._ssconf.of(config)))
        if everything or changed - UNHURRIED:
            ways.append(self._ship_ssconf(self._distributor))
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, Exception):
                # It is durable here: what other nodes miss is caught up later.
                log.error("cannot distribute configuration %s", config.serial_no, exc_info=outcome)
        if changed & UNHURRIED and (self._late is None or self._late.done()):
            self._late = asyncio.create_task(self._ship_late(self._distributor), name="ssconf sender")

    async def _ship_ssconf(self, distributor: Distributor, *, again: bool = True) -> None:
        """Ship the newest values; not `again` if they are those last shipped."""
        # One after the other: of two on their way to a node the older could arrive last.
        async with self._shipping_ssconf:
            values = self._ssconf.of(self._written)
            if not again and not changed_keys(self._ssconf_sent, values):
                return
            self._ssconf_sent = values
            try:
                await distributor.ssconf(values, self._written.online_nodes())
            except Exception:
                log.exception("cannot distribute ssconf values; what nodes miss is caught up later")

    async def _ship_late(self, distributor: Distributor) -> None:
        """Ship what nobody waits for: all that gathered while the last was on its way goes together."""
        while changed_keys(self._ssconf_sent, self._ssconf.of(self._written)):
            begun = self._clock.monotonic()
            await self._ship_ssconf(distributor)
            await self._clock.sleep(PAUSES * (self._clock.monotonic() - begun))


async def _sum_up(text: Text) -> None:
    """Have the checksum that candidates are sent made, while the disk is waited for."""
    _ = text.checksum
