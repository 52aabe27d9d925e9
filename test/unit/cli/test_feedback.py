"""What a program prints."""

from __future__ import annotations

import io

from ganeti.cli.feedback import Console


def test_what_no_encoding_has_is_printed_escaped() -> None:
    raw = io.BytesIO()
    console = Console(io.StringIO(), io.TextIOWrapper(raw, encoding="utf-8"), io.StringIO())

    console.out("größer \ud800")
    console.flush()

    assert raw.getvalue() == "größer \\ud800\n".encode()
