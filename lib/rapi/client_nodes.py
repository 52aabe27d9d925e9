"""RAPI client: nodes and their storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.rapi.client_calls import Calls, Document, body_of, comma
from ganeti.rapi.client_http import path_of


class NodeCalls(Calls):
    """Methods about nodes; those that change something answer the id of a job."""

    def GetNodes(self, bulk: bool = False) -> list[Any]:
        """Return the names of all nodes, or with `bulk` all that is known of each."""
        return self._list("/2/nodes", "id", bulk)

    def GetNode(self, node: str) -> Document:
        """Return what is known of a node."""
        document: Document = self._get(path_of("nodes", node))
        return document

    def EvacuateNode(
        self,
        node: str,
        iallocator: str | None = None,
        remote_node: str | None = None,
        dry_run: bool = False,
        early_release: bool | None = None,
        mode: str | None = None,
        accept_old: bool = False,
        *,
        reason: str | None = None,
    ) -> int:
        """Move instances off a node: `mode` is primary-only, secondary-only or all.

        The result of the job is the jobs it submitted.
        """
        body = body_of(iallocator=iallocator, remote_node=remote_node, early_release=early_release, mode=mode)
        return self._job("POST", path_of("nodes", node, "evacuate"), body=body, dry_run=dry_run, reason=reason)

    def MigrateNode(
        self,
        node: str,
        mode: str | None = None,
        dry_run: bool = False,
        iallocator: str | None = None,
        target_node: str | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Migrate all primary instances off a node: `mode` is live or non-live."""
        body = body_of(mode=mode, iallocator=iallocator, target_node=target_node)
        return self._job("POST", path_of("nodes", node, "migrate"), body=body, dry_run=dry_run, reason=reason)

    def GetNodeRole(self, node: str) -> str:
        """Return the role: master, master-candidate, drained, offline or regular."""
        role: str = self._get(path_of("nodes", node, "role"))
        return role

    def SetNodeRole(
        self,
        node: str,
        role: str,
        force: bool = False,
        auto_promote: bool | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Give a node the role master-candidate, drained, offline or regular."""
        path = path_of("nodes", node, "role")
        return self._job("PUT", path, body=role, force=force, auto_promote=auto_promote, reason=reason)

    def PowercycleNode(self, node: str, force: bool = False, *, reason: str | None = None) -> int:
        """Reset a node the hard way."""
        return self._job("POST", path_of("nodes", node, "powercycle"), force=force, reason=reason)

    def ModifyNode(self, node: str, *, reason: str | None = None, **kwargs: object) -> int:
        """Change parameters of a node."""
        return self._job("POST", path_of("nodes", node, "modify"), body=kwargs, reason=reason)

    # --- storage ---

    def GetNodeStorageUnits(
        self, node: str, storage_type: str, output_fields: Sequence[str] | str, *, reason: str | None = None
    ) -> int:
        """Have the storage units of a node listed."""
        path = path_of("nodes", node, "storage")
        return self._job("GET", path, storage_type=storage_type, output_fields=comma(output_fields), reason=reason)

    def ModifyNodeStorageUnits(
        self,
        node: str,
        storage_type: str,
        name: str,
        allocatable: bool | None = None,
        *,
        reason: str | None = None,
    ) -> int:
        """Allow or forbid to place disks on a storage unit."""
        path = path_of("nodes", node, "storage", "modify")
        return self._job("PUT", path, storage_type=storage_type, name=name, allocatable=allocatable, reason=reason)

    def RepairNodeStorageUnits(self, node: str, storage_type: str, name: str, *, reason: str | None = None) -> int:
        """Repair a storage unit."""
        path = path_of("nodes", node, "storage", "repair")
        return self._job("PUT", path, storage_type=storage_type, name=name, reason=reason)

    # --- tags ---

    def GetNodeTags(self, node: str) -> list[str]:
        """Return the tags of a node."""
        return self._tags("nodes", node)

    def AddNodeTags(self, node: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None) -> int:
        """Add tags to a node."""
        return self._add_tags(("nodes", node), tags, dry_run, reason)

    def DeleteNodeTags(
        self, node: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Take tags from a node."""
        return self._delete_tags(("nodes", node), tags, dry_run, reason)
