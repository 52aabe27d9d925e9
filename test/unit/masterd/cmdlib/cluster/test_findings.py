"""How findings are told."""

from __future__ import annotations

import json

import pytest

from ganeti.masterd.cmdlib.cluster.findings import Finding, Style, object_of, report
from ganeti.model.enums import VerifyCode

DOWN = Finding(VerifyCode.EINSTANCEDOWN, "web1", "does not run")


def told(finding, **style):
    lines: list[str] = []
    fine = report([finding], Style(**style), lines.append)
    return fine, lines


def test_form_for_people_and_for_programs():
    assert told(DOWN) == (False, ["  - ERROR: instance web1: does not run"])
    assert told(DOWN, error_codes=True) == (False, ["  - ERROR:EINSTANCEDOWN:instance:web1:does not run"])


def test_ignored_errors_are_told_as_warnings():
    assert told(DOWN, ignored={VerifyCode.EINSTANCEDOWN}) == (True, ["  - WARNING: instance web1: does not run"])


def test_warnings_do_not_fail_the_verification():
    assert told(DOWN._replace(is_warning=True))[0] is True


def test_simulation_reports_every_code_and_fails():
    fine, lines = told(DOWN, simulate=True, error_codes=True)

    assert not fine
    assert {line.split(":")[1] for line in lines} == set(VerifyCode)


def test_objects_of_codes_are_those_of_the_specification():
    with open("test/data/spec/constants.json") as spec:
        codes = json.load(spec)["tables"]["cluster_verify_codes"]

    assert {code: object_of(VerifyCode(code)) for code in codes} == {code: row["object"] for code, row in codes.items()}


@pytest.mark.parametrize("code", list(VerifyCode))
def test_every_code_is_about_something(code):
    assert object_of(code) in ("cluster", "group", "instance", "node")
