"""The text form of filters, as typed after `--filter` or as one argument of a list command.

    pnode == "node1" and (be/vcpus > 2 or not auto_balance)
    name =~ m/^web[0-9]+/i      name !~ m#^db#      name =* "web*"      name !* "*.test"
    "production" in tags        "production" not in tags

`parse` turns it into the nested lists that travel (operators in spec/constants.json,
`query_operators`), `unparse` back.  Whether fields and values go together is not
decided here but where the fields are known (`filters`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence

import pyparsing as pp

from ganeti import errors
from ganeti.model.query.names import QFilter, glob_to_regexp

#: a filter text is typed by hand: longer ones are a mistake or an attack
MAX_TEXT = 64 * 1024
REGEXP_DELIMITERS = "/#^|"

_WORDS = ("and", "or", "not", "in", "true", "false", "null")
_FIELD_NAME = re.compile(rf"(?!(?:{'|'.join(_WORDS)})\b(?![./]))[A-Za-z_][A-Za-z0-9_./]*")
_REGEXP_TEXT = re.compile(
    "|".join(rf"m?{re.escape(d)}[^{re.escape(d)}]*{re.escape(d)}[a-zA-Z]*" for d in REGEXP_DELIMITERS)
)
_NUMBER = re.compile(r"-?\d+(?P<fraction>\.\d+)?(?P<exponent>[eE][-+]?\d+)?(?![\w.])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_LITERALS = {"true": True, "false": False, "null": None}


def parse(text: str) -> QFilter:
    """Return the filter written as `text`.

    Raises QueryFilterParseError, which shows where the text stops making sense.
    """
    if len(text) > MAX_TEXT:
        raise errors.QueryFilterParseError(f"cannot parse filter: longer than {MAX_TEXT} characters", "")
    try:
        result: QFilter = _grammar().parse_string(text, parse_all=True)[0]
        return result
    except pp.ParseBaseException as err:
        raise _explain(text, err.loc, err.msg) from None
    except RecursionError:
        raise errors.QueryFilterParseError("cannot parse filter: nested too deeply", "") from None


def unparse(qfilter: object) -> str:
    """Return a text from which `parse` makes this filter again.

    Raises ParameterError for what cannot be written: values that are neither text,
    numbers, true, false nor null.
    """
    match qfilter:
        case [("&" | "|") as operator, *parts] if parts:
            word = " and " if operator == "&" else " or "
            return word.join(_in_brackets(part) for part in parts)
        case ["!", ["=~", str(field), str(pattern)]]:
            return f"{field} !~ {_write_regexp(pattern)}"
        case ["!", ["=[]", str(field), value]]:
            return f"{_write_value(value)} not in {field}"
        case ["!", part]:
            return f"not ({unparse(part)})"
        case ["?", str(field)]:
            return field
        case ["=~", str(field), str(pattern)]:
            return f"{field} =~ {_write_regexp(pattern)}"
        case ["=[]", str(field), value]:
            return f"{_write_value(value)} in {field}"
        case ["=" | "==", str(field), value]:
            return f"{field} == {_write_value(value)}"
        case [("!=" | "<" | "<=" | ">" | ">=") as operator, str(field), value]:
            return f"{field} {operator} {_write_value(value)}"
    raise errors.ParameterError(f"cannot write filter as text: {qfilter!r}")


@functools.cache
def _grammar() -> pp.ParserElement:
    """Build the parser; `-` marks the points behind which there is only one way to go on."""
    token = pp.Regex
    keyword = {word: pp.Suppress(token(rf"{word}(?![A-Za-z0-9_./])").set_name(word)) for word in _WORDS[:4]}
    field = token(_FIELD_NAME).set_name("a field name")
    string = token(_STRING).set_parse_action(_read_string)
    number = token(_NUMBER).set_parse_action(_read_number)
    literal = token(r"(?:true|false|null)(?![A-Za-z0-9_./])").set_parse_action(_read_literal)
    value = (string | number | literal).set_name("a text in quotes, a number, true, false or null")
    regexp = (string.copy() | token(_REGEXP_TEXT).set_parse_action(_read_regexp)).set_name(
        "a regular expression such as m/^web/i"
    )
    glob = string.copy().set_name("a pattern in quotes")
    expression = pp.Forward()
    expression.set_name("a condition")

    compare = token(r"==|!=|<=|>=|<|>|=(?![=~*])")
    conditions = [
        _rule(value + ~(keyword["not"] + keyword["in"]) + keyword["in"] - field, lambda v, f: ["=[]", f, v]),
        _rule(value + keyword["not"] + keyword["in"] - field, lambda v, f: ["!", ["=[]", f, v]]),
        _rule(field + pp.Suppress("=~") - regexp, lambda f, p: ["=~", f, p]),
        _rule(field + pp.Suppress("!~") - regexp, lambda f, p: ["!", ["=~", f, p]]),
        _rule(field + pp.Suppress("=*") - glob, lambda f, p: ["=~", f, glob_to_regexp(p)]),
        _rule(field + pp.Suppress("!*") - glob, lambda f, p: ["!", ["=~", f, glob_to_regexp(p)]]),
        _rule(field + compare - value, lambda f, op, v: ["==" if op == "=" else op, f, v]),
        _rule(field, lambda f: ["?", f]),
    ]
    brackets = pp.Suppress("(") - expression - pp.Suppress(pp.Literal(")").set_name('")"'))
    operand = pp.Forward()
    negation = _rule(keyword["not"] - operand, lambda part: ["!", part])
    operand <<= pp.MatchFirst([negation, brackets, *conditions]).set_name("a condition")
    both = _rule(operand + (keyword["and"] - operand)[...], lambda *parts: _joined("&", parts))
    either = _rule(both + (keyword["or"] - both)[...], lambda *parts: _joined("|", parts))
    expression <<= either
    return expression.parse_with_tabs()


def _rule(pattern: pp.ParserElement, make: Callable[..., QFilter]) -> pp.ParserElement:
    """Turn what a pattern matches into one filter."""
    return pattern.copy().set_parse_action(lambda found: [make(*found)])


def _joined(operator: str, parts: Sequence[object]) -> QFilter:
    first = parts[0]
    return first if len(parts) == 1 and isinstance(first, list) else [operator, *parts]


def _read_string(found: pp.ParseResults) -> str:
    body = str(found[0])[1:-1]
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), body, flags=re.DOTALL)


def _read_number(found: pp.ParseResults) -> float:
    text = str(found[0])
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def _read_literal(found: pp.ParseResults) -> list[object]:
    return [_LITERALS[str(found[0])]]


def _read_regexp(text: str, where: int, found: pp.ParseResults) -> str:
    whole = str(found[0]).removeprefix("m")
    pattern, flags = whole[1:].rsplit(whole[0], 1)
    if set(flags) - {"i", "s"}:
        raise pp.ParseFatalException(text, where, "regular expression flags i and s only")
    return f"(?{''.join(sorted(set(flags)))}){pattern}" if flags else pattern


def _write_value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _write_string(value)
    if isinstance(value, (int, float)) and value - value == 0:  # neither infinite nor not-a-number
        return json.dumps(value)
    raise errors.ParameterError(f"cannot write filter as text: {value!r} is no plain value")


def _write_string(value: str) -> str:
    return '"' + re.sub(r'["\\]', r"\\\g<0>", value) + '"'


def _write_regexp(pattern: str) -> str:
    for delimiter in REGEXP_DELIMITERS:
        if delimiter not in pattern:
            return f"m{delimiter}{pattern}{delimiter}"
    return _write_string(pattern)


def _in_brackets(part: object) -> str:
    text = unparse(part)
    return f"({text})" if isinstance(part, Sequence) and part[0] in ("&", "|") else text


def _explain(text: str, where: int, reason: str) -> errors.QueryFilterParseError:
    """Show the place: a window of the text, with a mark below it."""
    reason = reason.replace("end of text", 'an operator, "and", "or" or the end')
    reason = reason[:1].lower() + reason[1:]
    start = max(0, where - 40)
    window = re.sub(r"\s", " ", text[start : where + 40])
    return errors.QueryFilterParseError(
        f"cannot parse filter: {reason} at column {where + 1}", f"{window}\n{' ' * (where - start)}^"
    )
