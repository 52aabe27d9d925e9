"""gnt-job: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, LIST

PROGRAM = Program(
    "gnt-job",
    "Look at the jobs of the cluster, follow them and steer them.",
    (
        Command(
            "list",
            "ganeti.cli.job.show:list_jobs",
            "List jobs.",
            "gnt-job list --running -o +start_ts",
            args=("jobid 0..*",),
            options=(*LIST, "pending", "running", "error", "finished", "archived"),
            fields=("id", "status", "summary"),
        ),
        Command(
            "list-fields",
            "ganeti.cli.job.show:list_job_fields",
            "Show which columns gnt-job list can have.",
            "gnt-job list-fields status summary",
            args=("unknown 0..*",),
            unknown="field",
            options=FIELDS,
        ),
        Command(
            "info",
            "ganeti.cli.job.show:info",
            "Show all about jobs: their operations, times, results and messages.",
            "gnt-job info 1234",
            args=("jobid 1..*",),
        ),
        Command(
            "watch",
            "ganeti.cli.job.steer:watch",
            "Show the messages of a job as they come, until it ends.",
            "gnt-job watch 1234",
            args=("jobid 1..1",),
        ),
        Command(
            "wait",
            "ganeti.cli.job.steer:wait",
            "Wait until a job ends, showing nothing.",
            "gnt-job wait 1234 && echo done",
            detail="The exit code tells whether the job was successful.",
            args=("jobid 1..1",),
        ),
        Command(
            "cancel",
            "ganeti.cli.job.steer:cancel",
            "Cancel jobs: those named, or all in a state.",
            "gnt-job cancel --queued --force",
            detail="A job that runs already cannot be canceled; with --kill it is ended where it is.",
            args=("jobid 0..*",),
            options=("force", "kill", "pending", "queued", "waiting", "yes-do-it"),
        ),
        Command(
            "change-priority",
            "ganeti.cli.job.steer:change_priority",
            "Change the priority of jobs: those named, or all in a state.",
            "gnt-job change-priority --priority high 1234",
            args=("jobid 0..*",),
            options=("priority", "force", "pending", "queued", "waiting"),
        ),
        Command(
            "archive",
            "ganeti.cli.job.steer:archive",
            "Put jobs that have ended away.",
            "gnt-job archive 1234 1235",
            args=("jobid 1..*",),
        ),
        Command(
            "autoarchive",
            "ganeti.cli.job.steer:auto_archive",
            "Put all jobs away that ended some time ago.",
            "gnt-job autoarchive 1w",
            detail="The age is a number of seconds, or has a unit (s, m, h, d, w); all takes every job that has ended.",
            args=("suggest 1..1 in 1d|1w|4w|all",),
        ),
    ),
    {"show": "info"},
)
