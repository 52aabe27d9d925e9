"""Programs a node runs for the master: hooks, allocators, out-of-band and restricted commands."""

from __future__ import annotations

import os

import pytest

from ganeti import errors
from ganeti.model.enums import HookPhase
from ganeti.model.scalars import NodeName
from ganeti.noded.backend.hooks import Hooks
from ganeti.noded.backend.iallocator import Allocators
from ganeti.noded.backend.programs import FAILURE_DELAY, Programs
from ganeti.paths import Paths
from ganeti.rpc.answers import HookStatus
from test.support.node import VirtualNode, make_node, write_script


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths)


# --- hooks -----------------------------------------------------------------------------


def hook(node: VirtualNode, name: str, text: str, mode: int = 0o755, directory: str = "instance-start-pre.d") -> None:
    write_script(os.path.join(node.paths.hooks_dir, directory, name), f"#!/bin/sh\n{text}\n", mode)


def test_scripts_run_in_order_with_status_and_output(node: VirtualNode) -> None:
    hook(node, "20-fail", "echo no; exit 3")
    hook(node, "10-good", "echo yes")
    hook(node, "30-not-executable", "echo never", 0o644)
    hook(node, "40.bak", "echo never")
    hook(node, "50-other-phase", "echo never", directory="instance-start-post.d")

    results = Hooks(node).hooks_runner("instance-start", HookPhase.PRE, {})

    assert results == [
        ("instance-start-pre.d/10-good", HookStatus.SUCCESS, "yes"),
        ("instance-start-pre.d/20-fail", HookStatus.FAIL, "no"),
        ("instance-start-pre.d/30-not-executable", HookStatus.SKIP, ""),
        ("instance-start-pre.d/40.bak", HookStatus.SKIP, ""),
    ]


def test_scripts_see_the_environment_given_and_which_node_they_are_on_alone(
    node: VirtualNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "1")
    hook(node, "env", "env | sort | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=")

    ((_, status, output),) = Hooks(node).hooks_runner(
        "instance-start", HookPhase.PRE, {"GANETI_OP_TARGET": "web1", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}
    )

    assert status is HookStatus.SUCCESS
    assert output.splitlines() == [
        f"GANETI_HOSTNAME={node.name}",
        "GANETI_OP_TARGET=web1",
        f"GANETI_ROOTDIR={node.paths.root}",
        "PATH=/sbin:/bin:/usr/sbin:/usr/bin",
    ]


def test_hook_that_hangs_is_ended_and_fails(node: VirtualNode) -> None:
    hook(node, "hang", "echo begun; exec sleep 60")

    node.hook_seconds = 0.2

    ((_, status, output),) = Hooks(node).hooks_runner("instance-start", HookPhase.PRE, {})

    assert status is HookStatus.FAIL
    assert output.startswith("begun") and "did not end within 0.2 s" in output


def test_missing_directory_runs_nothing(node: VirtualNode) -> None:
    assert Hooks(node).hooks_runner("instance-stop", HookPhase.POST, {}) == []


@pytest.mark.parametrize("hpath", ["", "..", "../../etc", "a/b", "A", "x\n"])
def test_hooks_path_cannot_lead_elsewhere(node: VirtualNode, hpath: str) -> None:
    with pytest.raises(errors.ParameterError, match="not a hooks path"):
        Hooks(node).hooks_runner(hpath, HookPhase.PRE, {})


@pytest.mark.parametrize("env", [{"A=B": "x"}, {"": "x"}, {"A": "x\0y"}])
def test_environment_that_cannot_be_is_refused(node: VirtualNode, env: dict[str, str]) -> None:
    with pytest.raises(errors.ParameterError, match="cannot be an environment variable"):
        Hooks(node).hooks_runner("instance-start", HookPhase.PRE, env)


# --- allocators ------------------------------------------------------------------------


@pytest.fixture
def allocators(paths: Paths, tmp_path: os.PathLike[str]) -> tuple[Allocators, str]:
    directory = os.path.join(tmp_path, "allocators")

    class OwnPaths(Paths):
        iallocator_search_path = ("/nowhere", directory)

    return Allocators(make_node(OwnPaths(*paths)), time_limit=0.5), directory


def test_allocator_answers_on_standard_output_alone(allocators: tuple[Allocators, str]) -> None:
    runner, directory = allocators
    write_script(f"{directory}/first", '#!/bin/sh\necho warning >&2\ncat "$1"\necho " $2 $3"\n')

    answer = runner.iallocator_runner("first", '{"version": 2}', {"seed": 7, "quick": None})

    assert answer == '{"version": 2} --seed=7 --quick\n'


def test_failed_allocator_is_quoted(allocators: tuple[Allocators, str]) -> None:
    runner, directory = allocators
    write_script(f"{directory}/first", "#!/bin/sh\necho no room >&2\nexit 4\n")

    with pytest.raises(errors.OpExecError, match="allocator first: ended with exit code 4; no room"):
        runner.iallocator_runner("first", "{}", {})


