"""Parameters of the Xen hypervisors, paravirtual and fully virtual."""

from __future__ import annotations

from ganeti.model.enums import MigrationMode, RebootBehavior, ValueType
from ganeti.model.params import hv_checks as c
from ganeti.model.params.table import Param, Table, table

MIGRATION_MODES = tuple(MigrationMode)
REBOOT_BEHAVIORS = tuple(RebootBehavior)

PVM: Table = table(
    Param("blockdev_prefix", ValueType.STRING, "sd", "Letters the names of its disks start with"),
    Param("bootloader_args", ValueType.STRING, "", "Arguments of the boot loader"),
    Param("bootloader_path", ValueType.STRING, "", "Boot loader program on the node", check=c.a_path),
    Param("cpu_cap", ValueType.INT, 0, "Most of a CPU it may use, in percent; 0 for no limit", check=c.not_negative),
    Param("cpu_mask", ValueType.STRING, "all", "CPUs it may run on", check=c.a_multi_cpu_mask),
    Param("cpu_weight", ValueType.INT, 256, "Share of CPU time against other instances", check=c.between(1, 65535)),
    Param("cpuid", ValueType.STRING, "", "CPU features to show or hide"),
    Param("initrd_path", ValueType.STRING, "", "Initial RAM disk on the node", check=c.a_path),
    Param("kernel_args", ValueType.STRING, "ro", "Arguments of the kernel"),
    Param("kernel_path", ValueType.STRING, "/boot/vmlinuz-3-xenU", "Kernel on the node", required=True, check=c.a_path),
    Param(
        "migration_mode",
        ValueType.STRING,
        "live",
        "Whether it runs on while it migrates",
        required=True,
        allowed=MIGRATION_MODES,
    ),
    Param("migration_port", ValueType.INT, 8002, "TCP port migration uses", required=True, check=c.between(1, 65535)),
    Param(
        "reboot_behavior",
        ValueType.STRING,
        "reboot",
        "What follows when the guest reboots itself",
        required=True,
        allowed=REBOOT_BEHAVIORS,
    ),
    Param("root_path", ValueType.MAYBE_STRING, "/dev/xvda1", "Root device as the guest sees it"),
    Param("soundhw", ValueType.STRING, "", "Sound card"),
    Param("use_bootloader", ValueType.BOOL, False, "Start through the boot loader"),
    Param("vif_script", ValueType.STRING, "", "Script that connects network interfaces", check=c.a_path),
)

HVM: Table = table(
    Param("acpi", ValueType.BOOL, True, "Give the guest ACPI"),
    Param("blockdev_prefix", ValueType.STRING, "hd", "Letters the names of its disks start with"),
    Param(
        "boot_order",
        ValueType.STRING,
        "cd",
        "Devices to start from: a floppy, c disk, d CD drive, n network",
        required=True,
        check=c.letters_of("acdn"),
    ),
    Param("cdrom_image_path", ValueType.STRING, "", "Image of the first CD drive", check=c.a_path),
    Param("cpu_cap", ValueType.INT, 0, "Most of a CPU it may use, in percent; 0 for no limit"),
    Param("cpu_mask", ValueType.STRING, "all", "CPUs it may run on", check=c.a_multi_cpu_mask),
    Param("cpu_weight", ValueType.INT, 256, "Share of CPU time against other instances", check=c.between(1, 65535)),
    Param("cpuid", ValueType.STRING, "", "CPU features to show or hide"),
    Param(
        "device_model",
        ValueType.STRING,
        "/usr/lib/xen/bin/qemu-dm",
        "Program that emulates devices",
        required=True,
        check=c.a_path,
    ),
    Param(
        "disk_type",
        ValueType.STRING,
        "paravirtual",
        "How the guest sees its disks",
        required=True,
        allowed=("ioemu", "paravirtual"),
    ),
    Param(
        "kernel_path",
        ValueType.STRING,
        "/usr/lib/xen/boot/hvmloader",
        "Kernel on the node",
        required=True,
        check=c.a_path,
    ),
    Param(
        "migration_mode",
        ValueType.STRING,
        "non-live",
        "Whether it runs on while it migrates",
        required=True,
        allowed=MIGRATION_MODES,
    ),
    Param("migration_port", ValueType.INT, 8002, "TCP port migration uses", required=True, check=c.between(1, 65535)),
    Param(
        "nic_type",
        ValueType.STRING,
        "rtl8139",
        "How the guest sees its network interfaces",
        required=True,
        allowed=("e1000", "ne2k_isa", "ne2k_pci", "paravirtual", "rtl8139"),
    ),
    Param("pae", ValueType.BOOL, True, "Allow more than 4 GiB of memory on 32 bits"),
    Param("pci_pass", ValueType.STRING, "", "PCI devices handed to the guest"),
    Param(
        "reboot_behavior",
        ValueType.STRING,
        "reboot",
        "What follows when the guest reboots itself",
        required=True,
        allowed=REBOOT_BEHAVIORS,
    ),
    Param("soundhw", ValueType.STRING, "", "Sound card"),
    Param("use_localtime", ValueType.BOOL, False, "Keep the clock in local time"),
    Param("vif_script", ValueType.STRING, "", "Script that connects network interfaces", check=c.a_path),
    Param("vif_type", ValueType.STRING, "ioemu", "Kind of the network backend", allowed=("ioemu", "vif")),
    Param("viridian", ValueType.BOOL, False, "Show the interface guests from Microsoft expect"),
    Param("vnc_bind_address", ValueType.STRING, "0.0.0.0", "Address VNC listens on", check=c.an_address),
    Param(
        "vnc_password_file",
        ValueType.STRING,
        "/etc/ganeti/vnc-cluster-password",
        "File with the VNC password",
        required=True,
        check=c.a_path,
    ),
)
