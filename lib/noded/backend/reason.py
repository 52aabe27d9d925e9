"""Why an instance last changed state, kept on the node that changed it."""

from __future__ import annotations

import os

from ganeti.model.scalars import InstanceName
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import ReasonTrail
from ganeti.utils import files, json

SOURCE = "gnt:daemon:noded"


def record(node: NodeContext, name: InstanceName, act: str, trail: ReasonTrail) -> None:
    """Store the trail of an act, with this node as its last station."""
    stamp = int(node.clock.time() * 1_000_000_000)
    whole = [*(list(entry) for entry in trail), [SOURCE, f"instance_{act}", stamp]]
    directory = node.paths.instance_reason_dir
    files.ensure_dir(directory, 0o755)
    files.write_file(os.path.join(directory, name), json.dumps(whole), durable=False)
