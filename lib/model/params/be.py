"""Backend parameters: memory, CPUs and how an instance is looked after."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.model.enums import ValueType
from ganeti.model.objects.base import Params
from ganeti.model.params.hv_checks import between
from ganeti.model.params.table import Param, Table, check, defaults, flag, number, table
from ganeti.model.scalars import MiB

BE_PARAMS: Table = table(
    Param("always_failover", ValueType.BOOL, False, "Never migrate it, fail it over instead"),
    Param("auto_balance", ValueType.BOOL, True, "Keep memory free on its secondary node"),
    Param("maxmem", ValueType.SIZE, 128, "Most memory it may use", check=between(1, 2**31)),
    Param("minmem", ValueType.SIZE, 128, "Memory it always has", check=between(1, 2**31)),
    Param("spindle_use", ValueType.INT, 1, "Spindles it keeps busy", check=between(0, 2**31)),
    Param("vcpus", ValueType.INT, 1, "Virtual CPUs", check=between(1, 65535)),
)

#: in a request: the same as maxmem and minmem together
LEGACY_MEMORY = "memory"


class BackendParams(NamedTuple):
    """Filled backend parameters, by name."""

    always_failover: bool
    auto_balance: bool
    maxmem: MiB
    minmem: MiB
    spindle_use: int
    vcpus: int


def backend(params: Params) -> BackendParams:
    """Return filled parameters by name."""
    return BackendParams(
        always_failover=flag(params, "always_failover"),
        auto_balance=flag(params, "auto_balance"),
        maxmem=MiB(number(params, "maxmem")),
        minmem=MiB(number(params, "minmem")),
        spindle_use=number(params, "spindle_use"),
        vcpus=number(params, "vcpus"),
    )


def be_defaults() -> dict[str, object]:
    """Return the default of every parameter."""
    return defaults(BE_PARAMS)


def without_legacy(params: Params, path: str = "beparams") -> dict[str, object]:
    """Return parameters with the old name `memory` replaced by what it stands for.

    Clients of older releases send it beside the new names; that is fine as long as
    they agree.  Raises ParameterError if they do not.
    """
    if LEGACY_MEMORY not in params:
        return dict(params)
    memory = str(params[LEGACY_MEMORY])
    other = [name for name in ("maxmem", "minmem") if str(params.get(name, memory)) != memory]
    if other:
        raise errors.ParameterError(
            f"{path}.memory: stands for maxmem and minmem, but {other[0]} is {params[other[0]]}, not {memory}"
        )
    rest = {name: value for name, value in params.items() if name != LEGACY_MEMORY}
    return {**rest, "maxmem": params[LEGACY_MEMORY], "minmem": params[LEGACY_MEMORY]}


def check_beparams(params: Params, path: str = "beparams", *, resets: bool = False) -> dict[str, object]:
    """Return parameters of a request, checked one by one and in the right type.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    return check(BE_PARAMS, without_legacy(params, path), path, resets=resets)


def check_filled_beparams(params: Params, path: str = "beparams") -> None:
    """Check parameters that are complete, also against each other.

    Raises ParameterError naming the parameter.
    """
    memory = backend(params)
    if memory.minmem > memory.maxmem:
        raise errors.ParameterError(f"{path}.minmem: {memory.minmem} MiB is more than maxmem, {memory.maxmem} MiB")
