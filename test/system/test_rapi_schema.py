"""Requests made from the OpenAPI document, right and wrong ones, to a cluster of their own: none ends in a bug."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from ganeti.utils import files, process
from test.support.cluster import running_cluster
from test.support.remote import Remote, remote_of

SECONDS = 15
#: 501: operations that are not built; 503: a queue that a request drained
CONFIG = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501", "503"]
"""


@pytest.fixture
def remote(tmp_path: os.PathLike[str]) -> Iterator[Remote]:
    with running_cluster(tmp_path, nodes=1) as cluster, remote_of(cluster) as found:
        yield found


def test_requests_of_all_kinds_are_answered_without_a_server_error(
    remote: Remote, tmp_path: os.PathLike[str], hypothesis_seed: int
) -> None:
    config = os.path.join(tmp_path, "schemathesis.toml")
    files.write_file(config, CONFIG, durable=False)
    argv = [
        *(os.path.join(os.path.dirname(sys.executable), "st"), "--config-file", config, "--no-color"),
        *("run", f"{remote.url}/2/openapi.json", "--exclude-path", "/2/events", "--checks", "not_a_server_error"),
        *("--auth", "jack:secret", "--tls-verify", "false", "--seed", str(hypothesis_seed), "--max-time", str(SECONDS)),
        *("--phases", "coverage,fuzzing", "--generation-database", "none", "--warnings", "off"),
        "--continue-on-failure",
    ]

    done = process.run(argv, cwd=os.fspath(tmp_path), timeout=SECONDS * 10)

    assert done.exit_code == 0, done.output
    assert "generated" in done.output
    assert "ended with a bug" not in remote.log()
    # Whatever was done to the cluster, the daemon goes on.
    assert remote.value("GET", "/version") == 2
