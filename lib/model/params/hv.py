"""All hypervisors and their parameters; rules that look at several of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ganeti import errors
from ganeti.model.enums import HypervisorName, MigrationMode, ValueType
from ganeti.model.objects.base import Params
from ganeti.model.params import hv_checks as c
from ganeti.model.params.hv_kvm import KVM
from ganeti.model.params.hv_xen import HVM, PVM
from ganeti.model.params.table import Param, Table, check, defaults, flag, table, words

MIGRATION_MODES = tuple(MigrationMode)

_DEVICES = "c 1:3 rw,c 1:5 rw,c 1:7 rw,c 1:8 rw,c 1:9 rw,c 1:10 rw,c 5:0 rw,c 5:1 rw,c 5:2 rw,c 136:* rw"
_DROP_CAPABILITIES = "mac_override,sys_boot,sys_module,sys_time,sys_admin"

FAKE: Table = table(
    Param(
        "migration_mode",
        ValueType.STRING,
        "live",
        "Whether it runs on while it migrates",
        required=True,
        allowed=MIGRATION_MODES,
    ),
)

CHROOT: Table = table(
    Param(
        "init_script",
        ValueType.STRING,
        "/ganeti-chroot",
        "Program in the chroot that starts and stops it",
        required=True,
        check=c.a_path,
    ),
)

LXC: Table = table(
    Param("cpu_mask", ValueType.STRING, "", "CPUs it may run on; all if empty", check=c.a_cpu_mask),
    Param("devices", ValueType.STRING, _DEVICES, "Devices it may use"),
    Param(
        "drop_capabilities",
        ValueType.STRING,
        "mac_override,sys_boot,sys_module,sys_time,sys_admin",
        "Capabilities taken away",
    ),
    Param("extra_cgroups", ValueType.STRING, "", "Control groups besides the usual ones"),
    Param("extra_config", ValueType.STRING, "", "More lines of its configuration, separated by commas"),
    Param("num_ttys", ValueType.INT, 6, "Consoles", required=True, check=c.not_negative),
    Param("startup_timeout", ValueType.INT, 30, "Seconds to wait until it runs", check=c.not_negative),
)

HV_PARAMS: Mapping[HypervisorName, Table] = {
    HypervisorName.XEN_PVM: PVM,
    HypervisorName.XEN_HVM: HVM,
    HypervisorName.KVM: KVM,
    HypervisorName.FAKE: FAKE,
    HypervisorName.CHROOT: CHROOT,
    HypervisorName.LXC: LXC,
}

#: what nodes must agree on: set for the cluster, never for an instance
GLOBALS = frozenset({"migration_port", "migration_bandwidth", "migration_mode"})

#: parameters that name a file: nodes must have it alike, or a guest that moves gets another password
NAMING_FILES: Mapping[HypervisorName, Collection[str]] = {
    HypervisorName.XEN_HVM: ("vnc_password_file",),
    HypervisorName.KVM: ("vnc_password_file", "spice_password_file"),
}

#: parameters of former releases, dropped when a configuration is read
REMOVED = frozenset({"xen_cmd"})

#: hypervisors that can move a running instance to another node
CAN_MIGRATE = frozenset({HypervisorName.XEN_PVM, HypervisorName.XEN_HVM, HypervisorName.KVM, HypervisorName.FAKE})

#: hypervisors whose instances have a TCP port for their console
NEEDS_PORT = frozenset({HypervisorName.XEN_HVM, HypervisorName.KVM})


def hv_defaults(hv: HypervisorName) -> dict[str, object]:
    """Return the default of every parameter of a hypervisor."""
    return defaults(HV_PARAMS[hv])


def check_hvparams(
    hv: HypervisorName, params: Params, path: str = "hvparams", *, resets: bool = False
) -> dict[str, object]:
    """Return parameters of a request, checked one by one and in the right type.

    With `resets`, None and "default" are let through: they ask to forget a value.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    return check(HV_PARAMS[hv], params, path, resets=resets)


def check_no_globals(params: Params, path: str = "hvparams") -> None:
    """Refuse what cannot be set for one instance.

    Raises ParameterError naming the parameters.
    """
    shared: Collection[str] = sorted(GLOBALS & params.keys())
    if shared:
        raise errors.ParameterError(
            f"{path}: cannot be set for one instance, only for the cluster: {', '.join(shared)}"
        )


def check_filled_hvparams(hv: HypervisorName, params: Params, path: str = "hvparams") -> None:
    """Check parameters that are complete, also against each other.

    Raises TypeEnforcementError or ParameterError naming the parameter.
    """
    missing = sorted(HV_PARAMS[hv].keys() - params.keys())
    if missing:
        raise errors.ParameterError(f"{path}: incomplete, missing are {', '.join(missing)}")
    check_hvparams(hv, params, path)
    if hv == HypervisorName.KVM:
        _check_kvm(params, path)
    elif hv == HypervisorName.XEN_PVM and flag(params, "use_bootloader") and not words(params, "bootloader_path"):
        raise errors.ParameterError(f"{path}.bootloader_path: needed to start through a boot loader")


def _check_kvm(params: Params, path: str) -> None:
    """See check_filled_hvparams: what goes together in KVM (qemu man page)."""
    if words(params, "kernel_path") and not words(params, "root_path"):
        raise errors.ParameterError(f"{path}.root_path: needed when a kernel is given in kernel_path")
    if flag(params, "vnc_x509_verify") and not words(params, "vnc_x509_path"):
        raise errors.ParameterError(f"{path}.vnc_x509_path: needed to verify certificates of VNC clients")
    if words(params, "boot_order") == "cdrom" and not words(params, "cdrom_image_path"):
        raise errors.ParameterError(f"{path}.cdrom_image_path: needed to start from the CD drive")
    if words(params, "boot_order") == "floppy" and not words(params, "floppy_image_path"):
        raise errors.ParameterError(f"{path}.floppy_image_path: needed to start from the floppy drive")
    user = words(params, "security_domain")
    if words(params, "security_model") == "user" and not user:
        raise errors.ParameterError(f"{path}.security_domain: needed with security model user")
    if words(params, "security_model") != "user" and user:
        raise errors.ParameterError(f"{path}.security_domain: only used with security model user")
    if not words(params, "spice_bind"):
        _check_no_spice(params, path)


def _check_no_spice(params: Params, path: str) -> None:
    rows = HV_PARAMS[HypervisorName.KVM]
    for name in rows:
        if name.startswith("spice_") and name != "spice_bind" and params[name] != rows[name].default:
            raise errors.ParameterError(f"{path}.{name}: needs spice_bind to be set")
