"""Node parameters."""

from __future__ import annotations

from ganeti import errors
from ganeti.model.enums import ValueType
from ganeti.model.objects.base import Params
from ganeti.model.params.hv_checks import a_path, between, not_negative
from ganeti.model.params.table import Param, Table, check, defaults, table


def _above_zero(value: object) -> str:
    return "" if isinstance(value, (int, float)) and value > 0 else "a number above 0"


ND_PARAMS: Table = table(
    Param("cpu_speed", ValueType.FLOAT, 1.0, "Speed of its CPUs against others", check=_above_zero),
    Param("exclusive_storage", ValueType.BOOL, False, "Give each disk physical volumes of its own"),
    Param("oob_program", ValueType.STRING, "", "Program that manages its power", check=a_path),
    Param("ovs", ValueType.BOOL, False, "Set up Open vSwitch when the node is added"),
    Param("ovs_link", ValueType.MAYBE_STRING, "", "Interface that connects that switch"),
    Param("ovs_name", ValueType.MAYBE_STRING, "switch1", "Name of that switch"),
    Param("spindle_count", ValueType.INT, 1, "Spindles it has", check=not_negative),
    Param("ssh_port", ValueType.INT, 22, "TCP port of its SSH daemon", check=between(1, 65535)),
)

#: set for the cluster or a group; ignored at a node
GLOBALS = frozenset({"exclusive_storage"})


def nd_defaults() -> dict[str, object]:
    """Return the default of every parameter."""
    return defaults(ND_PARAMS)


def check_ndparams(params: Params, path: str = "ndparams", *, resets: bool = False) -> dict[str, object]:
    """Return parameters of a request, checked and in the right type.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    return check(ND_PARAMS, params, path, resets=resets)


def check_no_globals(params: Params, path: str = "ndparams") -> None:
    """Refuse what cannot be set for one node.

    Raises ParameterError naming the parameters.
    """
    shared = sorted(GLOBALS & params.keys())
    if shared:
        raise errors.ParameterError(f"{path}: cannot be set for one node, only for its group: {', '.join(shared)}")
