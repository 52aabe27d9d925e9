"""A text told as pieces of an earlier one: what the other side has need not be sent again.

A piece is (start, length, text): so many bytes of the earlier text, then some of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

Piece = tuple[int, int, str]

#: bytes that are summed up at once
_BATCH = 256 * 1024


class Text:
    """A text in parts; parts that are in an earlier text too are the same objects there."""

    __slots__ = ("_checksum", "parts")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = parts
        self._checksum: int | None = None

    def whole(self) -> bytes:
        """Return the text in one piece."""
        return b"".join(self.parts)

    @property
    def checksum(self) -> int:
        """See `checksum`; made when it is first asked for."""
        if self._checksum is None:
            self._checksum = checksum(self.parts)
        return self._checksum


def pieces_of(old: Sequence[bytes], new: Sequence[bytes]) -> list[Piece]:
    """Return the pieces that make a text of an earlier one, both given in parts.

    Parts that are the same object are found wherever they are, others where they follow
    one that was found; every part is UTF-8.
    """
    starts, end = [], 0
    for part in old:
        starts.append(end)
        end += len(part)
    places = {id(part): index for index, part in enumerate(old)}
    pieces: list[tuple[int, int, list[bytes]]] = [(0, 0, [])]
    following = 0
    for part in new:
        start, length, own = pieces[-1]
        if following < len(old) and not own and old[following] == part:
            pieces[-1] = (start, length + len(part), own)
            following += 1
        elif (index := places.get(id(part))) is not None:
            pieces.append((starts[index], len(part), []))
            following = index + 1
        else:
            own.append(part)
    return [(start, length, b"".join(own).decode()) for start, length, own in pieces]


def put_together(old: bytes, pieces: Sequence[Piece]) -> list[bytes | memoryview]:
    """Return the text that pieces make of an earlier one, in parts."""
    view = memoryview(old)
    return [part for start, length, own in pieces for part in (view[start : start + length], own.encode())]


def checksum(parts: Iterable[bytes | memoryview]) -> int:
    """Return what tells apart a text, given in parts, from one put together of another's pieces."""
    total = 0
    for batch in _batches(parts):
        total = zlib.crc32(batch, total)
    return total


def _batches(parts: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield a text in batches that take long enough for another thread to get its turn meanwhile."""
    batch: list[bytes | memoryview] = []
    size = 0
    for part in parts:
        if size + len(part) > _BATCH:
            yield b"".join(batch)
            batch, size = [], 0
        if len(part) > _BATCH:
            yield part
        else:
            batch.append(part)
            size += len(part)
    yield b"".join(batch)
