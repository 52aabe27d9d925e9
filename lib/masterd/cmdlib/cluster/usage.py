"""Whether instances allow a change of the cluster's settings.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.cluster.verify_instances import policy_violations
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, NicMode
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.instance import Instance
from ganeti.model.params import be
from ganeti.model.params.fill import fill_beparams, fill_hvparams, fill_nicparams
from ganeti.model.params.hv import check_filled_hvparams
from ganeti.model.params.nic import check_filled_nicparams
from ganeti.utils.text import natural_sort

#: how many instances a message names
SHOWN = 5

#: templates whose drivers this version has
SUPPORTED_TEMPLATES = frozenset({DiskTemplate.DISKLESS, DiskTemplate.FILE, DiskTemplate.SHAREDFILE})


def check_usage(config: Config, new: Cluster) -> None:
    """Refuse to switch off what instances use, and templates that have no driver.

    Raises OpPrereqError naming the instances.
    """
    old = config.cluster
    without_driver = set(new.enabled_disk_templates) - set(old.enabled_disk_templates) - SUPPORTED_TEMPLATES
    if without_driver:
        raise errors.OpPrereqError(
            f"cannot enable disk template {', '.join(sorted(without_driver))}: not supported by this version",
            ECode.INVAL,
        )
    gone = set(old.enabled_hypervisors) - set(new.enabled_hypervisors)
    users = [i.name for i in config.instances.values() if i.hypervisor in gone] if gone else []
    _refuse_in_use(f"disable hypervisor {', '.join(sorted(gone))}", users)
    templates = set(old.enabled_disk_templates) - set(new.enabled_disk_templates)
    if templates:
        users = [i.name for i in config.instances.values() if _templates(config, i) & templates]
        _refuse_in_use(f"disable disk template {', '.join(sorted(templates))}", users)


def check_instances(config: Config, new: Cluster) -> None:
    """Check that the parameters of all instances still fit together.

    Raises ParameterError naming instance and parameter.
    """
    old = config.cluster
    for instance in config.instances.values():
        where = f"instance {instance.name}"
        if new.hvparams != old.hvparams or new.os_hvp != old.os_hvp:
            filled = fill_hvparams(new, instance.hypervisor, instance.os, instance.hvparams)
            check_filled_hvparams(instance.hypervisor, filled, f"{where}: hvparams")
        if new.beparams != old.beparams:
            be.check_filled_beparams(fill_beparams(new, instance.beparams), f"{where}: beparams")
        if new.nicparams != old.nicparams:
            for index, nic in enumerate(instance.nics):
                filled_nic = fill_nicparams(new, nic.nicparams, nic.network)
                check_filled_nicparams(filled_nic, f"{where}: nic/{index}")
                if filled_nic["mode"] == NicMode.ROUTED and not nic.ip:
                    raise errors.ParameterError(f"{where}: nic/{index}: mode routed needs an address")


def new_violations(before: Config, after: Config) -> list[str]:
    """Return the instances that fitted their policy before a change and do not after it."""
    return natural_sort(
        instance.name
        for instance in before.instances.values()
        if policy_violations(after, instance) and not policy_violations(before, instance)
    )


def named(instances: Iterable[str]) -> str:
    """Return the names of a few instances, and how many more there are."""
    names = natural_sort(instances)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _templates(config: Config, instance: Instance) -> set[DiskTemplate]:
    return {disk.dev_type for disk in config.disks_of(instance)} or {DiskTemplate.DISKLESS}


def _refuse_in_use(act: str, users: Sequence[str]) -> None:
    if users:
        raise errors.OpPrereqError(f"cannot {act}: used by {named(users)}", ECode.STATE)
