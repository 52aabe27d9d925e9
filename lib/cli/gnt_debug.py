"""gnt-debug: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, JOB

PROGRAM = Program(
    "gnt-debug",
    "Look into the master daemon and exercise it.",
    (
        Command(
            "delay",
            "ganeti.cli.debug.jobs:delay",
            "Run a job that does nothing for some seconds.",
            "gnt-debug delay -n node1 --submit 30",
            args=("unknown 1..1",),
            unknown="seconds",
            options=("no-master", "n", "repeat", "interruptible", "no-locks", *JOB),
        ),
        Command(
            "submit-job",
            "ganeti.cli.debug.jobs:submit_job",
            "Submit jobs from files that hold opcodes as JSON, a list of objects with OP_ID.",
            "gnt-debug submit-job --op-repeat 10 delay.json",
            args=("file 1..*",),
            options=("verbose", "op-repeat", "job-repeat", "timing-stats", "each", "dry-run", "priority"),
        ),
        Command(
            "locks",
            "ganeti.cli.debug.locks:locks",
            "Show the locks of the master daemon: who holds them and who waits.",
            "gnt-debug locks --interval 2 -o name,mode,owner,pending",
            options=("output", *FIELDS, "interval", "verbose"),
            fields=("name", "mode", "owner", "pending"),
        ),
        Command(
            "test-jobqueue",
            "ganeti.cli.debug.jobqueue:test_jobqueue",
            "Test the job queue: run jobs that tell what they go through, and check what they told.",
            "gnt-debug test-jobqueue",
            options=("priority",),
        ),
    ),
    {"allocator": "iallocator"},
)
