"""Runs the scripts of OS definitions for an instance: create, rename, import, export.

What a script writes goes to a log of its own on this node
(ACTION-OS-INSTANCE-TIMESTAMP.log); when it fails the end of that log is in the error.
Environment and meaning of exit codes: `spec/os_api.json`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import NamedTuple

from ganeti import errors
from ganeti.model.enums import DiskTemplate, NicMode
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.network import Network
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName
from ganeti.noded.backend import os_definitions
from ganeti.noded.backend.os_definitions import API_WITH_VARIANTS, Chosen
from ganeti.noded.context import NodeContext
from ganeti.utils import files, process
from ganeti.utils.text import printable

_TAIL_LINES = 20
_TAIL_BYTES = 8192
_LOG_LIMIT = 64 * 1024 * 1024
_FILE_TEMPLATES = (DiskTemplate.FILE, DiskTemplate.SHAREDFILE, DiskTemplate.GLUSTER)
_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9_.+@-]")

#: seconds a script may take: as long as the call
_TIME_LIMIT = 86400.0


class DiskScript(NamedTuple):
    """A script whose standard input or output is the content of one disk, ready to be started."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str


class OsScripts:
    """Calls that run scripts for an instance."""

    def __init__(self, node: NodeContext, time_limit: float = _TIME_LIMIT) -> None:
        self._node = node
        self._time_limit = time_limit

    def instance_os_add(self, instance: FilledInstance, reinstall: bool, debug: int) -> None:
        """Run the create script; the disks are assembled."""
        chosen = self._chosen(instance)
        action = "create" if chosen.definition.trusted else "create_untrusted"
        if action == "create_untrusted":
            raise errors.OpExecError(
                f"cannot create instance {instance.name}: OS {chosen.definition.name} has only an untrusted create "
                f"script, which must run inside a helper instance"
            )
        extra = {"INSTANCE_REINSTALL": "1"} if reinstall else {}
        self._run("create", "add" if not reinstall else "reinstall", instance, chosen, debug, extra)

    def instance_run_rename(self, instance: FilledInstance, old_name: InstanceName, debug: int) -> None:
        """Run the rename script; the instance carries its new name."""
        chosen = self._chosen(instance)
        self._run("rename", f"rename-{old_name}", instance, chosen, debug, {"OLD_INSTANCE_NAME": old_name})

    def import_script(self, instance: FilledInstance, index: int, debug: int) -> DiskScript:
        """Return the script that fills disk `index` from its standard input."""
        path = self._disk_path(instance, index)
        extra = {"IMPORT_DEVICE": path, "IMPORT_DISK_PATH": path, "IMPORT_INDEX": str(index)}
        return self._disk_script("import", instance, debug, extra)

    def export_script(self, instance: FilledInstance, index: int, debug: int) -> DiskScript:
        """Return the script that writes the content of disk `index` to its standard output."""
        path = self._disk_path(instance, index)
        extra = {"EXPORT_DEVICE": path, "EXPORT_DISK_PATH": path, "EXPORT_INDEX": str(index)}
        return self._disk_script("export", instance, debug, extra)

    def environment(self, instance: FilledInstance, chosen: Chosen, debug: int) -> dict[str, str]:
        """Return the whole environment of a script for an instance."""
        osparams = {**instance.osparams, **instance.osparams_private}
        env = os_definitions.core_environment(chosen, osparams, debug)
        env.update(self._node.paths.environ)
        env.update(_instance_variables(instance))
        env.update(self._disk_variables(instance))
        for index, nic in enumerate(instance.nics):
            env.update(_nic_variables(index, nic, instance.hvparams))
        if chosen.definition.api_version >= API_WITH_VARIANTS:
            env["INSTANCE_HYPERVISOR"] = instance.hypervisor.value
        for kind, parameters in (("BE", instance.beparams), ("HV", instance.hvparams)):
            env.update({f"INSTANCE_{kind}_{name}": _text(value) for name, value in parameters.items()})
        return env

    # --- running ---------------------------------------------------------------

    def _chosen(self, instance: FilledInstance) -> Chosen:
        if not instance.os:
            raise errors.OpExecError(f"cannot run an OS script for instance {instance.name}: it has no OS")
        return os_definitions.choose(instance.os, self._node.paths.os_search_path)

    def _run(
        self,
        script: str,
        action: str,
        instance: FilledInstance,
        chosen: Chosen,
        debug: int,
        extra: Mapping[str, str],
    ) -> None:
        program = chosen.definition.script(script)
        log_file = self._log_file(action, instance)
        result = process.run(
            [program],
            env={**self.environment(instance, chosen, debug), **extra},
            cwd=chosen.definition.path,
            output_file=log_file,
            reset_env=True,
            timeout=self._time_limit,
        )
        if result.failed:
            raise errors.OpExecError(
                f"cannot {script} instance {instance.name} with OS {instance.os}: its {script} script {result.reason}, "
                f"last lines of {log_file}:\n{_tail(log_file)}"
            )

    def _disk_script(self, action: str, instance: FilledInstance, debug: int, extra: Mapping[str, str]) -> DiskScript:
        chosen = self._chosen(instance)
        env = {**self.environment(instance, chosen, debug), **extra}
        return DiskScript((chosen.definition.script(action),), env, chosen.definition.path)

    def _log_file(self, action: str, instance: FilledInstance) -> str:
        directory = self._node.paths.os_log_dir
        files.ensure_dir(directory, 0o750)
        when = time.strftime("%Y-%m-%d_%H_%M_%S", time.localtime(self._node.clock.time()))
        base = _NOT_IN_FILE_NAMES.sub("_", f"{action}-{instance.os}-{instance.name}-{when}")
        # two runs in one second keep a log each
        names = (f"{base}{'' if n == 0 else f'.{n}'}.log" for n in range(100))
        return next(p for name in names if not os.path.exists(p := os.path.join(directory, name)))

    # --- disks -----------------------------------------------------------------

    def _disk_path(self, instance: FilledInstance, index: int) -> str:
        if not 0 <= index < len(instance.disks_info):
            raise errors.ParameterError(f"cannot use disk {index} of instance {instance.name}: it has no such disk")
        device = self._node.device(instance.disks_info[index])
        if not device.exists():
            raise errors.BlockDeviceError(f"cannot use {device} of instance {instance.name}: {device.dev_path} is gone")
        return device.dev_path

    def _disk_variables(self, instance: FilledInstance) -> dict[str, str]:
        env = {"DISK_COUNT": str(len(instance.disks_info))}
        frontend = instance.hvparams.get("disk_type")
        for index, disk in enumerate(instance.disks_info):
            device = self._node.device(disk)
            env[f"DISK_{index}_PATH"] = self._disk_path(instance, index)
            env[f"DISK_{index}_ACCESS"] = disk.mode.value
            env[f"DISK_{index}_SIZE"] = str(disk.size)
            env[f"DISK_{index}_NAME"] = disk.name or ""
            env[f"DISK_{index}_UUID"] = disk.uuid or ""
            env[f"DISK_{index}_URI"] = device.userspace_uri() or ""
            if frontend is not None:
                env[f"DISK_{index}_FRONTEND_TYPE"] = _text(frontend)
            on_files = disk.dev_type in _FILE_TEMPLATES
            env[f"DISK_{index}_BACKEND_TYPE"] = f"file:{disk.logical_id[0]}" if on_files else "block"
        return env


