"""Pieces of reStructuredText."""

import re

_SPECIAL = re.compile(r"([\\*_|`])")


def escape(text):
    """Return plain text so that nothing in it is markup."""
    return _SPECIAL.sub(r"\\\1", text)


def prose(text):
    """Return a docstring's text: `names` in it become literals, all else is plain; one line."""
    parts = " ".join(str(text).split()).split("`")
    return "".join(literal(part) if index % 2 else escape(part) for index, part in enumerate(parts))


def literal(text):
    """Return text set as it is typed."""
    text = str(text)
    if not text.strip():
        return ""
    if text != text.strip() or "`" in text or text.endswith("\\"):
        return escape(text)
    return f"``{text}``"


def sentence(text):
    """Return prose that ends in a full stop."""
    done = prose(text)
    return done if not done or done.endswith((".", "!", "?")) else f"{done}."


def title(text, line="="):
    """Return the lines of a heading."""
    return [text, line * max(4, len(text)), ""]


def table(headings, rows, widths):
    """Return the lines of a table; nothing for no rows."""
    if not rows:
        return []
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {' '.join(map(str, widths))}",
        "   :class: reference",
        "",
    ]
    for row in [headings, *rows]:
        for index, cell in enumerate(row):
            lines.append(f"   {'* -' if index == 0 else '  -'} {cell}".rstrip())
    return [*lines, ""]


def definitions(items):
    """Return the lines of a definition list of (term, text)."""
    lines = []
    for term, text in items:
        lines += [term, f"   {text}", ""]
    return lines


def code(lines):
    """Return the lines of a block that is shown as it is."""
    return [".. code-block:: none", "", *(f"   {line}".rstrip() for line in lines), ""]
