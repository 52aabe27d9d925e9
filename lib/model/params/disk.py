"""Disk parameters: by template as users set them, by device as nodes get them.

The two differ for DRBD only, where some names change and the number of stripes goes
to the volumes below (`spec/config_schema.json`, drbd_dt_to_ldp).
"""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.model.enums import DiskAccess, DiskTemplate, ValueType
from ganeti.model.objects.base import Params
from ganeti.model.params.hv_checks import between, not_negative
from ganeti.model.params.table import Param, Table, check, defaults, table

_ACCESS = Param(
    "access",
    ValueType.STRING,
    "kernelspace",
    "Whether the hypervisor reaches it through a block device",
    required=True,
    allowed=tuple(DiskAccess),
)
_BARRIERS = ("n", "b", "d", "f", "bd", "bf", "df", "bdf")
_PROTOCOLS = ("A", "B", "C")


def _some_barriers(value: object) -> str:
    good = isinstance(value, str) and "".join(sorted(value)) in _BARRIERS
    return "" if good else "n, or letters of b (barriers), d (drains), f (flushes)"


_DRBD_COMMON: Table = table(
    Param("c-delay-target", ValueType.INT, 1, "Delay to aim at, in 0.1 s", check=not_negative),
    Param("c-fill-target", ValueType.INT, 0, "Sectors to keep on the way; 0 to aim at the delay", check=not_negative),
    Param("c-max-rate", ValueType.INT, 61440, "Fastest resync, in KiB/s", check=not_negative),
    Param("c-min-rate", ValueType.INT, 4096, "Slowest resync, in KiB/s", check=not_negative),
    Param("c-plan-ahead", ValueType.INT, 20, "How far to plan, in 0.1 s", check=not_negative),
    Param("disk-custom", ValueType.STRING, "", "More options of the disk section"),
    Param("dynamic-resync", ValueType.BOOL, False, "Let DRBD choose the speed of resync"),
    Param("net-custom", ValueType.STRING, "", "More options of the net section"),
    Param("protocol", ValueType.STRING, "C", "Replication protocol", required=True, allowed=_PROTOCOLS),
    Param("resync-rate", ValueType.INT, 61440, "Speed of resync, in KiB/s", check=not_negative),
)

DRBD: Table = {
    **_DRBD_COMMON,
    **table(
        Param("data-stripes", ValueType.INT, 1, "Stripes of the data volume", check=between(1, 128)),
        Param("disk-barriers", ValueType.STRING, "n", "What to do without on data", check=_some_barriers),
        Param("meta-barriers", ValueType.BOOL, False, "Do without flushes on metadata"),
        Param("meta-stripes", ValueType.INT, 1, "Stripes of the metadata volume", check=between(1, 128)),
        Param("metavg", ValueType.STRING, "xenvg", "Volume group of the metadata"),
    ),
}

PLAIN: Table = table(Param("stripes", ValueType.INT, 1, "Stripes of the volume", check=between(1, 128)))

EXT: Table = table(_ACCESS)

GLUSTER: Table = table(
    _ACCESS,
    Param("host", ValueType.STRING, "127.0.0.1", "Where the volume is", required=True),
    Param("port", ValueType.INT, 24007, "Port there", check=between(1, 65535)),
    Param("volume", ValueType.STRING, "gv0", "Name of the volume", required=True),
)

RBD: Table = table(_ACCESS, Param("pool", ValueType.STRING, "rbd", "Pool of the volumes", required=True))

#: what can be set for a template
TEMPLATE_PARAMS: Mapping[DiskTemplate, Table] = {
    DiskTemplate.BLOCKDEV: {},
    DiskTemplate.DISKLESS: {},
    DiskTemplate.DRBD: DRBD,
    DiskTemplate.EXT: EXT,
    DiskTemplate.FILE: {},
    DiskTemplate.GLUSTER: GLUSTER,
    DiskTemplate.PLAIN: PLAIN,
    DiskTemplate.RBD: RBD,
    DiskTemplate.SHAREDFILE: {},
}

#: the names DRBD parameters have at the device, where they differ
_DRBD_RENAMED: Mapping[str, str] = {
    "disk-barriers": "disabled-barriers",
    "meta-barriers": "disable-meta-flush",
    "metavg": "default-metavg",
}
_OF_CHILDREN = ("data-stripes", "meta-stripes")

#: what a node is told of a device
DEVICE_PARAMS: Mapping[DiskTemplate, Table] = {
    **{template: rows for template, rows in TEMPLATE_PARAMS.items() if template != DiskTemplate.DISKLESS},
    DiskTemplate.DRBD: {
        _DRBD_RENAMED.get(name, name): row._replace(name=_DRBD_RENAMED.get(name, name))
        for name, row in DRBD.items()
        if name not in _OF_CHILDREN
    },
}


def disk_defaults() -> dict[DiskTemplate, dict[str, object]]:
    """Return the default of every parameter, by template."""
    return {template: defaults(rows) for template, rows in TEMPLATE_PARAMS.items()}


def check_diskparams(
    params: Mapping[str, Params] | Mapping[DiskTemplate, Params], path: str = "diskparams", *, resets: bool = False
) -> dict[DiskTemplate, dict[str, object]]:
    """Return parameters of a request, by template, checked and in the right type.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    result = {}
    for name, changes in params.items():
        if name not in _TEMPLATES:
            raise errors.ParameterError(f"{path}.{name}: unknown disk template, known are {', '.join(_TEMPLATES)}")
        template = _TEMPLATES[name]
        result[template] = check(TEMPLATE_PARAMS[template], changes, f"{path}.{name}", resets=resets)
    return result


def device_params(template: DiskTemplate, filled: Params) -> dict[str, object]:
    """Return what a device of the template is told, from filled parameters of the template."""
    if template != DiskTemplate.DRBD:
        return dict(filled)
    return {_DRBD_RENAMED.get(name, name): value for name, value in filled.items() if name not in _OF_CHILDREN}


def child_params(filled: Params) -> tuple[dict[str, object], dict[str, object]]:
    """Return what the data and the metadata volume of a DRBD disk are told."""
    return {"stripes": filled["data-stripes"]}, {"stripes": filled["meta-stripes"]}


_TEMPLATES: Mapping[str, DiskTemplate] = {template.value: template for template in DiskTemplate}
