"""What tools/quickstart does once there is a Python environment: a virtual cluster in six steps.

Every step looks at what is there first, so that a run goes on where another ended.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from ganeti import errors
from ganeti.hypervisor.figures import NodeFigures
from ganeti.schema import replace
from ganeti.utils import files, json, process, text
from ganeti.vcluster import grow, limits, rapi_user, run, setup
from ganeti.vcluster.layout import Layout, make_layout

PROGRAM = "quickstart"
#: says that the directory was made here, and may be removed
MARK = "quickstart.json"
LOCK = ".quickstart.lock"
STEPS = 6
EXIT_INTERRUPTED = 130

MEMORY = 4096
CPUS = 4
DISK = 102400
#: names for instances the user adds later
SPARE_INSTANCES = 20
COMMAND_LIMIT = 600.0


class Options(Protocol):
    """What the command line of tools/quickstart says."""

    nodes: int
    instances: int
    directory: str
    stop: bool
    destroy: bool


def run_steps(options: Options, began: float, program: str) -> None:
    """Make, complete or start the cluster, and show it.

    Raises GenericError, OSError.
    """
    directory = options.directory
    steps = _Steps()
    _refuse_foreign(directory)
    plan = _plan(options)
    limits.check_room(plan.nodes)
    with _claimed(directory):
        with steps.next(f"directory {directory}") as note:
            _set_up(directory, plan, options.instances)
            note(f"{text.plural(plan.nodes, 'node')}, {plan.node_address(1)} to {plan.node_address(plan.nodes)}")
        with steps.next("daemons"):
            grow.clear_half_made(directory)
            _call(directory, "start-all", "-q")
        with steps.next("cluster") as note:
            made = grow.initialise(directory, lambda line: None, grow.RUNNING_JOBS)
            note("" if made else "is there")
            grow.settle(directory)
            if rapi_user.give_user(directory):
                _call(directory, "cmd", "gnt-cluster", "redist-conf")
        with steps.next("nodes") as note:
            added = grow.add_nodes(directory, plan.node_names(), lambda done: note(f"{done} added"))
            note(f"{added} added" if added else "are there")
        with steps.next("instances") as note:
            added = grow.add_instances(directory, options.instances, lambda done: note(f"{done} added"))
            note(f"{added} added" if added else "are there")
        for command in ("gnt-node list", "gnt-instance list"):
            print(f"\n$ {text.shell_quote(directory)}/cmd {command}")
            print(_call(directory, "cmd", *command.split()), end="")
    curl = rapi_user.curl_line(directory)
    print(_FAREWELL.format(directory=text.shell_quote(directory), curl=curl, program=program, where=_where(options)))
    print(f"ready after {time.monotonic() - began:.1f} s")


_FAREWELL = """
The cluster runs, in {directory}. Go on with

    {directory}/cmd gnt-instance list -o +be/vcpus,disk_usage
    {directory}/cmd gnt-instance add -t file --disk 0:size=64m -o noop --no-nics web1
    {directory}/cmd gnt-cluster verify
    {curl}

Stop it, start it again, remove it:

    {program} --stop{where}
    {program}{where}
    {program} --destroy{where}
