"""What the remote API asks the master daemon, with what is remembered of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

from ganeti.luxi import framing, methods
from ganeti.luxi.pool import Pool
from ganeti.procedure import Procedure
from ganeti.utils import json

P = ParamSpec("P")
R = TypeVar("R")

#: names of configuration values that say what the master daemon can do
OPCODES, CALLS = "opcodes", "luxi_calls"


class _Known(NamedTuple):
    """An answer as it came, and the body made of it."""

    answer: bytes
    body: bytes


class Master:
    """The master daemon, as handlers see it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._bodies: dict[str, _Known] = {}
        self._able: frozenset[str] = frozenset()

    async def call(self, procedure: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a call; see Pool.call."""
        return await self._pool.call(procedure, *args, **kwargs)

    async def body(self, key: str, make: Callable[[Any], bytes], procedure: Procedure[P, R], *args: P.args,
                   **kwargs: P.kwargs) -> bytes:  # fmt: skip
        """Make a call and return the body made of its answer.

        While the answer is the same as the last one under this key, so is the body:
        a long list that nothing happened to is not taken apart and put together again.
        """
        answer = await self._pool.ask(procedure, *args, **kwargs)
        known = self._bodies.get(key)
        if known is None or known.answer != answer:
            known = _Known(answer, make(framing.decode_answer(answer)))
            self._bodies[key] = known
        return known.body

    async def fresh(self, procedure: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> bytes:
        """Make a call and return its answer as a body."""
        return json.dumps_bytes(framing.decode_answer(await self._pool.ask(procedure, *args, **kwargs)))

    async def lacks(self, name: str) -> bool:
        """Tell whether the master daemon does not know an opcode (OP_ID) or call."""
        if name not in self._able:
            # Asked again for what it lacked: it may have been replaced by a newer one.
            known = await self._pool.call(methods.query_config_values, [OPCODES, CALLS])
            self._able = frozenset(word for words in known for word in words or ())
        return name not in self._able
