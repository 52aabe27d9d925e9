import os
import pathlib
import subprocess

import pytest

from ganeti.cli.command import PROGRAMS, load_program
from ganeti.cli.completion import bash_script


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("completion")
    for name, text in {"gnt-instance": "web1 web2 db1", "gnt-node": "node1 node2", "gnt-job": "17 18"}.items():
        fake = directory / name
        fake.write_text(f'#!/bin/sh\n[ "$1" = list ] && printf "%s\\n" {text}\n')
        fake.chmod(0o755)
    path = directory / "gnt"
    path.write_text(bash_script([load_program(name) for name in PROGRAMS]))
    return path


def completed(script: pathlib.Path, line: str) -> list[str]:
    words = line.split(" ")
    code = (
        f"source {script}\nCOMP_WORDS=({' '.join(repr(w) for w in words)})\nCOMP_CWORD={len(words) - 1}\n"
        f'_{words[0].replace("-", "_")}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    environ = {"PATH": f"{script.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gnt-instance st", ["start", "startup", "stop"]),
        ("gnt-instance startup --prim", ["--primary"]),
        ("gnt-instance startup we", ["web1", "web2"]),
        ("gnt-instance start d", ["db1"]),
        ("gnt-instance reboot --type h", ["hard"]),
        ("gnt-instance reboot --type = f", ["full"]),
        ("gnt-instance failover -n ", ["node1", "node2"]),
        ("gnt-node modify --drained y", ["yes"]),
        ("gnt-node modify -D no node1", ["node1"]),
        ("gnt-cluster queue ", ["drain", "undrain", "info"]),
        ("gnt-cluster watcher pause ", ["30m", "1h", "4h"]),
        ("gnt-job watch 1", ["17", "18"]),
        ("gnt-node add-tags --from x n", ["node1", "node2"]),
    ],
)
def test_shell_offers_what_fits(script: pathlib.Path, line: str, offered: list[str]) -> None:
    assert completed(script, line) == offered
