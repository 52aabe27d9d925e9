"""What an option is: one row of the table."""

from __future__ import annotations

from typing import Any, NamedTuple


class Option(NamedTuple):
    """One option, as parsing, `--help`, manual and completion see it.

    `id` is unique; variants of one flag are `flag#2` and so on.  Actions: store,
    append, count, store_true, store_false, store_const, ignored (accepted from
    scripts written for older releases).  `type` names a reader of `values`;
    `completes` what the shell may offer as its value.
    """

    id: str
    flags: tuple[str, ...]
    dest: str
    help: str
    action: str = "store"
    type: str = "string"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    const: Any = None
    completes: str = ""

    @property
    def takes_value(self) -> bool:
        """Whether a value follows the flag."""
        return self.action in ("store", "append")

    @property
    def start(self) -> Any:
        """What the option is when it is not given."""
        match self.action:
            case "store_true":
                return False
            case "store_false":
                return True
        return self.default.copy() if isinstance(self.default, dict | list) else self.default

    @property
    def placeholder(self) -> str:
        """What stands for the value in a usage line."""
        if self.metavar:
            return self.metavar
        return "|".join(self.choices) if 0 < len(self.choices) <= 4 else self.dest.upper()
