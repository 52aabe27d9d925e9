"""What a user may have meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like this one, None when none is near."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean x?)", or nothing: the end of a message about an unknown word."""
    near = closest(word, known)
    return f" (did you mean {near}?)" if near else ""
