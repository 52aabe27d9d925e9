"""The small files about the cluster that every node keeps."""

from __future__ import annotations

import os
import stat

import pytest

from ganeti import errors, ssconf
from ganeti.paths import Paths
from ganeti.utils import files


def test_written_values_read_back(paths: Paths) -> None:
    ssconf.write_ssconf(paths, {"cluster_name": "c.example.com", "node_list": "a\nb\n", "offline_nodes": ""})

    assert ssconf.read_ssconf(paths, "cluster_name") == "c.example.com"
    assert ssconf.read_ssconf_lines(paths, "node_list") == ["a", "b"]
    assert ssconf.read_ssconf_lines(paths, "offline_nodes") == []
    assert files.read_text(paths.ssconf_file("cluster_name")) == "c.example.com\n"
    assert stat.S_IMODE(os.stat(paths.ssconf_file("cluster_name")).st_mode) == 0o444


def test_only_what_changed_is_written(paths: Paths) -> None:
    ssconf.write_ssconf(paths, {"a": "1", "b": "2"})
    inode = os.stat(paths.ssconf_file("a")).st_ino

    assert ssconf.write_ssconf(paths, {"a": "1", "b": "3"}) == ["b"]
    assert os.stat(paths.ssconf_file("a")).st_ino == inode


def test_dry_run_writes_nothing(paths: Paths) -> None:
    assert ssconf.write_ssconf(paths, {"a": "1"}, dry_run=True) == ["a"]
    assert not ssconf.has_ssconf(paths, "a")


def test_a_node_without_cluster_is_told_what_to_do(paths: Paths) -> None:
    with pytest.raises(errors.ConfigurationError, match="is this node part of a cluster"):
        ssconf.read_ssconf(paths, "master_node")


@pytest.mark.parametrize("key", ["../x", "", "A", "a b", "a/b", "a\n"])
def test_keys_cannot_name_other_files(paths: Paths, key: str) -> None:
    with pytest.raises(errors.ParameterError):
        ssconf.write_ssconf(paths, {"good": "1", key: "x"})
    with pytest.raises(errors.ParameterError):
        ssconf.read_ssconf(paths, key)

    assert not ssconf.has_ssconf(paths, "good")


def test_hypervisor_names_are_part_of_keys(paths: Paths) -> None:
    ssconf.write_ssconf(paths, {"hvparams_xen-pvm": "a=b"})

    assert ssconf.read_ssconf(paths, "hvparams_xen-pvm") == "a=b"


def test_a_file_that_is_no_text_is_an_error(paths: Paths) -> None:
    files.write_file(paths.ssconf_file("a"), b"\xff")

    with pytest.raises(errors.ConfigurationError, match=r"cannot read .*ssconf_a"):
        ssconf.read_ssconf(paths, "a")


def test_writers_exclude_each_other(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssconf, "LOCK_TIMEOUT", 0.0)

    with files.locked_file(paths.ssconf_lock), pytest.raises(errors.LockError):
        ssconf.write_ssconf(paths, {"a": "1"})
