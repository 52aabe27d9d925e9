"""What logical units about nodes have in common: hooks, and questions asked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.base import Params
from ganeti.model.objects.node import Node
from ganeti.model.params.nd import check_ndparams, check_no_globals
from ganeti.model.params.table import merge
from ganeti.model.scalars import NodeName
from ganeti.rpc.result import NodeResult

T = TypeVar("T")


def hook_env(env: Mapping[str, object]) -> dict[str, str]:
    """Return values in the text form hooks know: True, False, None, numbers."""
    return {key: str(value) for key, value in env.items()}


def hooks_on(env: Mapping[str, object], nodes: Iterable[NodeName]) -> HookRun:
    """Describe hooks that run on the same nodes before and after."""
    where = list(dict.fromkeys(nodes))
    return HookRun(hook_env(env), where, where)


def master_hooks(config: Config, env: Mapping[str, object]) -> HookRun:
    """Describe hooks that run on the master, before and after."""
    return hooks_on(env, [config.master.name])


def prerequisite(answer: NodeResult[T], act: str) -> T:
    """Return what a node answered.

    Raises OpPrereqError when it did not, or says no.
    """
    try:
        return answer.unwrap(act)
    except errors.GenericError as err:
        raise errors.OpPrereqError(str(err), ECode.ENVIRON) from err


def merged_ndparams(old: Params, changes: Params) -> dict[str, object]:
    """Return the node parameters of one node after a request.

    Raises ParameterError naming what is wrong.
    """
    check_no_globals(changes)
    return merge(old, check_ndparams(changes, resets=True))


def refuse_unsupported(act: str, given: Mapping[str, object]) -> None:
    """Refuse parameters this version cannot honour instead of dropping them.

    Raises OpPrereqError naming those that are not None.
    """
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise errors.OpPrereqError(f"cannot {act}: {', '.join(named)} not supported by this version", ECode.INVAL)


def single_homed(node: Node) -> bool:
    """Tell whether a node has one address for everything."""
    return node.primary_ip == node.secondary_ip


def chosen_nodes(config: Config, names: Sequence[NodeName]) -> list[Node]:
    """Return the nodes named, or all when none is named."""
    if not names:
        return list(config.nodes.values())
    return [node for name in names if (node := config.node_named(name)) is not None]
