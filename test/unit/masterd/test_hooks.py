"""Hook scripts on the nodes: where they run, what they see, what their failure means."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd.cmdlib.base import FailedHook, HookRun
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.hooks import HookRunner
from ganeti.model.opcodes.instance import OpInstanceStartup
from ganeti.model.opcodes.test import OpTestDummy
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.schema import replace
from ganeti.utils import json
from test.support.node import write_script
from test.support.sim import SimCluster
from test.support.sim_net import State

NODE1, NODE2, NODE3 = (NodeName(f"node{number}.example.com") for number in (1, 2, 3))
OP = OpInstanceStartup(instance_name=InstanceName("web1.example.com"))


class Scene:
    """Three nodes, and the runner on the master."""

    def __init__(self, directory: str) -> None:
        self.cluster = SimCluster(os.path.join(directory, "c"), seed=1)
        self.offline: set[NodeName] = set()
        self.warnings: list[str] = []

    def script(self, node: int, name: str, text: str) -> None:
        """Write a hook script on a node, counted from 1; it can append to `$0.log`."""
        write_script(f"{self.cluster.nodes[node - 1].paths.hooks_dir}/{name}", f"#!/bin/sh\n{text}\n")

    def log(self, node: int, name: str) -> list[str]:
        """Return the lines a script appended."""
        path = f"{self.cluster.nodes[node - 1].paths.hooks_dir}/{name}.log"
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def run(self, act: Callable[[HookRunner, Config], Awaitable[Any]]) -> Any:
        async def work() -> Any:
            config = (await self.cluster.local_node().load_config()).current
            offline = [replace(node, offline=True) for node in config.nodes.values() if node.name in self.offline]
            config = config.changed({"nodes": {node.uuid: node for node in offline}}, config.head)
            return await act(HookRunner(self.cluster.rpc(0, config), "/data"), config)

        return self.cluster.work(work)

    def pre(self, *where: NodeName, **env: str) -> None:
        self.run(lambda hooks, config: hooks.pre(OP, HookRun(env, where, ()), config, self.warnings.append))

    def post(self, *where: NodeName, **env: str) -> Sequence[FailedHook]:
        run = HookRun(env, (), where)
        found: Sequence[FailedHook] = self.run(
            lambda hooks, config: hooks.post(OP, run, run, config, self.warnings.append)
        )
        return found


@pytest.fixture
def scene(sim_directory: str) -> Scene:
    return Scene(sim_directory)


def test_scripts_run_on_the_nodes_named_and_on_no_other(scene: Scene) -> None:
    for node in (1, 2, 3):
        scene.script(node, "instance-start-pre.d/10-note", 'echo ran >> "$0.log"')

    scene.pre(NODE1, NODE3)

    assert [scene.log(node, "instance-start-pre.d/10-note") for node in (1, 2, 3)] == [["ran"], [], ["ran"]]


def test_a_script_sees_the_variables_of_the_specification(scene: Scene) -> None:
    scene.script(2, "instance-start-pre.d/10-note", 'env | grep -v "^[_PS]" >> "$0.log"; echo "PATH=$PATH" >> "$0.log"')

    scene.pre(NODE2, INSTANCE_NAME="web1.example.com")

    seen = dict(line.split("=", 1) for line in scene.log(2, "instance-start-pre.d/10-note"))
    assert {name: seen[name] for name in seen if name not in ("GANETI_ROOTDIR", "GANETI_HOSTNAME")} == {
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
        "GANETI_HOOKS_VERSION": "2",
        "GANETI_HOOKS_PHASE": "pre",
        "GANETI_HOOKS_PATH": "instance-start",
        "GANETI_OP_CODE": "OP_INSTANCE_STARTUP",
        "GANETI_OBJECT_TYPE": "INSTANCE",
        "GANETI_DATA_DIR": "/data",
        "GANETI_CLUSTER": "cluster.example.com",
        "GANETI_MASTER": "node1.example.com",
        "GANETI_INSTANCE_NAME": "web1.example.com",
    }


def test_an_operation_without_object_tells_of_none(scene: Scene) -> None:
    scene.script(1, "config-update-post.d/10-note", 'echo "[${GANETI_OBJECT_TYPE-none}] $GANETI_OP_CODE" >> "$0.log"')

    scene.run(lambda hooks, config: hooks.config_updated(OpTestDummy(result=None), None, config))

    assert scene.log(1, "config-update-post.d/10-note") == ["[none] OP_TEST_DUMMY"]


def test_all_scripts_run_before_a_failed_one_stops_the_operation(scene: Scene) -> None:
    scene.script(1, "instance-start-pre.d/10-no", "echo not today; exit 1")
    scene.script(1, "instance-start-pre.d/20-note", 'echo ran >> "$0.log"')
    scene.script(2, "instance-start-pre.d/10-note", 'echo ran >> "$0.log"')

    with pytest.raises(errors.HooksAbort) as caught:
        scene.pre(NODE1, NODE2)

    assert caught.value.args == ([(NODE1, "instance-start-pre.d/10-no", "not today")],)
    on_the_wire = json.loads(json.dumps(errors.to_wire(caught.value)))
    assert on_the_wire == ["HooksAbort", [[[NODE1, "instance-start-pre.d/10-no", "not today"]]]]
    assert scene.log(1, "instance-start-pre.d/20-note") == scene.log(2, "instance-start-pre.d/10-note") == ["ran"]


def test_a_failed_post_hook_is_a_warning(scene: Scene) -> None:
    scene.script(2, "instance-start-post.d/10-no", "echo too late; exit 1")
    scene.script(2, "instance-start-post.d/20-silent", "exit 1")

    failed = scene.post(NODE1, NODE2)

    assert failed == [
        FailedHook(NODE2, "instance-start-post.d/10-no", "too late"),
        FailedHook(NODE2, "instance-start-post.d/20-silent", ""),
    ]
    assert scene.warnings == [
        "post hook instance-start-post.d/10-no failed on node node2.example.com: too late",
        "post hook instance-start-post.d/20-silent failed on node node2.example.com: no output",
    ]


def test_a_node_that_does_not_answer_is_a_warning(scene: Scene) -> None:
    scene.cluster.network.states[NODE2] = State.NO_DAEMON

    scene.pre(NODE1, NODE2)

    assert len(scene.warnings) == 1
    assert scene.warnings[0].startswith("cannot run pre hooks on node node2.example.com: ")


def test_when_no_node_answers_the_operation_is_stopped(scene: Scene) -> None:
    scene.cluster.network.states[NODE2] = State.NO_DAEMON

    with pytest.raises(errors.HooksFailure, match="cannot run instance-start hooks: no node answered"):
        scene.pre(NODE2)


def test_when_no_node_answers_afterwards_the_operation_stands(scene: Scene) -> None:
    scene.cluster.network.states[NODE2] = State.NO_DAEMON

    assert scene.post(NODE2) == []
    assert len(scene.warnings) == 1


def test_nodes_that_are_offline_or_gone_are_not_asked(scene: Scene) -> None:
    scene.offline = {NODE2}

    scene.pre(NODE2, NodeName("gone.example.com"))

    assert (scene.warnings, scene.cluster.network.sent) == ([], [])


def test_after_the_operation_both_states_are_told(scene: Scene) -> None:
    scene.script(1, "instance-start-post.d/10-note", 'env | grep -o "^GANETI_.*STATUS=.*" | sort >> "$0.log"')
    before, after = HookRun({"STATUS": "down"}, (), (NODE2,)), HookRun({"STATUS": "up"}, (), (NODE1,))

    scene.run(lambda hooks, config: hooks.post(OP, before, after, config, scene.warnings.append))

    assert scene.log(1, "instance-start-post.d/10-note") == ["GANETI_POST_STATUS=up", "GANETI_STATUS=down"]


def test_a_node_that_leaves_runs_its_hooks_before(scene: Scene) -> None:
    scene.script(3, "instance-start-post.d/10-note", 'echo $GANETI_HOOKS_PHASE >> "$0.log"')
    run = HookRun({}, (), (NODE1,), farewell=(NODE3,))

    scene.run(lambda hooks, config: hooks.farewell(OP, run, config, scene.warnings.append))

    assert scene.log(3, "instance-start-post.d/10-note") == ["post"]
    assert [sent for sent in scene.cluster.network.sent if "node1 hooks" in sent] == []


def test_failures_of_config_update_hooks_are_nobody_s_business(scene: Scene) -> None:
    scene.script(1, "config-update-post.d/10-no", "exit 1")
    run = HookRun({"INSTANCE_NAME": "web1"}, (), ())

    assert scene.run(lambda hooks, config: hooks.config_updated(OP, run, config)) is None
    assert scene.warnings == []
