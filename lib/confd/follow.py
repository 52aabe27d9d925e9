"""Keeps the responder up to date: loads keys and configuration when their files are replaced.

A node that is no master candidate has no configuration: then nothing is loaded, and one
look every few seconds is all this does.
"""

from __future__ import annotations

import gc
import logging
from typing import NamedTuple

from ganeti import errors
from ganeti.clock import Clock
from ganeti.confd.answers import Answers, Cache
from ganeti.confd.responder import Responder
from ganeti.confd.wire import Key
from ganeti.model import versions
from ganeti.paths import Paths
from ganeti.utils import files, json, watch

log = logging.getLogger(__name__)

#: seconds at least between two loads, and how many times as long as the last one took
PAUSE = 0.25
PAUSE_FACTOR = 20.0

_KEY_LIMIT = 65536


class _Seen(NamedTuple):
    keys: tuple[files.Signature, ...]
    config: files.Signature


class Follower:
    """Follows the files of a node. A task has to run `run`."""

    def __init__(self, paths: Paths, responder: Responder, clock: Clock) -> None:
        self._paths = paths
        self._responder = responder
        self._clock = clock
        self._seen = _Seen((), None)
        names = [path.rpartition("/")[2] for path in (paths.config_file, *self._key_files())]
        self._changes = watch.Changes(paths.data_dir, names)

    async def run(self) -> None:
        """Follow the files until cancelled."""
        try:
            while True:
                began = self._clock.monotonic()
                self.refresh()
                self._choose_watch()
                # A burst of changes is one change; loading must not be all this process does.
                await self._clock.sleep(max(PAUSE, PAUSE_FACTOR * (self._clock.monotonic() - began)))
                await self._changes.wait()
        finally:
            self._changes.stop()

    def look(self) -> None:
        """Look at the files soon, whether or not somebody told of a change."""
        self._changes.notify()

    def refresh(self) -> None:
        """Load what changed; what cannot be read leaves what was there before."""
        seen = _Seen(
            tuple(files.signature(path) for path in self._key_files()), files.signature(self._paths.config_file)
        )
        before, self._seen = self._seen, seen
        if seen.keys != before.keys:
            self._load_keys()
        if seen.config != before.config:
            self._load_config()

    def _key_files(self) -> tuple[str, ...]:
        # In this order: a change puts the old one beside, then the new one in place, and none is ever missed.
        return (self._paths.hmac_key_new, self._paths.hmac_key, self._paths.hmac_key_old)

    def _load_keys(self) -> None:
        keys = []
        for path in self._key_files():
            try:
                secret = files.read_file(path, _KEY_LIMIT)
            except FileNotFoundError:
                continue
            except OSError as err:
                log.error("cannot read key %s: %s; going on with the old one", path, err)
                return
            if secret.strip():
                keys.append(Key(secret))
            else:  # which everybody knows
                log.error("cannot use key %s: it is empty", path)
        self._responder.keys = keys
        if not keys:
            log.info("%s is not there: this node belongs to no cluster", self._paths.hmac_key)

    def _load_config(self) -> None:
        path = self._paths.config_file
        try:
            cache = Cache(Answers(read_config(path)))
        except FileNotFoundError:
            if self._responder.cache:
                log.info("%s is gone: this node is no master candidate any more", path)
            self._responder.cache = None
            return
        except (errors.GenericError, OSError) as err:
            log.error("cannot load %s: %s; going on with the one before", path, err)
            return
        if self._responder.cache is None:
            log.info("answering from %s, serial %d", path, cache.serial)
        self._responder.cache = cache
        # So much that does not change would be looked through again and again.
        gc.collect()
        gc.freeze()

    def _choose_watch(self) -> None:
        """Have the kernel tell of changes on a master candidate; watches are too few for all others."""
        if self._responder.cache is None:
            self._changes.stop()
        else:
            self._changes.start()


def read_config(path: str) -> dict[str, object]:
    """Return the configuration as plain objects.

    Raises OSError, ParseError, ConfigurationError.
    """
    config = json.loads(files.read_file(path))
    if not isinstance(config, dict):
        raise errors.ConfigurationError(f"{path} is no configuration: expected an object")
    if config.get("version") != versions.CONFIG:
        raise errors.ConfigurationError(
            f"{path} has version {config.get('version')}, not {versions.CONFIG}: the master daemon upgrades it"
        )
    return config
