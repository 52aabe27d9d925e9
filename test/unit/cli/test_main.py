import io
import pathlib
import shlex

import pytest

from ganeti.cli.command import PROGRAMS, load_program
from ganeti.cli.feedback import Console
from ganeti.cli.help import WIDTH
from ganeti.cli.main import run_program
from ganeti.cli.parse import parse
from test.support.cli import Cli, Ran


@pytest.fixture
def with_web1(cli: Cli) -> Cli:
    """A cluster that has instance web1."""
    cli.master.tables["instance"] = [{"name": [0, "web1"]}]
    return cli


def run_on(root: pathlib.Path, line: str) -> Ran:
    root.mkdir(exist_ok=True)
    out, err = io.StringIO(), io.StringIO()
    words = line.split()
    environ = {"GANETI_ROOTDIR": str(root), "GANETI_HOSTNAME": root.name}
    code = run_program(load_program(words[0]), words[1:], Console(io.StringIO(), out, err), environ)
    return Ran(code, out.getvalue(), err.getvalue())


def write_master(root: pathlib.Path, name: str) -> None:
    directory = root / "var/lib/ganeti"
    directory.mkdir(parents=True)
    (directory / "ssconf_master_node").write_text(name + "\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version_end_well_and_no_command_does_not(program: str, tmp_path: pathlib.Path) -> None:
    root = tmp_path / "node1"

    assert run_on(root, f"{program} --help").code == 0
    assert run_on(root, f"{program} --version").out.startswith(f"{program} (ganeti ")
    nothing = run_on(root, program)
    assert nothing.code == 1
    assert nothing.out.startswith(f"Usage: {program} COMMAND")


def test_unknown_command_is_told_with_the_nearest(tmp_path: pathlib.Path) -> None:
    ran = run_on(tmp_path / "node1", "gnt-instance strat web1")

    assert ran.code == 1
    assert "unknown command strat (did you mean start?)" in ran.err


def test_who_wants_to_move_an_instance_is_not_led_to_remove_it(tmp_path: pathlib.Path) -> None:
    ran = run_on(tmp_path / "node1", "gnt-instance move web1")

    assert ran.code == 1
    assert "unknown command move" in ran.err
    assert "remove" not in ran.err


COMMANDS = [(name, c.name) for name in PROGRAMS for c in load_program(name).commands]


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_every_command_explains_itself_within_the_width_of_a_terminal(
    program: str, command: str, tmp_path: pathlib.Path
) -> None:
    ran = run_on(tmp_path / "node1", f"{program} {command} --help")

    assert ran.code == 0
    head, _, example = ran.out.partition("Example:")
    assert max(map(len, head.splitlines()[1:])) <= WIDTH
    assert example.strip()


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_every_example_is_right(program: str, command: str) -> None:
    table = load_program(program)
    row = table.find(command)
    assert row is not None
    example = row.example.removeprefix("ssh $(").removesuffix(")").partition(" && ")[0]

    words = shlex.split(example)

    assert words[:2] == [program, command]
    parse(row, words[2:])


def test_wrong_usage_points_to_the_help(tmp_path: pathlib.Path) -> None:
    ran = run_on(tmp_path / "node1", "gnt-instance startup --frobnicate web1")

    assert ran.code == 1
    assert "gnt-instance startup: unknown option --frobnicate" in ran.err
    assert "gnt-instance startup --help shows how to use it" in ran.err


def test_node_of_no_cluster_has_its_exit_code(tmp_path: pathlib.Path) -> None:
    ran = run_on(tmp_path / "node1", "gnt-instance list")

    assert ran.code == 5
    assert "part of no cluster" in ran.err


def test_node_that_is_not_master_names_the_master(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "node1"
    write_master(root, "node7")

    ran = run_on(root, "gnt-instance list")

    assert ran.code == 11
    assert "run the command on node7" in ran.err


def test_master_whose_daemon_is_down_is_told_where_to_look(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "node1"
    write_master(root, "node1")

    ran = run_on(root, "gnt-instance list")

    assert ran.code == 1
    assert "master-daemon.log" in ran.err


def test_master_is_told_on_every_node_without_its_daemon(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "node1"
    write_master(root, "node7")

    assert run_on(root, "gnt-cluster getmaster") == (0, "node7\n", "")


def test_environment_that_contradicts_itself_is_told(tmp_path: pathlib.Path) -> None:
    err = io.StringIO()
    console = Console(io.StringIO(), io.StringIO(), err)

    code = run_program(load_program("gnt-node"), ["list"], console, {"GANETI_ROOTDIR": "/x/node1"})

    assert code == 1
    assert "GANETI_HOSTNAME is not set" in err.getvalue()


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 13), ("\n", 13), ("", 13), ("what\n?\ny\n", 0)]
)
def test_question_is_answered_with_yes_or_nothing_is_done(with_web1: Cli, answer: str, code: int) -> None:
    ran = with_web1.run("gnt-instance remove web1", stdin=answer)

    assert ran.code == code
    assert len(with_web1.master.jobs) == (1 if code == 0 else 0)
    assert "remove instance web1 and all data" in ran.err


def test_end_of_the_input_ends_the_line_of_the_question(with_web1: Cli) -> None:
    assert with_web1.run("gnt-instance remove web1", stdin="").err.splitlines()[-2:] == [
        "y/[n]/?: ",
        "gnt-instance remove: nothing done: not confirmed",
    ]


def test_force_asks_nothing(cli: Cli) -> None:
    assert cli.run("gnt-instance remove -f web1") == (0, "", "")


def test_question_mark_explains_what_yes_would_do(with_web1: Cli) -> None:
    assert "there is no way back, and no copy is kept" in with_web1.run("gnt-instance remove web1", stdin="?\nn\n").err


def test_debug_shows_how_an_error_came_about(cli: Cli) -> None:
    cli.master.job_ends("error", ["OpExecError", ["no"]])

    with pytest.raises(Exception, match="no"):
        cli.run("gnt-debug delay -d 1")
