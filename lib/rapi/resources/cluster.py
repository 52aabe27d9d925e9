"""The cluster as a whole, queries of any kind, and what the interface says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from ganeti.luxi import methods
from ganeti.model import versions
from ganeti.model.enums import TagKind
from ganeti.model.opcodes.cluster import OpClusterRedistConf, OpClusterSetParams
from ganeti.model.opcodes.os import OpOsDiagnose
from ganeti.rapi.arguments import Arg, ArgKind
from ganeti.rapi.look import tag_methods
from ganeti.rapi.replies import Refusal, Reply, bad_request, reply
from ganeti.rapi.submit import Fields, job, reason_trail
from ganeti.rapi.table import NAMES, NOTHING, Access, Body, Call, Handler, Method, Missing, Resource, Shape

FEATURES = ("instance-create-reqv1", "instance-reinstall-reqv1", "node-evac-res1", "node-migrate-reqv1")


def _always(value: object) -> Handler:
    same = reply(value)

    async def answer(call: Call) -> Reply:
        return same

    return answer


async def _info(call: Call) -> Reply:
    info = await call.master.call(methods.query_cluster_info)
    # Names of 3.x for what it calls otherwise elsewhere.
    return reply({**info, "vg_name": info["volume_group_name"], "drbd_helper": info["drbd_usermode_helper"]})


#: names programs that nodes run: whoever has but a password must not choose them
_FORBIDDEN = "compression_tools"


def _settings(call: Call) -> Fields:
    body = call.object_body()
    if _FORBIDDEN in body or _FORBIDDEN in call.arguments:
        raise Refusal(HTTPStatus.FORBIDDEN, f"{_FORBIDDEN} cannot be changed by way of the remote API")
    return body


# --- operating systems --------------------------------------------------------------

_FINAL = frozenset({"success", "error", "canceled"})
#: seconds a look at all nodes may take
_OS_LIMIT = 60.0


async def _systems(call: Call) -> Reply:
    op = {
        "OP_ID": OpOsDiagnose.OP_ID,
        "output_fields": ["name", "variants"],
        "names": [],
        "reason": reason_trail(call),
    }
    job_id = await call.master.call(methods.submit_job, [op])
    rows = await _result_of(call, job_id)
    if not isinstance(rows, list):
        raise Refusal(HTTPStatus.BAD_GATEWAY, "the master daemon gave no list of operating systems")
    return reply([full for name, variants in rows for full in _with_variants(name, variants)])


async def _result_of(call: Call, job_id: Any) -> object:
    """Return the result of the only opcode of a job, once it has ended.

    Raises Refusal when it does not succeed in time.
    """
    info: Sequence[Any] | None = None
    try:
        async with asyncio.timeout(_OS_LIMIT):
            while True:
                changed = await call.master.call(
                    methods.wait_for_job_change, job_id, ["status", "opresult"], info, None, methods.LONGEST_WAIT
                )
                info = changed[0] if isinstance(changed, list) else info
                if info and info[0] in _FINAL:
                    break
    except TimeoutError:
        raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, f"job {job_id} did not end in {_OS_LIMIT:g} s") from None
    status, results = info
    if status != "success":
        raise Refusal(HTTPStatus.BAD_GATEWAY, f"job {job_id} ended with status {status}: {results[0]}")
    return results[0]


def _with_variants(name: str, variants: Sequence[str]) -> list[str]:
    return [f"{name}+{variant}" for variant in variants] or [name]


# --- queries ------------------------------------------------------------------------

_FIELDS = Arg("fields", ArgKind.TEXTS, "Fields to answer, with commas between")


async def _query(call: Call) -> Reply:
    body = {} if call.body is Missing.BODY else call.object_body()
    unknown = sorted(body.keys() - {"fields", "qfilter", "filter"})
    if unknown:
        raise bad_request(f"{unknown[0]}: unknown, expected fields or qfilter")
    wanted = body.get("fields")
    if wanted is None:
        wanted = _FIELDS._replace(required=True).value(call.arguments)
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise bad_request("fields: expected a list of strings")
    condition = body.get("qfilter", body.get("filter"))
    if condition is not None and not isinstance(condition, list):
        raise bad_request("qfilter: expected a list or null")
    what = call.variables["query_res"]
    return Reply(await call.master.fresh(methods.query, what, wanted, condition))


async def _query_fields(call: Call) -> Reply:
    return Reply(
        await call.master.fresh(methods.query_fields, call.variables["query_res"], _FIELDS.value(call.arguments))
    )


_ANSWER = Shape("{fields: [{name, title, kind, doc}], data: [[[status, value], ...], ...]}", {"type": "object"})
_QUESTION = Body(
    "What to ask",
    fields={
        "fields": ({"type": "array", "items": {"type": "string"}}, "Fields to answer; else from the argument"),
        "qfilter": ({"type": ["array", "null"]}, "Which objects; null for all"),
        "filter": ({"type": ["array", "null"]}, "Old name of qfilter"),
    },
)

RESOURCES = (
    Resource("/", {"GET": Method(Access.NONE, "Answer nothing.", _always(None), NOTHING)}),
    Resource("/2", {"GET": Method(Access.NONE, "Answer nothing.", _always(None), NOTHING)}),
    Resource("/version", {
        "GET": Method(
            Access.NONE,
            "Tell the version of the interface.",
            _always(versions.RAPI),
            Shape("The version", {"const": versions.RAPI}),
        )
    }),
    Resource("/2/features", {
        "GET": Method(Access.NONE, "List what the interface can do.", _always(FEATURES), NAMES)
    }),
    Resource("/2/info", {
        "GET": Method(
            Access.NONE,
            "Show the settings of the cluster.",
            _info,
            Shape("Object with the settings", {"type": "object"}),
            calls=[methods.query_cluster_info],
        )
    }),
    Resource("/2/modify", {
        "PUT": job(
            OpClusterSetParams,
            "Change the settings of the cluster.",
            body=_settings,
            described=Body(
                f"Parameters of {OpClusterSetParams.OP_ID}, but for {_FORBIDDEN}",
                OpClusterSetParams,
                fixed=[_FORBIDDEN],
            ),
        )
    }),
    Resource("/2/redistribute-config", {
        "PUT": job(OpClusterRedistConf, "Send the configuration to all nodes again.")
    }),
    Resource("/2/tags", tag_methods(TagKind.CLUSTER)),
    Resource("/2/os", {
        "GET": Method(
            Access.NONE,
            "List the operating systems that can be installed, each with its variants.",
            _systems,
            NAMES,
            opcodes=[OpOsDiagnose],
            calls=[methods.submit_job, methods.wait_for_job_change],
        )
    }),
    Resource("/2/query/<query_res>", {
        "GET": Method(
            Access.READ,
            "Ask for fields of all objects of a kind.",
            _query,
            _ANSWER,
            args=[_FIELDS._replace(required=True)],
            calls=[methods.query],
        ),
        "PUT": Method(
            Access.READ,
            "Ask for fields of objects of a kind that meet a condition.",
            _query,
            _ANSWER,
            args=[_FIELDS],
            body=_QUESTION,
            calls=[methods.query],
        ),
    }),
    Resource("/2/query/<query_res>/fields", {
        "GET": Method(
            Access.NONE,
            "Describe the fields of a kind of objects.",
            _query_fields,
            Shape("{fields: [{name, title, kind, doc}]}", {"type": "object"}),
            args=[_FIELDS],
            calls=[methods.query_fields],
        )
    }),
)  # fmt: skip
