"""Checks the parameters in a configuration.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.be import check_beparams, check_filled_beparams
from ganeti.model.params.disk import check_diskparams
from ganeti.model.params.fill import fill_beparams, fill_cluster_hvparams, fill_ipolicy, fill_nicparams
from ganeti.model.params.hv import check_filled_hvparams, check_hvparams
from ganeti.model.params.ipolicy import check_ipolicy
from ganeti.model.params.nd import check_ndparams
from ganeti.model.params.nic import check_filled_nicparams, check_nicparams

P = ParamSpec("P")


def problems_of_params(config: Config) -> Iterator[str]:
    """Yield what is wrong with parameters, those of the cluster first."""
    yield from _of_cluster(config.cluster)
    for group in config.groups.values():
        yield from _of_group(config.cluster, group)
    for node in config.nodes.values():
        yield from _try(f"node {node.name}", check_ndparams, node.ndparams)
    for instance in config.instances.values():
        yield from _of_instance(config.cluster, instance)


def _of_cluster(cluster: Cluster) -> Iterator[str]:
    for hv in cluster.enabled_hypervisors:
        yield from _try(f"cluster, {hv}", check_filled_hvparams, hv, fill_cluster_hvparams(cluster, hv))
    for os, by_hv in cluster.os_hvp.items():
        for hv, own in by_hv.items():
            yield from _try(f"OS {os}, {hv}", check_hvparams, hv, own)
    yield from _beparams("cluster", fill_beparams(cluster))
    nicparams = fill_nicparams(cluster)
    yield from list(_try("cluster", check_nicparams, nicparams)) or _try("cluster", check_filled_nicparams, nicparams)
    yield from _try("cluster", check_ndparams, cluster.ndparams)
    yield from _try("cluster", check_diskparams, cluster.diskparams)
    yield from _try("cluster", check_ipolicy, fill_ipolicy(cluster), complete=True)


def _of_group(cluster: Cluster, group: NodeGroup) -> Iterator[str]:
    where = f"node group {group.name}"
    yield from _try(where, check_ndparams, group.ndparams)
    yield from _try(where, check_diskparams, group.diskparams)
    yield from _try(where, check_ipolicy, fill_ipolicy(cluster, group), complete=True)


def _of_instance(cluster: Cluster, instance: Instance) -> Iterator[str]:
    where = f"instance {instance.name}"
    yield from _try(where, check_hvparams, instance.hypervisor, instance.hvparams)
    yield from _beparams(where, fill_beparams(cluster, instance.beparams))
    for index, nic in enumerate(instance.nics):
        yield from _try(f"{where}, nic/{index}", check_nicparams, nic.nicparams)


def _beparams(where: str, filled: dict[str, object]) -> Iterator[str]:
    yield from list(_try(where, check_beparams, filled)) or _try(where, check_filled_beparams, filled)


def _try(where: str, check: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Iterator[str]:
    try:
        check(*args, **kwargs)
    except errors.UserError as err:
        yield f"{where}: {err}"
