"""RAPI client: instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.rapi.client_calls import Calls, Document, body_of
from ganeti.rapi.client_http import joined, path_of

#: version of the request that creates an instance
_CREATE_VERSION = 1


class InstanceCalls(Calls):
    """Methods about instances; those that change something answer the id of a job.

    `reason` is noted in the trail of the job; `dry_run` only checks; further keywords
    are parameters of the opcode (doc/reference/opcodes).
    """

    def GetInstances(self, bulk: bool = False) -> list[Any]:
        """Return the names of all instances, or with `bulk` all that is known of each."""
        return self._list("/2/instances", "id", bulk)

    def GetInstance(self, instance: str) -> Document:
        """Return what is known of an instance."""
        document: Document = self._get(path_of("instances", instance))
        return document

    def GetInstanceInfo(self, instance: str, static: bool | None = None, *, reason: str | None = None) -> int:
        """Have an instance described in full; with `static` its nodes are not asked."""
        return self._job("GET", path_of("instances", instance, "info"), static=static, reason=reason)

    def CreateInstance(
        self,
        mode: str,
        name: str,
        disk_template: str,
        disks: Sequence[Mapping[str, object]],
        nics: Sequence[Mapping[str, object]],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Create an instance: `mode` is create, import or remote-import; disks have a size in MiB.

        Much used keywords: os, pnode, snode, iallocator, hypervisor, hvparams, beparams,
        osparams, start, ip_check, name_check, tags.
        """
        fixed = {
            "__version__": _CREATE_VERSION,
            "mode": mode,
            "name": name,
            "disk_template": disk_template,
            "disks": list(disks),
            "nics": list(nics),
        }
        body = joined(fixed, kwargs)
        return self._job("POST", "/2/instances", body=body, dry_run=dry_run, reason=reason)

    def InstancesMultiAlloc(
        self,
        instances: Sequence[Mapping[str, object]],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Create several instances (see InstanceAllocation), placed together by the allocator."""
        body = joined({"instances": list(instances)}, kwargs)
        return self._job("POST", "/2/instances-multi-alloc", body=body, dry_run=dry_run, reason=reason)

    def DeleteInstance(
        self, instance: str, dry_run: bool = False, *, reason: str | None = None, **kwargs: object
    ) -> int:
        """Remove an instance and its disks."""
        path = path_of("instances", instance)
        return self._job("DELETE", path, body=kwargs or None, dry_run=dry_run, reason=reason)

    def ModifyInstance(self, instance: str, *, reason: str | None = None, **kwargs: object) -> int:
        """Change parameters of an instance."""
        return self._job("PUT", path_of("instances", instance, "modify"), body=kwargs, reason=reason)

    # --- disks ---

    def ActivateInstanceDisks(
        self, instance: str, ignore_size: bool | None = None, *, reason: str | None = None
    ) -> int:
        """Make the disks of an instance usable on its nodes."""
        path = path_of("instances", instance, "activate-disks")
        return self._job("PUT", path, ignore_size=ignore_size, reason=reason)

    def DeactivateInstanceDisks(self, instance: str, *, force: bool | None = None, reason: str | None = None) -> int:
        """Shut down the disks of an instance that does not run."""
        return self._job("PUT", path_of("instances", instance, "deactivate-disks"), force=force, reason=reason)

    def RecreateInstanceDisks(
        self,
        instance: str,
        disks: Sequence[object] | None = None,
        nodes: Sequence[str] | None = None,
        *,
        iallocator: str | None = None,
        reason: str | None = None,
    ) -> int:
        """Make the disks of an instance anew, empty; on other nodes if some are named."""
        body = body_of(disks=disks, nodes=nodes, iallocator=iallocator)
        return self._job("POST", path_of("instances", instance, "recreate-disks"), body=body, reason=reason)

    def GrowInstanceDisk(
        self,
        instance: str,
        disk: int,
        amount: int,
        wait_for_sync: bool | None = None,
        *,
        absolute: bool | None = None,
        reason: str | None = None,
    ) -> int:
        """Grow a disk by MiB, or with `absolute` to that size."""
        body = body_of(amount=amount, wait_for_sync=wait_for_sync, absolute=absolute)
        return self._job("POST", path_of("instances", instance, "disk", disk, "grow"), body=body, reason=reason)

    def ReplaceInstanceDisks(
        self,
        instance: str,
        disks: Sequence[int] | None = None,
        mode: str = "replace_auto",
        remote_node: str | None = None,
        iallocator: str | None = None,
        *,
        early_release: bool | None = None,
        reason: str | None = None,
    ) -> int:
        """Replace mirrored disks: `mode` is replace_on_primary, _on_secondary, _new_secondary or _auto."""
        body = body_of(
            mode=mode, disks=disks, remote_node=remote_node, iallocator=iallocator, early_release=early_release
        )
        return self._job("POST", path_of("instances", instance, "replace-disks"), body=body, reason=reason)

    # --- tags ---

    def GetInstanceTags(self, instance: str) -> list[str]:
        """Return the tags of an instance."""
        return self._tags("instances", instance)

    def AddInstanceTags(
        self, instance: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Add tags to an instance."""
        return self._add_tags(("instances", instance), tags, dry_run, reason)

    def DeleteInstanceTags(
        self, instance: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Take tags from an instance."""
        return self._delete_tags(("instances", instance), tags, dry_run, reason)

    # --- life ---

    def RebootInstance(
        self,
        instance: str,
        reboot_type: str | None = None,
        ignore_secondaries: bool | None = None,
        dry_run: bool = False,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Reboot an instance: `reboot_type` is soft, hard or full."""
        return self._job(
            "POST",
            path_of("instances", instance, "reboot"),
            body=kwargs or None,
            type=reboot_type,
            ignore_secondaries=ignore_secondaries,
            dry_run=dry_run,
            reason=reason,
        )

    def ShutdownInstance(
        self,
        instance: str,
        dry_run: bool = False,
        no_remember: bool | None = None,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Shut an instance down; with `no_remember` it is still meant to run."""
        path = path_of("instances", instance, "shutdown")
        return self._job("PUT", path, body=kwargs or None, no_remember=no_remember, dry_run=dry_run, reason=reason)

    def StartupInstance(
        self,
        instance: str,
        dry_run: bool = False,
        no_remember: bool | None = None,
        reason: str | None = None,
        *,
        force: bool | None = None,
    ) -> int:
        """Start an instance; with `no_remember` it is still meant to be down."""
        path = path_of("instances", instance, "startup")
        return self._job("PUT", path, no_remember=no_remember, force=force, dry_run=dry_run, reason=reason)

    def ReinstallInstance(
        self,
        instance: str,
        os: str | None = None,
        no_startup: bool = False,
        osparams: Mapping[str, object] | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Shut an instance down, install its OS or another anew, and start it unless told not to."""
        body = {"os": os, "start": not no_startup, "osparams": osparams}
        return self._job("POST", path_of("instances", instance, "reinstall"), body=body, reason=reason)

    def RenameInstance(
        self,
        instance: str,
        new_name: str,
        ip_check: bool | None = None,
        name_check: bool | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Give an instance that is down another name."""
        body = body_of(new_name=new_name, ip_check=ip_check, name_check=name_check)
        return self._job("PUT", path_of("instances", instance, "rename"), body=body, reason=reason)

    # --- moving ---

    def MigrateInstance(
        self,
        instance: str,
        mode: str | None = None,
        cleanup: bool | None = None,
        target_node: str | None = None,
        *,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Move a running instance: `mode` is live or non-live."""
        body = joined(body_of(mode=mode, cleanup=cleanup, target_node=target_node), kwargs)
        return self._job("PUT", path_of("instances", instance, "migrate"), body=body, reason=reason)

    def FailoverInstance(
        self,
        instance: str,
        iallocator: str | None = None,
        ignore_consistency: bool | None = None,
        target_node: str | None = None,
        *,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Stop an instance and start it on another node."""
        fixed = body_of(iallocator=iallocator, ignore_consistency=ignore_consistency, target_node=target_node)
        path = path_of("instances", instance, "failover")
        return self._job("PUT", path, body=joined(fixed, kwargs), reason=reason)

    def PrepareExport(self, instance: str, mode: str, *, reason: str | None = None) -> int:
        """Prepare the export of an instance: `mode` is local or remote."""
        return self._job("PUT", path_of("instances", instance, "prepare-export"), mode=mode, reason=reason)

    def ExportInstance(
        self,
        instance: str,
        mode: str,
        destination: object,
        shutdown: bool | None = None,
        remove_instance: bool | None = None,
        x509_key_name: Sequence[object] | None = None,
        destination_x509_ca: str | None = None,
        compress: str | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Export an instance to a node, or with mode remote to another cluster."""
        body = body_of(
            mode=mode,
            destination=destination,
            shutdown=shutdown,
            remove_instance=remove_instance,
            x509_key_name=x509_key_name,
            destination_x509_ca=destination_x509_ca,
            compress=compress,
        )
        return self._job("PUT", path_of("instances", instance, "export"), body=body, reason=reason)

    def GetInstanceConsole(self, instance: str) -> Document:
        """Return how to reach the console of an instance that runs."""
        document: Document = self._get(path_of("instances", instance, "console"))
        return document


def InstanceAllocation(
    mode: str,
    name: str,
    disk_template: str,
    disks: Sequence[Mapping[str, object]],
    nics: Sequence[Mapping[str, object]],
    **kwargs: object,
) -> Document:
    """Return one of the instances that InstancesMultiAlloc creates; arguments as those of CreateInstance."""
    fixed = {
        "mode": mode,
        "name": name,
        "disk_template": disk_template,
        "disks": list(disks),
        "nics": list(nics),
    }
    return joined(fixed, kwargs)
