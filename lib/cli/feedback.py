"""Talking with the user: lines out, questions, a sign of life while waiting.

The only place that reads from or writes to the terminal.
"""

from __future__ import annotations

import io
from typing import TextIO

from ganeti.cli.failures import DeclinedError

_SPINNER = "|/-\\"


class Console:
    """The three streams of a program.

    Results go to standard output; what is said about them, and what is asked, to
    standard error, so that the output of a command can be used by another.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> None:
        if isinstance(stdout, io.TextIOWrapper):
            stdout.reconfigure(errors="backslashreplace")  # as standard error has it: what is no text is shown, too
        self._in = stdin
        self._out = stdout
        self._err = stderr
        self._turn = 0
        self._spinning = False

    @property
    def is_terminal(self) -> bool:
        """Whether someone looks at the output as it comes."""
        return self._out.isatty()

    def out(self, text: str = "") -> None:
        """Print a line of the result."""
        self._clear()
        self._out.write(text + "\n")

    def say(self, text: str) -> None:
        """Print a line about what goes on."""
        self._clear()
        self._out.flush()
        self._err.write(text + "\n")
        self._err.flush()

    def warn(self, text: str) -> None:
        """Print a line that someone should act on."""
        self.say(f"Warning: {text}")

    def show(self, text: str) -> None:
        """Print a line of progress at once, even into a pipe."""
        self.out(text)
        self._out.flush()

    def spin(self, text: str) -> None:
        """Show a sign of life; nothing where no terminal is."""
        if not self._err.isatty():
            return
        self._out.flush()
        self._err.write(f"\r{_SPINNER[self._turn % len(_SPINNER)]} {text}\x1b[K")
        self._err.flush()
        self._turn += 1
        self._spinning = True

    def read_all(self) -> str:
        """Return all of standard input."""
        return self._in.read()

    def ask(self, question: str) -> str | None:
        """Return the line a user answers, None at the end of the input."""
        self._clear()
        self._out.flush()
        self._err.write(question)
        self._err.flush()
        line = self._in.readline()
        if not line:
            self._err.write("\n")
            return None
        return line.strip()

    def confirm(self, question: str, meaning: str = "") -> None:
        """Ask a yes-or-no question; `meaning` is told to who answers "?".

        Raises DeclinedError unless the answer is yes; no answer is no.
        """
        while True:
            answer = self.ask(f"{question}\ny/[n]/?: ")
            match answer.lower() if answer is not None else None:
                case "y" | "yes":
                    return
                case None | "" | "n" | "no":
                    raise DeclinedError("nothing done: not confirmed")
                case "?":
                    self.say(meaning or "y goes on, n stops before anything is done")
                case _:
                    self.say("please answer y or n, or ? for help")

    def flush(self) -> None:
        """Write out what is held back."""
        self._clear()
        self._out.flush()
        self._err.flush()

    def _clear(self) -> None:
        if self._spinning:
            self._err.write("\r\x1b[K")
            self._err.flush()
            self._spinning = False
