"""What the manual says of the source holds: paths, modules, names, commands, tables."""

import glob
import importlib
import os
import re
import shlex
import sys

import pytest

from ganeti.cli.command import PROGRAMS, load_program
from ganeti.cli.parse import HELP_FLAGS, parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = sorted(
    [
        os.path.join(ROOT, "README"),
        *glob.glob(os.path.join(ROOT, "doc", "*.rst")),
        *glob.glob(os.path.join(ROOT, "doc", "man", "*.rst")),
        *glob.glob(os.path.join(ROOT, "doc", "reference", "*.rst")),
        *glob.glob(os.path.join(ROOT, "doc", "news.d", "*.rst")),
    ]
)
EXTENSIONS = os.path.join(ROOT, "doc", "extensions")

COMMAND = re.compile(r"^\s+(?:\$|vc\$) (.+)$", re.MULTILINE)
TOOL = re.compile(r"(?<![\w/.])((?:tools|daemons|autotools|scripts)/[\w.-]+)")


def extension(name):
    """Import a module of the manual's own."""
    sys.path.insert(0, EXTENSIONS)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(EXTENSIONS)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def short(path):
    return os.path.relpath(path, ROOT)


def gnt_commands(text):
    """Return the words of each gnt-* command that a text shows behind a prompt."""
    found = []
    for line in COMMAND.findall(text.replace("\\\n", " ")):
        if "gnt-" not in line:  # other programs' arguments may go on over lines
            continue
        words = shlex.split(line, comments=True)
        while (words and os.path.basename(words[0]) in ("cmd", "sudo", "time")) or (words and "=" in words[0]):
            words = words[1:]
        if len(words) == 1 and words[0].startswith("gnt-"):  # cmd takes one line of shell
            words = shlex.split(words[0])
        if words and words[0].startswith("gnt-"):
            end = next((i for i, word in enumerate(words) if word in ("|", ">", "&&", ";")), len(words))
            found.append(words[:end])
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_documents_name_only_what_is_in_the_source_tree(path):
    symbols = extension("symbols")

    wrong = [symbols.problem(role, target) for role, target in symbols.references(read(path))]

    assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_documents_show_only_commands_that_exist(path):
    wrong = []
    for name, *words in gnt_commands(read(path)):
        program = load_program(name) if name in PROGRAMS else None
        command = program.find(words[0]) if program and words else None
        if command is None and words[:1] not in ([flag] for flag in (*HELP_FLAGS, "--version")):
            wrong.append(f"{name} {' '.join(words)}")
        elif command is not None:
            parse(command, words[1:])  # UsageError for an option or argument there is not

    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=short)
def test_documents_show_only_programs_that_exist(path):
    named = TOOL.findall(read(path))

    assert [name for name in named if not os.path.lexists(os.path.join(ROOT, name.rstrip(".")))] == []


def test_the_tour_names_every_stage_of_a_job():
    symbols = extension("symbols")
    named = {target.lstrip("~") for _, target in symbols.references(read(os.path.join(ROOT, "doc", "tour.rst")))}

    for stage in (
        "scripts/gnt",
        "ganeti.cli.main.main",
        "ganeti.luxi.client.Client.call",
        "ganeti.masterd.luxi_server.LuxiServer.answer",
        "ganeti.masterd.jobqueue.queue.JobQueue.submit",
        "ganeti.masterd.processor.Processor.execute",
        "ganeti.masterd.cmdlib.instance.startup.LUInstanceStartup",
        "ganeti.rpc.client.NodeRpc.call",
        "ganeti.noded.server.NodeServer",
        "ganeti.noded.backend.instance.Instances.instance_start",
        "ganeti.hypervisor.fake.FakeHypervisor",
        "ganeti.rpc.result.NodeResult.unwrap",
    ):
        assert stage in named


def test_a_name_that_is_not_there_is_found_out():
    symbols = extension("symbols")

    assert symbols.problem("path", "lib/nowhere.py")
    assert symbols.problem("sym", "ganeti.masterd.processor.Processor.nothing")
    assert not symbols.problem("sym", "ganeti.model.opcodes.instance.OpInstanceStartup.force")


def test_a_command_that_is_not_there_is_found_out():
    assert gnt_commands("   $ vc/cmd gnt-instance list -o name\n") == [["gnt-instance", "list", "-o", "name"]]
    assert gnt_commands("   $ vc/cmd 'gnt-node list | head'\n") == [["gnt-node", "list"]]