def test_hanging_allocator_is_ended(allocators: tuple[Allocators, str]) -> None:
    runner, directory = allocators
    write_script(f"{directory}/first", "#!/bin/sh\nexec sleep 60\n")

    with pytest.raises(errors.OpExecError, match="did not end within"):
        runner.iallocator_runner("first", "{}", {})


@pytest.mark.parametrize("name", ["", "../first", "/bin/sh", "..", "-x", "a b", "x\n"])
def test_allocator_is_a_name_not_a_path(allocators: tuple[Allocators, str], name: str) -> None:
    with pytest.raises(errors.ParameterError, match="not the name of a program"):
        allocators[0].iallocator_runner(name, "{}", {})


def test_missing_or_not_executable_allocator_is_named_with_the_path_searched(
    allocators: tuple[Allocators, str],
) -> None:
    runner, directory = allocators
    write_script(f"{directory}/plain", "text", 0o644)

    for name in ("missing", "plain"):
        with pytest.raises(errors.OpExecError, match=f"allocator {name}: no such program in /nowhere, {directory}"):
            runner.iallocator_runner(name, "{}", {})


def test_option_of_an_allocator_cannot_be_anything(allocators: tuple[Allocators, str]) -> None:
    write_script(f"{allocators[1]}/first", "#!/bin/sh\n")

    with pytest.raises(errors.ParameterError, match="cannot be an option"):
        allocators[0].iallocator_runner("first", "{}", {"--evil x": 1})


# --- out of band -------------------------------------------------------------------------

NODE2 = NodeName("node2.example.com")


def test_out_of_band_program_gets_command_and_node(node: VirtualNode, tmp_path: os.PathLike[str]) -> None:
    program = write_script(f"{tmp_path}/oob", '#!/bin/sh\necho "$@"\n')

    assert Programs(node).run_oob(program, "power-status", NODE2, 60) == f"power-status {NODE2}\n"


def test_failed_out_of_band_program_is_quoted(node: VirtualNode, tmp_path: os.PathLike[str]) -> None:
    program = write_script(f"{tmp_path}/oob", "#!/bin/sh\necho unplugged >&2\nexit 1\n")

    with pytest.raises(errors.OpExecError, match=r"power-on for node node2.*exit code 1; unplugged"):
        Programs(node).run_oob(program, "power-on", NODE2, 60)


def test_unknown_command_or_program_is_refused(node: VirtualNode, tmp_path: os.PathLike[str]) -> None:
    program = write_script(f"{tmp_path}/oob", "#!/bin/sh\n")

    with pytest.raises(errors.ParameterError, match="not an out-of-band command"):
        Programs(node).run_oob(program, "explode", NODE2, 60)
    for bad in ("oob", f"{tmp_path}/missing", os.fspath(tmp_path)):
        with pytest.raises(errors.OpExecError, match="no executable program"):
            Programs(node).run_oob(bad, "health", NODE2, 60)


# --- restricted commands -------------------------------------------------------------------


def restricted(node: VirtualNode, name: str, text: str, mode: int = 0o755) -> None:
    write_script(os.path.join(node.paths.restricted_commands_dir, name), f"#!/bin/sh\n{text}\n", mode)


def test_restricted_command_runs_without_arguments_and_answers_its_output(node: VirtualNode) -> None:
    restricted(node, "uptime", 'echo "up $#"')

    assert Programs(node).restricted_command("uptime") == "up 0\n"
    assert node.manual_clock.slept == []


@pytest.mark.parametrize("name", ["", "../uptime", "up time", "uptime;ls", "missing"])
def test_refused_restricted_command_costs_time(node: VirtualNode, name: str) -> None:
    restricted(node, "uptime", "echo up")

    with pytest.raises(errors.GenericError, match="cannot run restricted command"):
        Programs(node).restricted_command(name)

    assert node.manual_clock.slept == [FAILURE_DELAY]


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o4755, 0o644])
def test_restricted_command_with_a_wrong_mode_is_not_run(node: VirtualNode, mode: int) -> None:
    restricted(node, "uptime", "echo up", mode)

    with pytest.raises(errors.OpExecError, match=r"must belong to root|not executable"):
        Programs(node).restricted_command("uptime")


def test_restricted_command_of_another_owner_is_not_run(node: VirtualNode) -> None:
    restricted(node, "uptime", "echo up")

    with pytest.raises(errors.OpExecError, match="must belong to root"):
        Programs(node, owner=os.getuid() + 1).restricted_command("uptime")


def test_restricted_command_that_is_a_link_is_not_run(node: VirtualNode) -> None:
    restricted(node, "uptime", "echo up")
    os.symlink("/bin/sh", os.path.join(node.paths.restricted_commands_dir, "shell"))

    with pytest.raises(errors.OpExecError, match="no plain file"):
        Programs(node).restricted_command("shell")


def test_restricted_commands_are_off_without_their_directory(node: VirtualNode) -> None:
    with pytest.raises(errors.OpExecError, match="not enabled on this node"):
        Programs(node).restricted_command("uptime")
