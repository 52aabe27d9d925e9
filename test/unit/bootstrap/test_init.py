"""Making a cluster: what is refused, what is written, and what is left after a failure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from ganeti import errors, ssconf
from ganeti.bootstrap import destroy, init
from ganeti.bootstrap.init import InitOptions, init_cluster
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.verify import verify
from ganeti.paths import Paths
from ganeti.utils import files, x509
from test.support.cluster_dir import make_cluster_dir


def options(**given: Any) -> InitOptions:
    values: dict[str, Any] = {
        "cluster_name": "cluster",
        "enabled_hypervisors": None,
        "enabled_disk_templates": None,
        "master_netdev": None,
        "master_netmask": None,
        "secondary_ip": None,
        "primary_ip_version": 4,
        "settings": {},
    }
    return InitOptions(**{**values, **given})


def contents(paths: Paths) -> dict[str, bytes | None]:
    """Return every file of a node with its content, and every directory."""
    found: dict[str, bytes | None] = {}
    for directory, _, names in os.walk(paths.root):
        found[directory] = None
        found |= {f"{directory}/{name}": files.read_file(f"{directory}/{name}") for name in names}
    return found


def only_files(paths: Paths) -> dict[str, bytes | None]:
    """Return the files of a node but locks and logs, which may stay."""
    return {
        path: text
        for path, text in contents(paths).items()
        if text is not None and not path.endswith((".lock", ".log")) and not path.startswith(paths.lock_dir)
    }


def no_daemon_starts(paths: Paths) -> None:
    """Have the administrator's own file keep daemons from starting."""
    files.write_file(paths.etc_default, "echo told not to >&2; exit 7\n")


# --- refusals ------------------------------------------------------------------------------------