def _instance_variables(instance: FilledInstance) -> dict[str, str]:
    return {
        "INSTANCE_NAME": instance.name,
        "INSTANCE_OS": instance.os,
        "INSTANCE_UUID": instance.uuid,
        "INSTANCE_CTIME": _text(instance.ctime),
        "INSTANCE_MTIME": _text(instance.mtime),
        "INSTANCE_PRIMARY_NODE": instance.primary_node,
        "INSTANCE_SECONDARY_NODES": " ".join(instance.secondary_nodes),
        "HYPERVISOR": instance.hypervisor.value,
        "NIC_COUNT": str(len(instance.nics)),
    }


def _nic_variables(index: int, nic: NIC, hvparams: Mapping[str, object]) -> dict[str, str]:
    mode, link = nic.nicparams.get("mode"), nic.nicparams.get("link")
    given = {
        "MAC": nic.mac,
        "IP": nic.ip,
        "MODE": mode,
        "LINK": link or None,
        "BRIDGE": link if mode == NicMode.BRIDGED else None,
        "NAME": nic.name,
        "UUID": nic.uuid,
        "FRONTEND_TYPE": hvparams.get("nic_type"),
    }
    env = {f"NIC_{index}_{name}": _text(value) for name, value in given.items() if value is not None}
    if nic.netinfo is not None:
        env.update({f"NIC_{index}_NETWORK_{name}": value for name, value in _network_variables(nic.netinfo).items()})
    return env


def _network_variables(network: Network) -> dict[str, str]:
    given = {
        "SUBNET": network.network,
        "GATEWAY": network.gateway,
        "SUBNET6": network.network6,
        "GATEWAY6": network.gateway6,
        "MAC_PREFIX": network.mac_prefix,
    }
    env = {"NAME": network.name, "UUID": network.uuid, "TAGS": " ".join(sorted(network.tags))}
    return {**env, **{name: str(value) for name, value in given.items() if value}}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _tail(path: str) -> str:
    """Return the last lines of a log."""
    try:
        content = files.read_file(path, limit=_LOG_LIMIT)[-_TAIL_BYTES:]
    except OSError as err:
        return f"(cannot be read: {err.strerror})"
    return "\n".join(printable(content.decode(errors="replace")).splitlines()[-_TAIL_LINES:]) or "(it wrote nothing)"
