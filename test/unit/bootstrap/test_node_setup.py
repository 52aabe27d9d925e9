"""What makes a machine a node: locally, in a virtual cluster, over SSH."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ganeti import _autoconf, errors, ssconf
from ganeti.bootstrap import daemons, keys, nodeadd, nodesetup, ssh
from ganeti.bootstrap.nodeadd import JoinOptions
from ganeti.bootstrap.nodesetup import NodeSetup
from ganeti.paths import Paths
from ganeti.rpc.client import Address
from ganeti.schema import replace
from ganeti.utils import files, json, process, x509
from test.support.cluster_dir import make_cluster_dir
from test.support.node import write_script

SERVER = x509.create_self_signed("ganeti.example.com", 10, ca=True)
UUID, OTHER_UUID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def a_setup(**fields: Any) -> NodeSetup:
    values: dict[str, Any] = {
        "node_name": "node1.example.com",
        "cluster_name": "cluster.example.com",
        "cluster_uuid": UUID,
        "server_cert": SERVER.decode(),
        "client_cert": "client",
        "rapi_cert": "rapi",
        "hmac_key": "hmac",
        "domain_secret": "secret",
        "ssconf": {"master_node": "node9.example.com"},
    }
    return NodeSetup(**{**values, **fields})


@contextlib.contextmanager
def waiting_daemons(paths: Paths) -> Iterator[list[int]]:
    """Stand in for the daemons of a node, which wait for their keys; the signals they get are collected."""
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))
    try:
        with process.PidFile(paths.pid_file(daemons.NODED)), process.PidFile(paths.pid_file(daemons.CONFD)):
            yield heard
    finally:
        signal.signal(signal.SIGHUP, before)


def apply(paths: Paths, setup: NodeSetup) -> list[int]:
    """Apply a set-up; return the signals the daemons got."""
    with waiting_daemons(paths) as heard:
        nodesetup.apply(paths, setup)
    return heard


# --- applying ------------------------------------------------------------------------------------


def test_a_machine_gets_the_files_of_a_node_and_its_daemons_take_them_up(paths: Paths) -> None:
    assert apply(paths, a_setup()) == [signal.SIGHUP, signal.SIGHUP]

    texts = {
        paths.server_cert: SERVER.decode(),
        paths.client_cert: "client",
        paths.rapi_cert: "rapi",
        paths.hmac_key: "hmac",
        paths.domain_secret: "secret",
    }
    assert {path: files.read_text(path) for path in texts} == texts
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in texts} == {nodesetup.KEY_MODE}


def test_the_node_knows_which_cluster_it_is_of(paths: Paths) -> None:
    apply(paths, a_setup())

    assert ssconf.read_all(paths) == {
        "master_node": "node9.example.com",
        "cluster_name": "cluster.example.com",
        "cluster_uuid": UUID,
    }


def test_a_set_up_for_another_machine_is_refused(paths: Paths) -> None:
    with pytest.raises(errors.StateError, match=r"this machine is node1\.example\.com"):
        apply(paths, a_setup(node_name="node2.example.com"))
    assert not os.path.exists(paths.server_cert)


def joined(paths: Paths, uuid: str) -> None:
    """Let a machine be a node already."""
    ssconf.write_ssconf(paths, {"cluster_name": "old.example.com", "cluster_uuid": uuid})
    files.write_file(paths.server_cert, b"old")


def test_a_node_of_another_cluster_is_refused_and_left_alone(paths: Paths) -> None:
    joined(paths, OTHER_UUID)

    with pytest.raises(errors.StateError, match=r"it belongs to cluster old\.example\.com.*--force-join"):
        apply(paths, a_setup())
    assert files.read_file(paths.server_cert) == b"old"
    assert ssconf.read_ssconf(paths, "cluster_uuid") == OTHER_UUID


def test_a_machine_that_left_its_cluster_is_taken(paths: Paths) -> None:
    joined(paths, OTHER_UUID)
    os.unlink(paths.server_cert)

    apply(paths, a_setup())

    assert ssconf.read_ssconf(paths, "cluster_uuid") == UUID


def starts_nothing(paths: Paths) -> None:
    files.write_file(paths.etc_default, "echo told not to >&2; exit 7\n")


@pytest.mark.parametrize(("uuid", "force"), [(OTHER_UUID, True), (UUID, False)])
def test_a_daemon_that_served_with_other_keys_is_begun_anew(paths: Paths, uuid: str, force: bool) -> None:
    joined(paths, uuid)
    starts_nothing(paths)

    with pytest.raises(errors.EnvironmentFailure, match=r"cannot start ganeti-noded on node1.*told not to"):
        nodesetup.apply(paths, a_setup(force_join=force))
    assert files.read_text(paths.server_cert) == SERVER.decode()


def test_a_set_up_survives_its_way_and_shows_no_secret() -> None:
    setup = a_setup(force_join=True)

    assert NodeSetup.from_wire(json.loads(json.dumps(setup.to_wire()))) == setup
    assert not any(text in repr(setup) for text in ("client'", "rapi'", "hmac'", "secret'"))


def test_a_new_key_file_replaces_nothing(paths: Paths) -> None:
    nodesetup.write_new(paths.hmac_key, b"first")

    with pytest.raises(errors.StateError, match="it exists"):
        nodesetup.write_new(paths.hmac_key, b"second")
    assert files.read_file(paths.hmac_key) == b"first"


# --- a node of a virtual cluster ---------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: os.PathLike[str]) -> tuple[Paths, Paths]:
    """A master with its keys, and a node that is none yet."""
    master, other = make_cluster_dir(os.fspath(tmp_path), 2)
    apply(master, a_setup(client_cert=keys.new_client_certificate(SERVER, "node1.example.com").decode()))
    return master, other


def test_a_node_that_was_set_up_holds_what_the_master_holds(pair: tuple[Paths, Paths]) -> None:
    master, other = pair
    with waiting_daemons(other) as heard:
        nodeadd._set_up(master, "node2.example.com", JoinOptions(node_name="node2"))  # type: ignore[arg-type]  # plain

    assert heard == [signal.SIGHUP, signal.SIGHUP]
    for path_of in (lambda p: p.server_cert, lambda p: p.hmac_key, lambda p: p.domain_secret, lambda p: p.rapi_cert):
        path_: Callable[[Paths], str] = path_of
        assert files.read_file(path_(other)) == files.read_file(path_(master))
    assert x509.common_name(files.read_file(other.client_cert)) == "node2.example.com"
    assert ssconf.read_all(other) == ssconf.read_all(master)


def test_a_node_without_directory_is_refused_with_the_remedy(pair: tuple[Paths, Paths]) -> None:
    master, other = pair
    os.rename(other.root, f"{other.root}.away")

    with pytest.raises(errors.UserError, match="tools/vcluster-setup"):
        nodeadd.prepare_node(master, JoinOptions(node_name="node2"))


def test_a_name_nobody_knows_is_refused(pair: tuple[Paths, Paths]) -> None:
    with pytest.raises(errors.ResolverError, match=r"nowhere\.invalid"):
        nodeadd.prepare_node(pair[0], JoinOptions(node_name="nowhere.invalid"))


def test_a_daemon_that_never_answers_is_given_up(pair: tuple[Paths, Paths]) -> None:
    silent = Address("node2.example.com", "127.45.67.89")  # type: ignore[arg-type]  # a plain name

    with pytest.raises(errors.GenericError, match=r"cannot talk to the node daemon on node node2\.example\.com"):
        nodeadd.wait_until_answers(pair[0], silent, timeout=-1.0)


# --- over SSH ------------------------------------------------------------------------------------------


def fake_ssh(directory: object, text: str = "") -> str:
    """Write a program that is called as ssh is; it keeps its arguments and input."""
    return write_script(f"{directory}/ssh", f'#!/bin/sh\necho "$@" > "$0.args"\ncat > "$0.input"\n{text}\n')


def test_the_set_up_goes_to_the_other_side_on_its_input(tmp_path: object) -> None:
    program = fake_ssh(tmp_path)

    ssh.run_node_setup("node2.example.com", a_setup(), key_check=True, port=2222, ssh=[program])

    arguments = files.read_text(f"{program}.args")
    assert "-p 2222" in arguments and "StrictHostKeyChecking=yes" in arguments
    assert arguments.split()[-2:] == ["root@node2.example.com", f"{_autoconf.TOOLSDIR}/node-setup"]
    assert "secret" not in arguments
    assert NodeSetup.from_wire(json.loads(files.read_file(f"{program}.input"))) == a_setup()


def test_an_unknown_host_key_is_taken_where_it_is_not_to_be_checked(tmp_path: object) -> None:
    program = fake_ssh(tmp_path)

    ssh.run_node_setup("node2", a_setup(), key_check=False, ssh=[program])

    assert "StrictHostKeyChecking=accept-new" in files.read_text(f"{program}.args")


def test_what_the_other_side_says_last_is_the_reason(tmp_path: object) -> None:
    program = fake_ssh(tmp_path, "echo a banner; echo node-setup: no room >&2; exit 1")

    with pytest.raises(errors.EnvironmentFailure, match=r"cannot set up node node2 over ssh: node-setup: no room"):
        ssh.run_node_setup("node2", a_setup(), key_check=True, ssh=[program])


def test_a_silent_failure_tells_how_it_ended(tmp_path: object) -> None:
    program = fake_ssh(tmp_path, "exit 255")

    with pytest.raises(errors.EnvironmentFailure, match="255"):
        ssh.run_node_setup("node2", a_setup(), key_check=True, ssh=[program])


def test_a_large_set_up_is_carried_whole(tmp_path: object) -> None:
    program = fake_ssh(tmp_path)
    large = replace(a_setup(), ssconf={"node_list": "node.example.com\n" * 20_000})

    ssh.run_node_setup("node2", large, key_check=True, ssh=[program])

    assert NodeSetup.from_wire(json.loads(files.read_file(f"{program}.input"))) == large


# --- daemons ---------------------------------------------------------------------------------------------


def test_a_daemon_runs_while_its_pid_file_is_held(paths: Paths) -> None:
    assert not daemons.is_running(paths, daemons.NODED)
    with process.PidFile(paths.pid_file(daemons.NODED)):
        assert daemons.is_running(paths, daemons.NODED)
        daemons.start(paths, daemons.NODED)  # nothing to do
    assert not daemons.is_running(paths, daemons.NODED)


def test_stopping_what_does_not_run_is_no_error(paths: Paths) -> None:
    daemons.stop(paths, daemons.NODED)


def test_what_keeps_a_daemon_from_starting_is_told(paths: Paths) -> None:
    starts_nothing(paths)

    with pytest.raises(errors.EnvironmentFailure, match=r"cannot start ganeti-masterd on node1.*: told not to"):
        daemons.start(paths, daemons.MASTERD)


def test_a_socket_that_never_comes_is_given_up(paths: Paths) -> None:
    with pytest.raises(errors.EnvironmentFailure, match=r"cannot reach the daemon behind .*ganeti-master"):
        daemons.wait_for_socket(paths.master_socket, timeout=-1.0)
    files.write_file(paths.master_socket, b"")
    daemons.wait_for_socket(paths.master_socket)


# --- secrets ---------------------------------------------------------------------------------------------


def test_secrets_are_new_each_time() -> None:
    secrets = {keys.new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(len(bytes.fromhex(secret.decode())) == 20 for secret in secrets)


def test_client_certificates_are_signed_by_the_cluster_s_and_differ() -> None:
    first, second = (keys.new_client_certificate(SERVER, "node2.example.com") for _ in range(2))

    assert x509.cert_digest(first) != x509.cert_digest(second)
