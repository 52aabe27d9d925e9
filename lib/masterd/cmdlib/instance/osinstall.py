"""Checks and runs the scripts of an instance's operating system on its primary node."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.params.fill import fill_instance, fill_osparams
from ganeti.model.scalars import InstanceName, OsName
from ganeti.rpc import procedures as p

#: what `os_validate` is asked to check
CHECK_PARAMETERS = "parameters"


def visible_parameters(
    config: Config, os: OsName, own: Mapping[str, object], private: Mapping[str, object], secret: Mapping[str, object]
) -> dict[str, object]:
    """Return all that the scripts see: parameters of cluster and instance, the private and the secret ones."""
    return {
        **fill_osparams(config.cluster, os, own),
        **fill_osparams(config.cluster, os, private, private=True),
        **secret,
    }


async def validate(
    services: Services,
    config: Config,
    os: OsName,
    node: Node,
    parameters: Mapping[str, object],
    *,
    required: bool,
    force_variant: bool,
) -> None:
    """Check with the definition on `node` that the OS can be installed with these parameters.

    Raises OpPrereqError with what its verify script said.
    """
    texts = {name: str(value) for name, value in parameters.items()}
    answer = await services.rpc.call(node, p.os_validate, required, os, [CHECK_PARAMETERS], texts, force_variant)
    try:
        answer.unwrap(f"use OS {os}")
    except errors.GenericError as err:
        raise errors.OpPrereqError(str(err), ECode.ENVIRON) from err


async def run_create(
    services: Services,
    config: Config,
    instance: Instance,
    node: Node,
    secret: Mapping[str, object],
    *,
    reinstall: bool = False,
    debug: int = 0,
) -> None:
    """Run the create script; the disks are assembled.

    Raises OpExecError with the end of the script's output.
    """
    parameters = visible_parameters(
        config, instance.os or OsName(""), instance.osparams, instance.osparams_private, secret
    )
    filled = fill_instance(config, instance, osparams=parameters)
    answer = await services.rpc.call(node, p.instance_os_add, filled, reinstall, debug)
    answer.unwrap(f"install {instance.os} on instance {instance.name}")


async def run_rename(
    services: Services, config: Config, instance: Instance, node: Node, old_name: InstanceName, debug: int = 0
) -> None:
    """Run the rename script; the instance carries its new name already.

    Raises OpExecError with the end of the script's output.
    """
    answer = await services.rpc.call(node, p.instance_run_rename, fill_instance(config, instance), old_name, debug)
    answer.unwrap(f"run the rename script of instance {instance.name}")
