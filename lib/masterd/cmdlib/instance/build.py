"""Pure: from what a request says of NICs and disks to their records.

MACs and uuids come from outside (`make_mac`, `make_uuid`), so nothing is reserved here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.instance import devices
from ganeti.model.enums import DiskMode, DiskTemplate, FileDriver, NicMode, NicParam
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.nic import NIC
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.params.fill import fill_nicparams
from ganeti.model.params.nic import check_filled_nicparams, check_nicparams
from ganeti.model.scalars import InstanceName, IPAddress, MacAddress, MiB, Uuid
from ganeti.schema_types import type_of
from ganeti.utils import text

MAX_DISKS = 16
MAX_NICS = 8
#: words for a MAC that is to be made up
MADE_UP = ("auto", "generate")

SUPPORTED_TEMPLATES = (DiskTemplate.DISKLESS, *devices.FILE_LIKE)

_DISK_KEYS = frozenset({"size", "mode", "name", "spindles"})


def template_of(cluster: Cluster, op: OpInstanceCreate) -> DiskTemplate:
    """Return the template of a new instance's disks.

    Raises OpPrereqError when there cannot be such disks here, or not on the nodes given.
    """
    template = op.disk_template or cluster.enabled_disk_templates[0]
    if template not in cluster.enabled_disk_templates:
        raise errors.OpPrereqError(
            f"disk template {template} is not enabled in this cluster"
            f" (enabled: {', '.join(cluster.enabled_disk_templates)})",
            ECode.STATE,
        )
    if template not in SUPPORTED_TEMPLATES:
        raise errors.OpPrereqError(f"disk template {template} is not supported by this version", ECode.INVAL)
    for name in ("snode", "snode_uuid"):
        if getattr(op, name):
            raise errors.OpPrereqError(
                f"{name}: an instance of template {template} has no secondary node; give the primary alone",
                ECode.INVAL,
            )
    return template


def build_nic(
    cluster: Cluster, request: Mapping[NicParam, str | None], path: str, make_mac: Callable[[], MacAddress], uuid: Uuid
) -> NIC:
    """Return the record of a requested interface.

    Raises OpPrereqError or ParameterError naming `path`.
    """
    given = {str(key): value for key, value in request.items() if value is not None}
    if given.get("network") not in (None, "none"):
        raise errors.OpPrereqError(f"{path}.network: networks are not supported by this version", ECode.INVAL)
    if "bridge" in given:
        if "link" in given:
            raise errors.OpPrereqError(f"{path}: give either link or bridge, not both", ECode.INVAL)
        given["link"] = given.pop("bridge")
    own: dict[str, object] = {key: given[key] for key in ("mode", "link", "vlan") if given.get(key, "auto") != "auto"}
    own = check_nicparams(own, path)
    filled = fill_nicparams(cluster, own)
    check_filled_nicparams(filled, path)
    ip = given.get("ip")
    if ip in (None, "", "none"):
        ip = None
    elif ip == "auto":
        raise errors.OpPrereqError(f"{path}.ip: 'auto' would need the address of the name: write it out", ECode.INVAL)
    if ip is None and filled["mode"] == NicMode.ROUTED:
        raise errors.OpPrereqError(f"{path}.ip: required for a routed interface", ECode.INVAL)
    mac = given.get("mac", "auto")
    return NIC(
        uuid=uuid,
        name=None if given.get("name") in (None, "none") else given["name"],
        mac=make_mac() if mac in MADE_UP else type_of(MacAddress).parse(mac.lower(), f"{path}.mac"),
        ip=None if ip is None else type_of(IPAddress).parse(ip, f"{path}.ip"),
        nicparams=own,
    )


def disk_size(request: Mapping[str, str | int], path: str) -> MiB:
    """Return the size a disk request asks for.

    Raises OpPrereqError naming `path`.
    """
    size = request.get("size")
    if size is None:
        raise errors.OpPrereqError(f"{path}.size: required, but missing", ECode.INVAL)
    try:
        mib = text.parse_unit(size) if isinstance(size, str) else size
    except errors.UnitParseError as err:
        raise errors.OpPrereqError(f"{path}.size: {err}", ECode.INVAL) from err
    if mib <= 0:
        raise errors.OpPrereqError(f"{path}.size: expected more than 0 MiB, got {mib}", ECode.INVAL)
    return MiB(mib)


def build_disk(
    template: DiskTemplate,
    request: Mapping[str, str | int],
    path: str,
    *,
    index: int,
    uuid: Uuid,
    nodes: Sequence[Uuid],
    directory: str,
    driver: FileDriver | None,
) -> Disk:
    """Return the record of a requested disk; `directory` is where file disks of the instance go.

    Raises OpPrereqError naming `path`.
    """
    unknown = sorted(set(request) - _DISK_KEYS)
    if unknown:
        raise errors.OpPrereqError(
            f"{path}.{unknown[0]}: not a parameter of {template} disks ({', '.join(sorted(_DISK_KEYS))})", ECode.INVAL
        )
    if template not in devices.FILE_LIKE:
        raise errors.OpPrereqError(
            f"cannot create a disk of template {template}: not supported by this version", ECode.INVAL
        )
    name = request.get("name")
    return Disk(
        uuid=uuid,
        name=None if name in (None, "none") else str(name),
        dev_type=template,
        logical_id=(str(driver or FileDriver.LOOP), f"{directory}/{uuid}.file.disk{index}"),
        iv_name=f"disk/{index}",
        size=disk_size(request, path),
        mode=disk_mode(request, path),
        nodes=tuple(nodes),
        spindles=disk_spindles(request, path),
    )


def disk_mode(request: Mapping[str, str | int], path: str) -> DiskMode:
    """Return the mode a disk request asks for, read-write unless it says.

    Raises ParameterError naming `path`.
    """
    mode: DiskMode = type_of(DiskMode).parse(request.get("mode", "rw"), f"{path}.mode")
    return mode


def disk_spindles(request: Mapping[str, str | int], path: str) -> int | None:
    """Return the number of spindles a disk request asks for, None when it does not say.

    Raises OpPrereqError naming `path`.
    """
    given = request.get("spindles")
    if given is None:
        return None
    if not str(given).isdecimal():
        raise errors.OpPrereqError(f"{path}.spindles: expected a whole number, 0 or more, got {given!r}", ECode.INVAL)
    return int(given)


def file_directory(cluster: Cluster, template: DiskTemplate, below: str | None, name: InstanceName) -> str:
    """Return where the file disks of an instance go.

    Raises OpPrereqError when the cluster has no such directory, or `below` leads out of it.
    """
    base = cluster.file_storage_dir if template == DiskTemplate.FILE else cluster.shared_file_storage_dir
    if not base:
        raise errors.OpPrereqError(f"cannot use template {template}: the cluster has no directory for it", ECode.STATE)
    parts = [part for part in (below or "").split("/") if part]
    if (below or "").startswith("/") or ".." in parts or any(not text.is_valid_name(part) for part in parts):
        raise errors.OpPrereqError(f"file_storage_dir: expected a plain path below {base}, got {below!r}", ECode.INVAL)
    return "/".join([base, *parts, name])
