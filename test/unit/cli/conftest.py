import pathlib
from collections.abc import Iterator

import pytest

from test.support.cli import Cli, cli_with_master


@pytest.fixture
def cli(tmp_path: pathlib.Path) -> Iterator[Cli]:
    with cli_with_master(tmp_path) as made:
        yield made