SPEC: Mapping[str, int] = dict.fromkeys(
    ("memory-size", "cpu-count", "disk-size", "disk-count", "nic-count", "spindle-use"), 1
)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"cluster_name": "nowhere.invalid"}, "nowhere.invalid"),
        ({"enabled_hypervisors": ["kvm"]}, "enabled-hypervisors: kvm is not supported"),
        ({"enabled_hypervisors": ["vbox"]}, "enabled-hypervisors"),
        ({"enabled_hypervisors": []}, "enabled-hypervisors: at least one"),
        ({"enabled_disk_templates": ["drbd"]}, "enabled-disk-templates: drbd is not supported"),
        ({"enabled_disk_templates": ["paper"]}, "enabled-disk-templates"),
        ({"enabled_disk_templates": []}, "enabled-disk-templates: at least one"),
        ({"master_netmask": 33}, "master-netmask"),
        ({"master_netmask": 0}, "master-netmask"),
        ({"secondary_ip": "198.51.100.7"}, "secondary-ip: 198.51.100.7"),
        ({"secondary_ip": "here"}, "secondary-ip: here"),
        ({"primary_ip_version": 6}, "primary-ip-version"),
        ({"primary_ip_version": 5}, "primary-ip-version"),
        ({"master_netdev": "nowhere0"}, "master-netdev: this machine has no network interface nowhere0"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(paths: Paths, given: dict[str, Any], named: str) -> None:
    before = contents(paths)

    with pytest.raises(errors.GenericError) as caught:
        init_cluster(paths, options(**given), lambda line: None)

    assert named in str(caught.value)
    assert contents(paths) == before


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"hvparams": {"fake": {"color": "red"}}}, "color"),
        ({"hvparams": {"vbox": {}}}, "hypervisor-parameters"),
        ({"hvparams": {"kvm": {"acpi": "perhaps"}}}, "acpi"),
        ({"beparams": {"vcpus": "many"}}, "vcpus"),
        ({"beparams": {"minmem": 512, "maxmem": 256}}, "minmem"),
        ({"nicparams": {"mode": "telepathic"}}, "mode"),
        ({"nicparams": {"mode": "bridged", "link": ""}}, "link"),
        ({"ndparams": {"oob_progam": "x"}}, "oob_progam"),
        ({"diskparams": {"drbd": {"color": "red"}}}, "color"),
        ({"ipolicy": {"std": {"color": 1}}}, "color"),
        ({"ipolicy": {"minmax": [{"min": SPEC, "max": {**SPEC, "nic-count": 0}}]}}, "nic-count"),
        ({"ipolicy": {"vcpu-ratio": 0}}, "vcpu-ratio"),
        ({"candidate_pool_size": 0}, "candidate_pool_size"),
        ({"mac_prefix": "aa:00"}, "mac_prefix"),
        ({"mac_prefix": "01:00:00"}, "mac_prefix"),
        ({"file_storage_dir": "srv"}, "file-storage-dir: srv"),
        ({"shared_file_storage_dir": "./srv"}, "shared-file-storage-dir: ./srv"),
        ({"volume_group_name": "xenvg"}, "vg-name"),
        ({"default_iallocator": "hail"}, "default-iallocator: no program hail in"),
        ({"default_iallocator": "../../bin/true"}, "default-iallocator: no program ../../bin/true in"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_written(paths: Paths, given: dict[str, Any], named: str) -> None:
    before = contents(paths)

    with pytest.raises(errors.GenericError) as caught:
        init_cluster(paths, options(settings=given), lambda line: None)

    assert named in str(caught.value)
    assert contents(paths) == before


@pytest.mark.parametrize(
    ("path_of", "remedy"),
    [
        (lambda p: p.config_file, "gnt-cluster destroy"),
        (lambda p: p.server_cert, "gnt-node remove"),
        (lambda p: p.rapi_cert, "move it away first"),
        (lambda p: p.hmac_key, "move it away first"),
        (lambda p: p.domain_secret, "move it away first"),
        (lambda p: p.client_cert, "move it away first"),
    ],
)
def test_what_is_there_already_is_not_touched(paths: Paths, path_of: Any, remedy: str) -> None:
    files.write_file(path_of(paths), b"mine")
    before = contents(paths)

    with pytest.raises(errors.OpPrereqError, match=remedy) as caught:
        init_cluster(paths, options(), lambda line: None)

    assert path_of(paths) in str(caught.value)
    assert contents(paths) == before


def test_a_name_that_is_not_this_node_s_address_is_refused(tmp_path: os.PathLike[str]) -> None:
    _, other = make_cluster_dir(os.fspath(tmp_path), 1, [("198.51.100.7", "far.example.com")])[0], "far.example.com"
    paths = Paths(os.path.join(tmp_path, other), other)

    with pytest.raises(errors.OpPrereqError, match=r"198\.51\.100\.7, which is not an address of this machine"):
        init_cluster(paths, options(), lambda line: None)


def test_a_node_that_goes_by_a_short_name_is_refused(tmp_path: os.PathLike[str]) -> None:
    make_cluster_dir(os.fspath(tmp_path))
    paths = Paths(os.path.join(tmp_path, "node1"), "node1")

    with pytest.raises(errors.OpPrereqError, match="make both the full name"):
        init_cluster(paths, options(), lambda line: None)


# --- what is written -----------------------------------------------------------------------------


def test_after_a_failure_nothing_is_left(paths: Paths) -> None:
    no_daemon_starts(paths)
    before = only_files(paths)
    told: list[str] = []

    with pytest.raises(errors.EnvironmentFailure, match=r"cannot start ganeti-noded .*told not to"):
        init_cluster(paths, options(), told.append)

    assert told == ["making keys and configuration of cluster cluster.example.com", "starting daemons"]
    assert only_files(paths) == before


def test_after_a_failure_to_write_nothing_is_left(paths: Paths) -> None:
    files.ensure_dir(f"{paths.ssconf_file('master_node')}/in-the-way")
    before = only_files(paths)

    with pytest.raises(OSError):
        init_cluster(paths, options(), lambda line: None)

    assert only_files(paths) == before


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A node for which all was written that a new cluster needs; no daemon runs."""
    paths = make_cluster_dir(os.fspath(tmp_path_factory.mktemp("made")))[0]
    files.write_file(f"{paths.queue_dir}/job-7", b"of another cluster")
    files.write_file(paths.queue_drain, b"")

    class Written(Exception):
        """All is written: the daemons would be started now."""

    def stop(line: str) -> None:
        if line == "starting daemons":
            os.rename(paths.root, f"{paths.root}.made")  # out of reach of what clears up
            raise Written

    given = {"beparams": {"vcpus": 3}, "mac_prefix": "AA:BB:CC", "candidate_pool_size": 4}
    with pytest.raises(Written):
        init_cluster(paths, options(settings=given, secondary_ip="127.0.0.9"), stop)
    os.rename(f"{paths.root}.made", paths.root)
    return paths


def test_the_configuration_is_whole_and_says_what_was_asked_for(made: Paths) -> None:
    config = read_config(made.config_file).config

    assert verify(config) == []
    assert (config.cluster.cluster_name, config.master.name) == ("cluster.example.com", "node1.example.com")
    assert (config.cluster.mac_prefix, config.cluster.candidate_pool_size) == ("aa:bb:cc", 4)
    assert config.cluster.beparams["default"]["vcpus"] == 3
    assert config.master.secondary_ip == "127.0.0.9"


def test_the_master_s_own_certificate_is_that_of_a_candidate(made: Paths) -> None:
    config = read_config(made.config_file).config

    assert config.cluster.candidate_certs == {config.master.uuid: x509.cert_digest(files.read_file(made.client_cert))}


def test_keys_are_nobody_else_s_to_read(made: Paths) -> None:
    for path in (*init.key_files(made), made.config_file):
        assert os.stat(path).st_mode & 0o077 == 0, path


def test_certificates_and_secrets_are_what_they_should_be(made: Paths) -> None:
    for path in (made.server_cert, made.client_cert, made.rapi_cert):
        x509.verify_pem(path)
    assert x509.common_name(files.read_file(made.client_cert)) == "node1.example.com"
    secrets = [files.read_text(path) for path in (made.hmac_key, made.domain_secret)]
    assert [len(bytes.fromhex(secret)) for secret in secrets] == [20, 20]
    assert secrets[0] != secrets[1]


def test_the_queue_is_empty_whatever_was_there(made: Paths) -> None:
    assert not os.path.exists(f"{made.queue_dir}/job-7")
    assert not os.path.exists(made.queue_drain)
    assert (files.read_text(made.queue_serial), files.read_text(made.queue_version)) == ("0\n", "1\n")


def test_the_node_knows_its_cluster(made: Paths) -> None:
    config = read_config(made.config_file).config

    assert ssconf.read_ssconf(made, "master_node") == "node1.example.com"
    assert ssconf.read_ssconf(made, "cluster_uuid") == config.cluster.uuid


# --- its end -------------------------------------------------------------------------------------


def test_a_destroyed_cluster_leaves_logs_and_archived_jobs_only(paths: Paths) -> None:
    kept = [paths.archived_job_file(3), paths.log_file("ganeti-noded")]
    gone = [
        *init.key_files(paths),
        paths.config_file,
        paths.job_file(4),
        paths.queue_serial,
        paths.queue_version,
        paths.queue_drain,
        paths.watcher_pause,
        paths.watcher_state("d5f3a6a8-0b4f-4c5e-9a77-3d3b6b2a9c11"),
        paths.watcher_instance_status("d5f3a6a8-0b4f-4c5e-9a77-3d3b6b2a9c11"),
        paths.instance_status,
        paths.watcher_daemons,
    ]
    for path in kept + gone:
        files.ensure_dir(os.path.dirname(path))
        files.write_file(path, b"x")
    ssconf.write_ssconf(paths, {"master_node": "node1.example.com", "cluster_name": "c"})

    destroy.finish_destroy(paths)

    assert sorted(only_files(paths)) == sorted([paths.archived_job_file(3)])
    assert os.path.exists(paths.log_file("ganeti-noded"))
    assert not [path for path in gone if os.path.exists(path)]
    assert ssconf.read_all(paths) == {}


def test_destroying_again_is_no_error(paths: Paths) -> None:
    destroy.finish_destroy(paths)
    destroy.finish_destroy(paths)
