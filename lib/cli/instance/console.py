"""gnt-instance console: connect to it, or tell how to.

What a console is: `spec/console_and_transport.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.ssh import interactive_argv
from ganeti.model.opcodes.instance import OpInstanceConsole
from ganeti.utils import process
from ganeti.utils.text import shell_line


def console(session: Session, options: Values, args: Sequence[str]) -> int:
    """Connect to the console of an instance."""
    found = run_op(session, options, OpInstanceConsole.from_wire({"instance_name": args[0]}))
    if found["kind"] == "ssh":
        argv = interactive_argv(session, found["host"], found["user"], found["command"], found.get("port"))
        if not options.show_command:
            session.console.flush()
            # In our place: the terminal and its signals belong to the console from here on.
            process.become(argv)
        session.console.out(shell_line(argv))
    else:
        session.console.out(describe_console(found))
    return ExitCode.SUCCESS


def describe_console(found: Mapping[str, Any]) -> str:
    """Return how to reach a console that is not a command."""
    match found["kind"]:
        case "vnc":
            return (
                f"Instance {found['instance']} has VNC listening on {found['host']}:{found['port']}"
                f" (display {found['display']})"
            )
        case "spice":
            return f"Instance {found['instance']} has SPICE listening on {found['host']}:{found['port']}"
    return str(found["message"])
