"""What a verification finds, and how it is told.  Pure.

In the form for programs a line is `type:code:object:name:text`, as the manual of
gnt-cluster promises; which object a code is about is said by `spec/constants.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from ganeti.model.enums import VerifyCode

ERROR = "ERROR"
WARNING = "WARNING"

Tell = Callable[[str], None]


class Finding(NamedTuple):
    """Something that is not as it should be; `item` is the name of what it is about, "" for the cluster."""

    code: VerifyCode
    item: str
    text: str
    is_warning: bool = False


class Style(NamedTuple):
    """How findings are told: in the form for programs, which codes are warnings only, all made up."""

    error_codes: bool = False
    ignored: Collection[VerifyCode] = ()
    simulate: bool = False


def report(findings: Iterable[Finding], style: Style, tell: Tell) -> bool:
    """Tell all findings; return whether there was no error among them."""
    fine = True
    for finding in [*findings, *(_made_up() if style.simulate else ())]:
        kind = WARNING if finding.is_warning or finding.code in style.ignored else ERROR
        tell(f"  - {line_of(finding, kind, error_codes=style.error_codes)}")
        fine = fine and kind == WARNING
    return fine


def line_of(finding: Finding, kind: str, *, error_codes: bool) -> str:
    """Return the text of one finding."""
    about = object_of(finding.code)
    if error_codes:
        text = finding.text.replace("\n", " ")
        return f"{kind}:{finding.code}:{about}:{finding.item}:{text}"
    named = f"{about} {finding.item}" if finding.item else about
    return f"{kind}: {named}: {finding.text}"


def object_of(code: VerifyCode) -> str:
    """Return the kind of object a code is about."""
    if code in _ABOUT_NODES:
        return "node"
    return next(kind for prefix, kind in _KINDS if code.startswith(prefix))


_ABOUT_NODES = (VerifyCode.ECLUSTERDANGLINGINST, VerifyCode.ECLUSTERDANGLINGNODES)

_KINDS = (("EINSTANCE", "instance"), ("EGROUP", "group"), ("ENODE", "node"), ("E", "cluster"))


def _made_up() -> list[Finding]:
    return [Finding(code, "", "not a real problem, made up by debug_simulate_errors") for code in VerifyCode]
