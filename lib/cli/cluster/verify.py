"""gnt-cluster verify, verify-disks and repair-disk-sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti import errors
from ganeti.cli.failures import ExitCode, describe
from ganeti.cli.jobs import follow, run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.enums import VerifyCheck
from ganeti.model.opcodes.cluster import OpClusterRepairDiskSizes, OpClusterVerify, OpClusterVerifyDisks
from ganeti.model.opcodes.instance import OpInstanceActivateDisks
from ganeti.utils.text import natural_sort


def verify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Verify the cluster."""
    skipped = [VerifyCheck.NPLUSONE_MEM.value] if options.skip_nplusone_mem else []
    skipped += [VerifyCheck.HVPARAM_ASSESSMENT.value] if options.skip_hvparam_assessment else []
    op = OpClusterVerify.from_wire(
        {
            "debug_simulate_errors": options.simulate_errors,
            "error_codes": options.error_codes,
            "skip_checks": skipped,
            "ignore_errors": options.ignore_errors,
            "verbose": options.verbose,
            "group_name": options.nodegroup,
            "verify_clutter": options.verify_clutter,
        }
    )
    good = True
    for job_id in _children(session, run_op(session, options, op)):
        good = _job_found_nothing(session, job_id) and good
    return ExitCode.SUCCESS if good else ExitCode.FAILURE


def verify_disks(session: Session, options: Values, args: Sequence[str]) -> int:
    """Verify the disks, and repair what can be repaired."""
    op = OpClusterVerifyDisks.from_wire({"group_name": options.nodegroup, "is_strict": not options.no_strict})
    code: int = ExitCode.SUCCESS
    for job_id in _children(session, run_op(session, options, op)):
        bad_nodes, to_activate, missing = follow(session, job_id).results()[0]
        for node in natural_sort(bad_nodes):
            session.console.say(f"node {node} cannot be asked: {bad_nodes[node]}")
            code = ExitCode.FAILURE
        for name in natural_sort(missing):
            session.console.say(f"instance {name} has lost disks:")
            for node, volume in missing[name]:
                session.console.say(f"  {node} {volume}")
            code = ExitCode.FAILURE
        for name in natural_sort(to_activate):
            if name not in missing:
                code = _activate(session, options, name) or code
    return code


def repair_disk_sizes(session: Session, options: Values, args: Sequence[str]) -> int:
    """Record the sizes disks have."""
    changed = run_op(session, options, OpClusterRepairDiskSizes.from_wire({"instances": list(args)}))
    for name, disk, what, value in changed:
        session.console.out(f"instance {name}, disk {disk}: {what} is {value} now")
    if not changed:
        session.console.say("all disks have the size that is recorded")
    return ExitCode.SUCCESS


def _children(session: Session, result: Any) -> list[int]:
    """Return the ids of the jobs an opcode answered with.

    Raises OpExecError when one could not be submitted.
    """
    for accepted, answer in result["jobs"]:
        if not accepted:
            raise errors.OpExecError(f"cannot submit a job: {answer}")
    return [int(job_id) for _, job_id in result["jobs"]]


def _job_found_nothing(session: Session, job_id: int) -> bool:
    """Follow one part of the verification; its results are false where something is wrong."""
    try:
        return all(bool(result) for result in follow(session, job_id).results())
    except errors.LuxiError:
        raise
    except errors.GenericError as err:
        session.console.say(f"job {job_id}: {describe(err, session.paths)[0]}")
        return False


def _activate(session: Session, options: Values, name: str) -> int:
    session.console.show(f"Activating disks of instance {name}")
    try:
        run_op(session, options, OpInstanceActivateDisks.from_wire({"instance_name": name}))
    except errors.LuxiError:
        raise
    except errors.GenericError as err:
        session.console.say(f"{name}: {describe(err, session.paths)[0]}")
        return ExitCode.FAILURE
    return ExitCode.SUCCESS
