"""From datagram to datagram: what confd answers, without a socket.  Pure."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from ganeti.confd.answers import Answer, Cache, reply_text
from ganeti.confd.requests import ErrorCode, Status
from ganeti.confd.wire import (
    MAX_CLOCK_SKEW,
    MAX_DATAGRAM,
    Drop,
    Key,
    Message,
    Question,
    clock_skew,
    read_question,
    seal_quoted,
    unseal,
)

log = logging.getLogger(__name__)

_TOO_LARGE = Answer(Status.ERROR, "the answer is larger than a datagram: ask for less")
_INTERNAL = Answer(Status.ERROR, ErrorCode.INTERNAL.value)


class Responder:
    """Answers datagrams with what it has at the moment: keys and a configuration, or none of them."""

    def __init__(self) -> None:
        self.keys: Sequence[Key] = ()
        self.cache: Cache | None = None
        self.answered = 0
        self.dropped: Counter[Drop] = Counter()
        #: how far the clock of the last dropped for its clock was ahead, in seconds
        self.last_skew = 0.0

    def respond(self, data: bytes, now: float) -> bytes | Drop:
        """Return the datagram that answers another one, or why there is none."""
        result = self._respond(data, now)
        # Not whether it is a Drop: of an enum that takes twenty times as long, and this is done for every datagram.
        if isinstance(result, bytes):
            self.answered += 1
        else:
            self.dropped[result] += 1
        return result

    def _respond(self, data: bytes, now: float) -> bytes | Drop:
        message = unseal(data, self.keys)
        if not isinstance(message, Message):
            return message
        skew = clock_skew(message, now)
        if skew is None:
            return Drop.MALFORMED
        if not -MAX_CLOCK_SKEW <= skew <= MAX_CLOCK_SKEW:
            self.last_skew = skew
            return Drop.CLOCK
        question = read_question(message.text)
        if not isinstance(question, Question):
            return question
        cache = self.cache
        return Drop.NOT_READY if cache is None else self._answer(cache, message, question)

    def _answer(self, cache: Cache, message: Message, question: Question) -> bytes | Drop:
        try:
            made = cache.text(question.type, question.query)
        except Exception:
            log.exception("cannot answer a question of type %s: please report this", question.type)
            made = reply_text(_INTERNAL, cache.serial)
        if made is None:
            return Drop.UNKNOWN
        answer = seal_quoted(message.key, *made, question.rsalt)
        if len(answer) > MAX_DATAGRAM:
            answer = seal_quoted(message.key, *reply_text(_TOO_LARGE, cache.serial), question.rsalt)
        return answer if len(answer) <= MAX_DATAGRAM else Drop.TOO_LARGE

    def figures(self) -> str:
        """Return the counters as text for the log."""
        dropped = ", ".join(f"{reason.name.lower()} {self.dropped[reason]}" for reason in Drop)
        serial = self.cache.serial if self.cache else "none"
        return f"answered {self.answered}; dropped: {dropped}; configuration serial {serial}"
