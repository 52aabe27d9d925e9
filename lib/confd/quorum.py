"""What a client makes of several answers: when it has enough, and which one counts.  Pure.

Candidates may be behind one another, and datagrams get lost: several are asked at the
same time, the answer made from the newest configuration wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.confd.requests import PROTOCOL, Status
from ganeti.confd.wire import Drop, Key, Message, seal, unseal
from ganeti.utils import json

#: how many are asked if there are as many
DEFAULT_COVERAGE = 6
#: seconds until an answer that has not come counts as lost
EXPIRE = 10.0
#: times a question is sent within that
TRIES = 3

#: answers that are enough, by how many were asked
_NEEDED = {1: 1, 2: 2, 3: 2, 4: 3}


class Reply(NamedTuple):
    """One answer."""

    status: int
    answer: object
    serial: int
    server: str

    @property
    def ok(self) -> bool:
        """Tell whether it answers the question, and says not what was wrong with it."""
        return self.status == Status.OK


class Result(NamedTuple):
    """What the candidates said: the newest answer, and how far it can be trusted.

    `consistent` is False when two of them said different things of the same configuration.
    """

    reply: Reply
    consistent: bool
    asked: int
    replied: int
    needed: int

    @property
    def is_complete(self) -> bool:
        """Tell whether as many replied as are enough."""
        return self.replied >= self.needed


class Ask:
    """One question under way: the datagrams to send, and what came back so far.

    Raises ConfdClientError when there is nobody to ask.
    """

    def __init__(self, key: Key, kind: int, query: object, rsalt: str, peers: Sequence[str]) -> None:
        if not peers:
            raise errors.ConfdClientError("cannot ask: there are no master candidates to ask")
        self._key = key
        self._text = json.dumps({"protocol": PROTOCOL, "type": kind, "query": query, "rsalt": rsalt})
        self.rsalt = rsalt
        self._waiting = dict.fromkeys(peers)
        self._asked = len(peers)
        self._replies: list[Reply] = []

    def datagram(self, now: float) -> bytes:
        """Return what is sent to everybody; the time in it is that of sending."""
        return seal(self._key, self._text, str(int(now)))

    @property
    def silent(self) -> list[str]:
        """Those that have not answered yet."""
        return list(self._waiting)

    @property
    def needed(self) -> int:
        """How many answers are enough."""
        return needed_replies(self._asked)

    @property
    def is_done(self) -> bool:
        """Tell whether there are enough answers, or no more can come."""
        return len(self._replies) >= self.needed or not self._waiting

    def take(self, data: bytes, server: str) -> Reply | None:
        """Take a datagram from a server; None if it is no answer to this question."""
        message = unseal(data, [self._key])
        return None if isinstance(message, Drop) else self.take_message(message, server)

    def take_message(self, message: Message, server: str) -> Reply | None:
        """Take a message whose signature is right; None if it is no answer to this question."""
        if server not in self._waiting or message.salt != self.rsalt:
            return None
        reply = _read_reply(message.text, server)
        if reply is not None:
            del self._waiting[server]
            self._replies.append(reply)
        return reply

    def result(self) -> Result:
        """Return what was found out.

        Raises ConfdClientError when nobody answered.
        """
        if not self._replies:
            names = ", ".join(self._waiting)
            raise errors.ConfdClientError(
                f"cannot get an answer from {names}: does ganeti-confd run there, are the clocks right,"
                " and is the key the cluster's?"
            )
        # A server that could not answer says nothing about the configuration.
        newest = max(self._replies, key=lambda reply: (reply.serial, reply.ok))
        same = [reply for reply in self._replies if reply.serial == newest.serial]
        consistent = all((reply.status, reply.answer) == (newest.status, newest.answer) for reply in same)
        return Result(newest, consistent, self._asked, len(self._replies), self.needed)


def needed_replies(asked: int) -> int:
    """Return how many answers are enough."""
    return _NEEDED.get(asked, asked // 2 + 1)


def choose(peers: Sequence[str], coverage: int, sample: Callable[[Sequence[str], int], list[str]]) -> list[str]:
    """Return which of the candidates are asked: `coverage` of them, 0 for the default, -1 for all.

    Raises ConfdClientError when there are not so many.
    """
    if coverage < -1 or coverage > len(peers):
        raise errors.ConfdClientError(f"cannot ask {coverage} master candidates: there are {len(peers)}")
    if coverage == -1:
        return list(peers)
    return sample(peers, coverage or min(len(peers), DEFAULT_COVERAGE))


def patience(number: int, tries: int, timeout: float) -> float:
    """Return how long to wait for answers after the so-many-th try, counted from 0.

    Longer with every try: a slow answer is better than one more question.
    """
    return timeout * 2.0**number / (2.0**tries - 1)


def _read_reply(text: str, server: str) -> Reply | None:
    try:
        reply = json.loads(text)
        if reply["protocol"] != PROTOCOL:
            return None
        return Reply(int(reply["status"]), reply["answer"], int(reply["serial"]), server)
    except (errors.ParseError, KeyError, TypeError, ValueError):
        return None