"""


def stop(directory: str) -> None:
    """Stop all daemons of the cluster.

    Raises UserError where there is none, EnvironmentFailure when one does not end.
    """
    if not os.path.exists(os.path.join(directory, setup.LAYOUT_FILE)):
        raise errors.UserError(f"there is no cluster in {directory}")
    with _claimed(directory):
        problems = _stop_daemons(directory)
    if problems:
        raise errors.EnvironmentFailure("; ".join(problems))


def destroy(directory: str) -> None:
    """Stop all daemons and remove the directory; nothing to do where there is none.

    Raises UserError for a directory that is not a quickstart's.
    """
    if not os.path.lexists(directory):
        return
    with _claimed(directory):
        _stop_daemons(directory)  # what does not end is killed
        # The mark goes last: what is left after an interruption is still known as ours.
        for name in sorted(os.listdir(directory), key=lambda name: name in (MARK, LOCK)):
            path = os.path.join(directory, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                files.remove_file(path, missing_ok=True, durable=False)
    os.rmdir(directory)


def _stop_daemons(directory: str) -> list[str]:
    problems: list[str] = []

    def report(outcome: run.Outcome) -> None:
        if outcome.problem:
            problems.append(f"{outcome.node}: {outcome.daemon}: {outcome.problem}")

    if os.path.exists(os.path.join(directory, setup.LAYOUT_FILE)):
        run.stop(run.nodes_of(directory), report)
    return problems


def main_with(options: Options, began: float, program: str) -> None:
    """Do what is asked for.

    Raises GenericError, OSError.
    """
    if options.stop:
        stop(options.directory)
        print(f"stopped; {program}{_where(options)} starts it again")
    elif options.destroy:
        destroy(options.directory)
        print(f"{options.directory} is gone")
    else:
        run_steps(options, began, program)


# --- the directory --------------------------------------------------------------------


@contextmanager
def _claimed(directory: str) -> Iterator[None]:
    """Make the directory if need be, and keep other quickstarts out of it.

    Raises UserError when it is not ours, or busy.
    """
    _refuse_foreign(directory)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
    except OSError as err:
        raise errors.UserError(f"cannot make {directory}: {err.strerror}; choose another one with --dir") from err
    if not os.access(directory, os.W_OK | os.X_OK):
        raise errors.UserError(f"cannot write to {directory}; choose another one with --dir")
    mark = os.path.join(directory, MARK)
    if not os.path.exists(mark):
        files.write_file(mark, json.dumps({"made_by": PROGRAM}) + "\n", mode=0o644)
    with ExitStack() as held:
        try:
            held.enter_context(files.locked_file(os.path.join(directory, LOCK), timeout=0))
        except errors.LockError as err:
            raise errors.UserError(f"another quickstart is at work in {directory}: wait for its end") from err
        yield


def _refuse_foreign(directory: str) -> None:
    """Refuse a directory that holds something, unless a quickstart of this user made it.

    Raises UserError.
    """
    if not os.path.lexists(directory):
        return
    if not os.path.isdir(directory):
        raise errors.UserError(f"{directory} is not a directory; choose another one with --dir")
    owner = os.stat(directory).st_uid
    if owner != os.geteuid():
        raise errors.UserError(f"{directory} belongs to user {owner}; choose another one with --dir")
    if os.listdir(directory) and not os.path.exists(os.path.join(directory, MARK)):
        raise errors.UserError(f"{directory} holds something else already; choose another one with --dir")


def _plan(options: Options) -> Layout:
    """Return the names and addresses: those of the cluster that is there, grown if asked, or new ones.

    Raises UserError for numbers that cannot be, EnvironmentFailure when there are no addresses.
    """
    if options.instances < 0:
        raise errors.UserError(f"cannot make {options.instances} instances")
    old = None
    if os.path.exists(os.path.join(options.directory, setup.LAYOUT_FILE)):
        old = setup.read_layout(options.directory)
    plan = make_layout(
        nodes=options.nodes,
        instances=options.instances + SPARE_INSTANCES,
        prefix=None,
        directory=options.directory,
    )
    if old is None:
        return setup.choose_free_base(plan, options.directory)
    return replace(
        old,
        # What is there stays, whoever asks for less.
        nodes=max(plan.nodes, old.nodes),
        instances=max(plan.instances, old.instances),
    )


def _set_up(directory: str, plan: Layout, instances: int) -> None:
    memory = grow.node_memory(plan.nodes, instances, MEMORY)
    figures = NodeFigures(memory_total=memory, memory_dom0=0, cpu_total=CPUS, disk_total=DISK)
    setup.set_up(directory, plan, figures, lambda line: None, "--metrics")  # a cluster to look at
    setup.give_memory(directory, plan, memory)


def _where(options: Options) -> str:
    """Return the options by which the program finds this directory again."""
    return f" --dir {text.shell_quote(options.directory)}"


def _call(directory: str, *argv: str) -> str:
    """Run a script of the cluster's directory; return what it printed.

    Raises EnvironmentFailure with what it said.
    """
    result = process.run([os.path.join(directory, argv[0]), *argv[1:]], timeout=COMMAND_LIMIT)
    if result.failed:
        raise errors.EnvironmentFailure(f"cannot {' '.join(argv)}: {result.output.strip() or result.reason}")
    return result.stdout


# --- what is shown --------------------------------------------------------------------


class _Steps:
    """Shows the steps with their times; on a terminal also how far one is."""

    def __init__(self) -> None:
        self._number = 1  # the first was before there was a package to import

    @contextmanager
    def next(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show a step; gives what notes how far it is, or in the end what it did."""
        self._number += 1
        begin = time.monotonic()
        head = f"step {self._number} of {STEPS}: {what} ... "
        live = sys.stdout.isatty()
        noted = ""

        def note(said: str) -> None:
            nonlocal noted
            noted = said
            if live:
                print(f"\r{head}{said} ", end="", flush=True)

        print(head, end="", flush=True)
        try:
            yield note
        except BaseException:
            print("failed" if not live else "\nfailed", flush=True)
            raise
        line = f"{noted + ', ' if noted else ''}{time.monotonic() - begin:.1f} s"
        print(f"\r{head}{line}" if live else line, flush=True)


def run_program(options: Options, *, began: float, program: str) -> int:
    """Run the program; return its exit code."""
    try:
        main_with(options, began, program)
    except KeyboardInterrupt:
        print(f"\n{PROGRAM}: interrupted; run it again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return 1
    return 0
