"""From command line words to a filter: is it a filter text or a list of names?

Kept apart from the language itself, so that a program which is given names does not
load the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ganeti import errors

QFilter = list[object]

#: characters that no name has and every filter text needs (spec/constants.json, query_language)
_FILTER_CHARS = frozenset("\t\n\v\f\r !\"'()/<=>\\~")
_GLOB_CHARS = frozenset("*?")


def is_filter_text(word: str) -> bool:
    """Tell whether one word of a command line is a filter rather than a name or pattern."""
    return not _FILTER_CHARS.isdisjoint(word)


def has_wildcards(word: str) -> bool:
    """Tell whether a name is a pattern with `*` or `?`."""
    return not _GLOB_CHARS.isdisjoint(word)


def glob_to_regexp(pattern: str) -> str:
    """Return the regular expression of a pattern, in which `*` is any text and `?` one character."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return f"^{''.join(parts)}$"


def filter_of_names(names: Sequence[str], name_field: str, *, numeric: bool = False) -> QFilter | None:
    """Return the filter "is one of these"; None, which is everything, for no names.

    With `numeric` the names are numbers (job ids) and patterns are refused.

    Raises ParameterError for a name that is no number.
    """
    conditions: list[object] = [_named(word, name_field, numeric) for word in names]
    return ["|", *conditions] if conditions else None


def filter_of_words(
    words: Sequence[str],
    name_field: str,
    parse: Callable[[str], QFilter],
    *,
    numeric: bool = False,
    force: bool = False,
) -> QFilter | None:
    """Return the filter meant by the words of a command line, None for everything.

    One word that looks like a filter is one, and so is any with `force`; all else
    are names and patterns.  `parse` is `language.parse`.

    Raises ParameterError when a filter does not come as one word, and what `parse` raises.
    """
    if force or (len(words) == 1 and is_filter_text(words[0])):
        if len(words) != 1:
            raise errors.ParameterError(
                f"cannot read filter: expected one argument, got {len(words)}: put it in quotes"
            )
        return parse(words[0])
    return filter_of_names(words, name_field, numeric=numeric)


def names_in_filter(qfilter: object, name_field: str) -> list[str] | None:
    """Return the names (numbers as text) a filter of the form "is one of these" asks for, in order.

    None when the filter asks for anything else, so that all rows must be looked at.
    """
    match qfilter:
        case ["=" | "==", str(field), str(value)] if field == name_field:
            return [value]
        case ["=" | "==", str(field), int(value)] if field == name_field:
            return [str(value)]
        case ["|", *parts] if parts:
            found = [names_in_filter(part, name_field) for part in parts]
            if any(names is None for names in found):
                return None
            return list(dict.fromkeys(name for names in found if names for name in names))
    return None


def _named(word: str, name_field: str, numeric: bool) -> QFilter:
    if numeric:
        try:
            return ["==", name_field, int(word)]
        except ValueError:
            raise errors.ParameterError(f"cannot look for {name_field} {word!r}: expected a whole number") from None
    if has_wildcards(word):
        return ["=~", name_field, glob_to_regexp(word)]
    return ["==", name_field, word]
