"""Paths find their rows, and nothing else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.routing import VARIABLES, Router

ROUTER = Router(RESOURCES)
PATHS = [resource.path for resource in RESOURCES]


@pytest.mark.parametrize("path", PATHS)
def test_every_row_is_found_by_its_path(path: str) -> None:
    values = {"job_id": "17", "disk": "0"}
    asked = re.sub(r"<(\w+)>", lambda m: values.get(m[1], "web1.example.com"), path)

    match = ROUTER.find(asked)

    assert match is not None
    assert match.resource.path == path
    assert match.path() == asked


@pytest.mark.parametrize(
    "path",
    [
        "", "*", "x", "/3", "/2/", "//", "/2//nodes", "/2/nodes/", "/2/nodes/a/b", "/2/nodes/%41", "/2/nodes/a%2fb",
        "/2/nodes/a b", "/2/nodes/ü", "/2/jobs/x", "/2/jobs/-1", "/2/jobs/1.5", "/2/jobs/" + "9" * 5000,
        "/2/nodes/" + "x" * 300, "/2/instances/web1/disk/x/grow", "/2/../version", "/version/..",
    ],
)  # fmt: skip
def test_other_paths_are_not_found(path: str) -> None:
    assert ROUTER.find(path) is None


@given(st.text(max_size=60).map(lambda text: "/" + text))
def test_what_is_found_is_spelt_as_it_was_asked_for(path: str) -> None:
    match = ROUTER.find(path)

    if match is not None:
        assert match.path() == path
        for name, value in match.variables.items():
            assert re.fullmatch(VARIABLES[name], value, re.ASCII)
