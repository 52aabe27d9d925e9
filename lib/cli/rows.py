"""Parts of command tables that many programs share.  Imports nothing a table does not need."""

from __future__ import annotations

from ganeti.cli.command import Command

LIST = ("no-headers", "separator", "units", "output", "verbose", "filter", "list-format")
"""Options of a list that is made by a query."""
FIELDS = ("no-headers", "separator", "list-format")
"""Options of a plain table."""
JOB = ("submit", "print-jobid", "dry-run", "priority")
"""Options of what submits a job that can be tried without changing anything."""

_HERE = "ganeti.cli.tags"


def tag_commands(noun: str) -> tuple[Command, ...]:
    """Return the rows of list-tags, add-tags and remove-tags of a program."""
    of_one = (f"{noun} 1..1",) if noun != "cluster" else ()
    thing = {"cluster": "the cluster", "instance": "an instance"}.get(noun, f"a {noun}")
    name = "" if noun == "cluster" else f" {noun}1"
    program = f"gnt-{noun}"
    changing = ("from", "priority", "submit", "print-jobid")
    return (
        Command("list-tags", f"{_HERE}:list_tags", f"List the tags of {thing}.", f"{program} list-tags{name}", of_one),
        Command(
            "add-tags",
            f"{_HERE}:add_tags",
            f"Add tags to {thing}.",
            f"{program} add-tags{name} owner:web",
            (*of_one, "unknown 0..*"),
            changing,
            unknown="tag",
        ),
        Command(
            "remove-tags",
            f"{_HERE}:remove_tags",
            f"Remove tags from {thing}.",
            f"{program} remove-tags{name} owner:web",
            (*of_one, "unknown 0..*"),
            changing,
            unknown="tag",
        ),
    )
