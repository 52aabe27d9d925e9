"""A client of the remote API, for programs.

    from ganeti.rapi import client

    cluster = client.GanetiRapiClient("cluster.example.com", username="jack", password="secret",
                                      verify="/etc/ganeti/rapi.pem")
    job_id = cluster.StartupInstance("web1.example.com")
    cluster.WaitForJobResult(job_id)

There is a method for every resource; those that change something answer the id of a
job.  What goes wrong raises GanetiApiError, whose `code` is the HTTP status.

Stands alone: `client*.py` need pycurl and the standard library.  A client is for one
thread at a time; it keeps its connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

from ganeti.rapi.client_calls import Document, body_of, comma
from ganeti.rapi.client_events import Event, EventStream
from ganeti.rapi.client_groups import GroupCalls, NetworkCalls
from ganeti.rapi.client_http import (
    PORT,
    Access,
    CertificateError,
    ClientError,
    CurlConfig,
    Error,
    GanetiApiError,
    GenericCurlConfig,
    Http,
    JobError,
    path_of,
)
from ganeti.rapi.client_instances import InstanceAllocation, InstanceCalls
from ganeti.rapi.client_jobs import (
    JOB_STATUS_ALL,
    JOB_STATUS_CANCELED,
    JOB_STATUS_CANCELING,
    JOB_STATUS_ERROR,
    JOB_STATUS_FINALIZED,
    JOB_STATUS_PENDING,
    JOB_STATUS_QUEUED,
    JOB_STATUS_RUNNING,
    JOB_STATUS_SUCCESS,
    JOB_STATUS_WAITING,
    JobCalls,
)
from ganeti.rapi.client_nodes import NodeCalls

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "GANETI_RAPI_PORT",
    "JOB_STATUS_ALL",
    "JOB_STATUS_CANCELED",
    "JOB_STATUS_CANCELING",
    "JOB_STATUS_ERROR",
    "JOB_STATUS_FINALIZED",
    "JOB_STATUS_PENDING",
    "JOB_STATUS_QUEUED",
    "JOB_STATUS_RUNNING",
    "JOB_STATUS_SUCCESS",
    "JOB_STATUS_WAITING",
    "NODE_EVAC_ALL",
    "NODE_EVAC_PRI",
    "NODE_EVAC_SEC",
    "NODE_ROLE_DRAINED",
    "NODE_ROLE_MASTER",
    "NODE_ROLE_MASTER_CANDIDATE",
    "NODE_ROLE_OFFLINE",
    "NODE_ROLE_REGULAR",
    "REPLACE_DISK_AUTO",
    "REPLACE_DISK_CHG",
    "REPLACE_DISK_PRI",
    "REPLACE_DISK_SECONDARY",
    "CertificateError",
    "ClientError",
    "Error",
    "Event",
    "GanetiApiError",
    "GanetiRapiClient",
    "GenericCurlConfig",
    "InstanceAllocation",
    "JobError",
    "UsesRapiClient",
]

GANETI_RAPI_PORT = PORT

NODE_ROLE_DRAINED = "drained"
NODE_ROLE_MASTER_CANDIDATE = "master-candidate"
NODE_ROLE_MASTER = "master"
NODE_ROLE_OFFLINE = "offline"
NODE_ROLE_REGULAR = "regular"

NODE_EVAC_PRI = "primary-only"
NODE_EVAC_SEC = "secondary-only"
NODE_EVAC_ALL = "all"

REPLACE_DISK_PRI = "replace_on_primary"
REPLACE_DISK_SECONDARY = "replace_on_secondary"
REPLACE_DISK_CHG = "replace_new_secondary"
REPLACE_DISK_AUTO = "replace_auto"


def UsesRapiClient(fn: Callable[P, R]) -> Callable[P, R]:
    """Return a function as it is: programs for Ganeti's client decorate their main one, to prepare curl."""
    return fn


