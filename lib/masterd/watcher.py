"""The pause of the watcher: a small file on every node, read by the watcher there."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from ganeti import errors
from ganeti.clock import Clock
from ganeti.model.objects.node import Node
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.client import NodeRpc
from ganeti.utils import files

log = logging.getLogger(__name__)


class WatcherPause:
    """Reads the pause here, sets it everywhere."""

    def __init__(self, rpc: NodeRpc, paths: Paths, clock: Clock) -> None:
        self._rpc = rpc
        self._path = paths.watcher_pause
        self._clock = clock

    def until(self) -> float | None:
        """Return the end of the pause in seconds since the epoch; None when there is none."""
        try:
            end = float(files.read_text(self._path, limit=64))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as err:
            log.warning("cannot read the pause of the watcher: %s", err)
            return None
        return end if self._clock.time() < end < math.inf else None

    async def set(self, nodes: Sequence[Node], until: float | None) -> None:
        """Set or end the pause on nodes.

        Raises OpExecError naming the nodes that did not take it.
        """
        answers = await self._rpc.call_many(nodes, p.set_watcher_pause, until)
        failed = [f"{name}: {answer.failure}" for name, answer in answers.items() if not answer.ok]
        if failed:
            raise errors.OpExecError(f"cannot set the watcher pause on all nodes: {'; '.join(failed)}")
