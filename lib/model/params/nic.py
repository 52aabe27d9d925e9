"""NIC parameters: how an interface is connected on its node."""

from __future__ import annotations

import re

from ganeti import errors
from ganeti.model.enums import NicMode, ValueType
from ganeti.model.objects.base import Params
from ganeti.model.params.table import Param, Table, check, defaults, table, words

#: NIC_MODES of a connected interface; "pool" is only for requests
NIC_MODES = tuple(mode for mode in NicMode if mode != NicMode.POOL)


def _a_vlan(value: object) -> str:
    good = isinstance(value, str) and re.fullmatch(r"\.?\d{1,4}(:\d{1,4})*|(:\d{1,4})+", value, re.ASCII)
    return "" if good else 'a VLAN (".100" untagged, "100" or ":100:200" tagged)'


def _an_interface(value: object) -> str:
    good = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,254}", value)
    return "" if good else "the name of an interface or routing table"


NIC_PARAMS: Table = table(
    Param("link", ValueType.STRING, "xen-br0", "Bridge, switch, or routing table", check=_an_interface),
    Param("mode", ValueType.STRING, "bridged", "How it is connected", required=True, allowed=NIC_MODES),
    Param("vlan", ValueType.STRING, "", "VLAN, on a bridge or switch that has them", check=_a_vlan),
)


def nic_defaults() -> dict[str, object]:
    """Return the default of every parameter."""
    return defaults(NIC_PARAMS)


def check_nicparams(params: Params, path: str = "nicparams", *, resets: bool = False) -> dict[str, object]:
    """Return parameters of a request, checked one by one and in the right type.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    return check(NIC_PARAMS, params, path, resets=resets)


def check_filled_nicparams(params: Params, path: str = "nicparams") -> None:
    """Check parameters that are complete, also against each other.

    Raises ParameterError naming the parameter.
    """
    mode = words(params, "mode")
    if mode in (NicMode.BRIDGED, NicMode.OPENVSWITCH) and not words(params, "link"):
        raise errors.ParameterError(f"{path}.link: mode {mode} needs the bridge or switch to connect to")