class GanetiRapiClient(InstanceCalls, NodeCalls, GroupCalls, NetworkCalls, JobCalls):
    """A cluster, as it is seen through its remote API.

    Log in with a user and password, or with a token.  `verify` is true to trust the
    certificates the system trusts, the path of a file to trust those in it (such as a
    copy of the cluster's certificate), or false to trust anybody who answers; a
    certificate that bears another name than `host` needs `verify_hostname=False`.
    `curl_config_fn` is called with each pycurl handle and the logger before a request.
    Times are in seconds.
    """

    def __init__(
        self,
        host: str,
        port: int = GANETI_RAPI_PORT,
        username: str | None = None,
        password: str | None = None,
        logger: Any = logging,
        curl_config_fn: CurlConfig | None = None,
        *,
        token: str | None = None,
        verify: bool | str = True,
        verify_hostname: bool = True,
        capath: str | None = None,
        tls: bool = True,
        connect_timeout: float = 30.0,
        timeout: float = 200.0,
    ) -> None:
        access = Access(
            host, port, username, password, token, verify, verify_hostname, capath, tls, connect_timeout, timeout
        )
        self._http = Http(access, logger, curl_config_fn)

    def __enter__(self) -> GanetiRapiClient:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    # --- the server ---

    def GetVersion(self) -> int:
        """Return the version of the interface."""
        version: int = self._get("/version")
        return version

    def GetFeatures(self) -> list[str]:
        """Return what the server can do beyond the first version of the interface."""
        features: list[str] = self._get("/2/features")
        return features

    def GetOpenApi(self) -> Document:
        """Return the description of the interface, an OpenAPI document."""
        document: Document = self._get("/2/openapi.json")
        return document

    def GetMetrics(self) -> str:
        """Return the figures of the cluster, as Prometheus reads them, where the server offers them."""
        return self._http.text("GET", "/metrics")

    def WatchEvents(
        self, kinds: Sequence[str] = (), last_event_id: str | None = None, reconnect: bool = True
    ) -> Iterator[Event]:
        """Yield what happens from now on, or after the event of an id, for ever.

        An event of kind "reset" means that some were missed: look at everything anew.
        With `reconnect` a broken connection is made again after a moment.

        Raises GanetiApiError.
        """
        return EventStream(self._http, kinds, last_event_id).events(self._time if reconnect else None)

    # --- the cluster ---

    def GetOperatingSystems(self) -> list[str]:
        """Return the names of the OS definitions instances can be made with."""
        names: list[str] = self._get("/2/os")
        return names

    def GetInfo(self) -> Document:
        """Return the settings of the cluster."""
        document: Document = self._get("/2/info")
        return document

    def RedistributeConfig(self, *, reason: str | None = None) -> int:
        """Have configuration and other files sent to all nodes anew."""
        return self._job("PUT", "/2/redistribute-config", reason=reason)

    def ModifyCluster(self, *, reason: str | None = None, **kwargs: object) -> int:
        """Change settings of the cluster."""
        return self._job("PUT", "/2/modify", body=kwargs, reason=reason)

    def GetClusterTags(self) -> list[str]:
        """Return the tags of the cluster."""
        return self._tags()

    def AddClusterTags(self, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None) -> int:
        """Add tags to the cluster."""
        return self._add_tags((), tags, dry_run, reason)

    def DeleteClusterTags(self, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None) -> int:
        """Take tags from the cluster."""
        return self._delete_tags((), tags, dry_run, reason)

    # --- queries ---

    def Query(self, what: str, fields: Sequence[str], qfilter: Sequence[object] | None = None) -> Document:
        """Answer {"fields": descriptions, "data": [[[status, value], ...], ...]} of a resource."""
        body = body_of(fields=list(fields), qfilter=qfilter)
        answer: Document = self._http.request("PUT", path_of("query", what), None, body)
        return answer

    def QueryFields(self, what: str, fields: Sequence[str] | None = None) -> Document:
        """Describe fields of a resource, or all of them."""
        answer: Document = self._get(path_of("query", what, "fields"), fields=comma(fields) if fields else None)
        return answer

    # --- filters of the job queue ---

    def GetFilters(self, bulk: bool = False) -> list[Any]:
        """Return the uuids of all filters of the job queue, or with `bulk` what is known of each."""
        return self._list("/2/filters", "uuid", bulk)

    def GetFilter(self, filter_uuid: str) -> Document:
        """Return what is known of a filter."""
        document: Document = self._get(path_of("filters", filter_uuid))
        return document

    def AddFilter(
        self, priority: int, predicates: Sequence[object], action: object, reason_trail: object = None
    ) -> str:
        """Add a filter to the job queue; return its uuid."""
        body = _filter(priority, predicates, action, reason_trail)
        uuid: str = self._http.request("POST", "/2/filters", None, body)
        return uuid

    def ReplaceFilter(
        self,
        uuid: str,
        priority: int,
        predicates: Sequence[object],
        action: object,
        reason_trail: object = None,
    ) -> str:
        """Put another filter in the place of one; return its uuid."""
        body = _filter(priority, predicates, action, reason_trail)
        answer: str = self._http.request("PUT", path_of("filters", uuid), None, body)
        return answer

    def DeleteFilter(self, uuid: str) -> None:
        """Remove a filter from the job queue."""
        self._http.request("DELETE", path_of("filters", uuid))


def _filter(priority: int, predicates: Sequence[object], action: object, reason: object) -> Document:
    return body_of(priority=priority, predicates=list(predicates), action=action, reason=reason)
