"""Jobs, and the filters of the job queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.luxi import methods
from ganeti.model.scalars import JobId
from ganeti.rapi import fields
from ganeti.rapi.arguments import BULK
from ganeti.rapi.replies import Reply, bad_request, not_found, reply
from ganeti.rapi.table import NOTHING, Access, Body, Call, Method, Resource, Shape
from ganeti.utils import json

#: seconds
_LONGEST_WAIT = 10
_NO_CHANGE = "nochange"
_OBJECTS: Mapping[str, Any] = {"type": "array", "items": {"type": "object"}}


def _objects(names: Sequence[str], rows: Sequence[Sequence[Any] | None]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows if row is not None]


# --- jobs ---------------------------------------------------------------------------


def _id(call: Call) -> JobId:
    number = int(call.variables["job_id"])
    if not number:
        raise not_found()
    return JobId(number)


async def _list_jobs(call: Call) -> Reply:
    if BULK.value(call.arguments):
        return Reply(await call.master.body("/2/jobs", _bulk_jobs, methods.query_jobs, None, fields.JOB_BULK))
    return Reply(await call.master.body("/2/jobs ids", _plain_jobs, methods.query_jobs, None, ["id"]))


def _bulk_jobs(rows: Sequence[Sequence[Any]]) -> bytes:
    return json.dumps_bytes(_objects(fields.JOB_BULK, rows))


def _plain_jobs(rows: Sequence[Sequence[Any]]) -> bytes:
    return json.dumps_bytes([{"id": row[0], "uri": f"/2/jobs/{row[0]}"} for row in rows])


async def _show_job(call: Call) -> Reply:
    rows = await call.master.call(methods.query_jobs, [_id(call)], fields.JOB)
    found = _objects(fields.JOB, rows)
    if not found:
        raise not_found(f"job {_id(call)} is not in the queue: it does not exist, or has been archived")
    return reply(found[0])


async def _cancel_job(call: Call) -> Reply:
    done = await call.master.call(methods.cancel_job, _id(call))
    return reply(done)


async def _wait_for_job(call: Call) -> Reply:
    body = call.object_body()
    wanted = body.get("fields")
    info, serial = body.get("previous_job_info"), body.get("previous_log_serial")
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise bad_request("fields: expected a list of strings")
    if info is not None and not isinstance(info, list):
        raise bad_request("previous_job_info: expected a list or null")
    if serial is not None and (not isinstance(serial, int) or isinstance(serial, bool)):
        raise bad_request("previous_log_serial: expected a whole number or null")
    changed = await call.master.call(methods.wait_for_job_change, _id(call), wanted, info, serial, _LONGEST_WAIT)
    if changed == _NO_CHANGE:
        return reply(None)
    if changed is None:
        raise not_found()
    return reply({"job_info": changed[0], "log_entries": changed[1]})


# --- filters ------------------------------------------------------------------------

_FILTER_KEYS = frozenset({"priority", "predicates", "action", "reason"})


async def _list_filters(call: Call) -> Reply:
    rows = await call.master.call(methods.query_filters, None, fields.FILTER_RULE)
    rules = _objects(fields.FILTER_RULE, rows)
    if BULK.value(call.arguments):
        return reply(rules)
    uuids = sorted(rule["uuid"] for rule in rules)
    return reply([{"uuid": uuid, "uri": f"/2/filters/{uuid}"} for uuid in uuids])


async def _show_filter(call: Call) -> Reply:
    uuid = call.variables["filter"]
    rows = await call.master.call(methods.query_filters, [uuid], fields.FILTER_RULE)
    found = _objects(fields.FILTER_RULE, rows)
    if not found:
        raise not_found(f"filter {uuid} is not known")
    return reply(found[0])


async def _delete_filter(call: Call) -> Reply:
    await call.master.call(methods.delete_filter, call.variables["filter"])
    return reply(None)


async def _put_filter(call: Call) -> Reply:
    body = call.object_body()
    unknown = sorted(body.keys() - _FILTER_KEYS)
    if unknown:
        raise bad_request(f"{unknown[0]}: unknown, expected priority, predicates, action or reason")
    priority, predicates, reason = body.get("priority", 0), body.get("predicates", []), body.get("reason", [])
    if not isinstance(priority, int) or isinstance(priority, bool) or priority < 0:
        raise bad_request("priority: expected a whole number of 0 or more")
    if not isinstance(predicates, list) or not isinstance(reason, list):
        raise bad_request("predicates and reason: expected lists")
    rule = (priority, predicates, body.get("action", "CONTINUE"), reason)
    uuid = await call.master.call(methods.replace_filter, call.variables.get("filter"), *rule)
    return reply(uuid)


_FILTER = Body(
    "The rule",
    fields={
        "priority": ({"type": "integer", "minimum": 0, "default": 0}, "Rules of smaller numbers are looked at first"),
        "predicates": ({"type": "array", "default": []}, "What the rule applies to"),
        "action": ({"default": "CONTINUE"}, "What is done with jobs it applies to"),
        "reason": ({"type": "array", "default": []}, "Why there is this rule"),
    },
)
_UUID = Shape("UUID of the rule", {"type": "string"})
_RULE = Shape("Object with the fields of a rule", {"type": "object"})
_WAIT: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "fields": ({"type": "array", "items": {"type": "string"}}, "Fields of the job to watch"),
    "previous_job_info": ({"type": ["array", "null"]}, "What they were when last looked at"),
    "previous_log_serial": ({"type": ["integer", "null"]}, "Number of the last log entry that was seen"),
}

RESOURCES = (
    Resource("/2/jobs", {
        "GET": Method(
            Access.NONE,
            "List all jobs that are not archived.",
            _list_jobs,
            Shape("List of {id, uri}; with bulk, list of objects with the fields of jobs", _OBJECTS),
            args=[BULK],
            calls=[methods.query_jobs],
        )
    }),
    Resource("/2/jobs/<job_id>", {
        "GET": Method(
            Access.NONE,
            "Show a job.",
            _show_job,
            Shape("Object with the fields of a job", {"type": "object"}),
            calls=[methods.query_jobs],
        ),
        "DELETE": Method(
            Access.WRITE,
            "Cancel a job.",
            _cancel_job,
            Shape("[whether it was canceled, message]", {"type": "array"}),
            calls=[methods.cancel_job],
        ),
    }),
    Resource("/2/jobs/<job_id>/wait", {
        "GET": Method(
            Access.WRITE,
            f"Wait until a job changes, for at most {_LONGEST_WAIT} seconds.",
            _wait_for_job,
            Shape("null if nothing changed, else {job_info, log_entries}", {"type": ["object", "null"]}),
            body=Body("What is known of the job", fields=_WAIT, required=["fields"]),
            calls=[methods.wait_for_job_change],
        )
    }),
    Resource("/2/filters", {
        "GET": Method(
            Access.NONE,
            "List the filter rules of the job queue.",
            _list_filters,
            Shape("List of {uuid, uri}; with bulk, list of objects with the fields of rules", _OBJECTS),
            args=[BULK],
            calls=[methods.query_filters],
        ),
        "POST": Method(
            Access.WRITE, "Add a filter rule.", _put_filter, _UUID, body=_FILTER, calls=[methods.replace_filter]
        ),
    }),
    Resource("/2/filters/<filter>", {
        "GET": Method(Access.NONE, "Show a filter rule.", _show_filter, _RULE, calls=[methods.query_filters]),
        "PUT": Method(
            Access.WRITE, "Replace a filter rule.", _put_filter, _UUID, body=_FILTER, calls=[methods.replace_filter]
        ),
        "DELETE": Method(
            Access.WRITE, "Delete a filter rule.", _delete_filter, NOTHING, calls=[methods.delete_filter]
        ),
    }),
)  # fmt: skip
