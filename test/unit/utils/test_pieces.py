"""What is told in pieces is what was meant, and short where little is new."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from ganeti.utils import pieces
from ganeti.utils.pieces import checksum, pieces_of, put_together

PARTS = [f"part {number}, ".encode() for number in range(8)] + ["größer".encode(), b""]


@given(st.lists(st.sampled_from(PARTS)), st.lists(st.sampled_from(PARTS) | st.text(max_size=3).map(str.encode)))
def test_pieces_make_the_text_they_were_made_of(old, new):
    assert b"".join(put_together(b"".join(old), pieces_of(old, new))) == b"".join(new)


def test_what_is_there_is_not_told_again():
    old = [bytes([97 + number]) * 100 for number in range(20)]

    pieces = pieces_of(old, [*old[:5], b"new", *old[6:], b"end"])

    assert sum(len(text) for _, _, text in pieces) == len("newend")
    assert len(pieces) == 2


@given(st.lists(st.sampled_from([0, 1, 1000, pieces._BATCH - 1, pieces._BATCH, pieces._BATCH + 1]), max_size=5))
def test_checksum_is_that_of_the_text_however_it_is_parted(sizes):
    parts = [bytes([97 + number]) * size for number, size in enumerate(sizes)]

    assert checksum(parts) == zlib.crc32(b"".join(parts))
