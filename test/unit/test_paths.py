"""Names of files, on real nodes and in virtual clusters."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.paths import VIRTUAL_PREFIX, Paths

NODE = Paths("/clusters/a/node1.example.com", "node1.example.com")
REAL = Paths("", "node1.example.com")

absolute_paths = st.lists(st.text("ab.x", min_size=1, max_size=4), min_size=1, max_size=6).map(
    lambda p: "/" + "/".join(p)
)


def test_without_variables_files_are_where_the_system_has_them() -> None:
    paths = Paths.from_environ({})

    assert paths.root == ""
    assert paths.hostname == os.uname().nodename
    assert paths.config_file == "/var/lib/ganeti/config.data"
    assert paths.cluster_dir == ""
    assert paths.environ == {}


def test_variables_select_a_virtual_node() -> None:
    paths = Paths.from_environ({"GANETI_ROOTDIR": NODE.root, "GANETI_HOSTNAME": NODE.hostname})

    assert paths == NODE
    assert paths.config_file == "/clusters/a/node1.example.com/var/lib/ganeti/config.data"
    assert paths.cluster_dir == "/clusters/a"
    assert Paths.from_environ(paths.environ) == paths


@pytest.mark.parametrize(
    "environ",
    [
        {"GANETI_ROOTDIR": "/c/node1"},
        {"GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "c/node1", "GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "/c/../node1", "GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "/c/node1/", "GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "//c/node1", "GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "/c/node2", "GANETI_HOSTNAME": "node1"},
        {"GANETI_ROOTDIR": "/c/x/node1", "GANETI_HOSTNAME": "x/node1"},
        {"GANETI_ROOTDIR": "/c/..", "GANETI_HOSTNAME": ".."},
    ],
)
def test_variables_that_contradict_each_other_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(errors.UserError, match="cannot select virtual node: "):
        Paths.from_environ(environ)


@given(absolute_paths)
def test_what_one_node_virtualizes_another_localizes_to_the_same_file_of_its_own(path: str) -> None:
    other = NODE.for_node("node2.example.com")
    local = os.path.normpath(NODE.root + path)
    if not local.startswith(NODE.root + "/"):
        return

    virtual = NODE.virtualize(local)

    assert virtual.startswith(VIRTUAL_PREFIX + "/")
    assert NODE.localize(virtual) == local
    assert other.localize(virtual) == other.root + local.removeprefix(NODE.root)


@given(st.text("/.a", max_size=12))
def test_localized_paths_never_leave_the_node(path: str) -> None:
    local = NODE.localize(f"{VIRTUAL_PREFIX}/{path}")

    assert local == NODE.root or local.startswith(NODE.root + "/")
    assert os.path.normpath(local) == local


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/clusters/a/node1.example.com.old/x", NODE.root + "/../node2/x", NODE.root]
)
def test_a_path_outside_the_node_has_no_virtual_form(path: str) -> None:
    with pytest.raises(errors.ParameterError, match="has only files below"):
        NODE.virtualize(path)


@pytest.mark.parametrize(
    "path", ["/var/lib/ganeti/config.data", "", VIRTUAL_PREFIX, VIRTUAL_PREFIX + "x", VIRTUAL_PREFIX + "/a\0b"]
)
def test_a_virtual_node_accepts_only_virtual_paths(path: str) -> None:
    with pytest.raises(errors.ParameterError):
        NODE.localize(path)


def test_a_real_node_accepts_no_virtual_path_and_leaves_others_alone() -> None:
    assert REAL.virtualize("/a") == REAL.localize("/a") == "/a"
    with pytest.raises(errors.ParameterError, match="a path of a virtual cluster"):
        REAL.localize(VIRTUAL_PREFIX + "/a")


def test_the_hosts_file_is_the_same_on_every_node() -> None:
    assert NODE.virtualize("/etc/hosts") == NODE.localize("/etc/hosts") == "/etc/hosts"


@pytest.mark.parametrize("name", ["", "..", ".", "a/b"])
def test_other_nodes_have_plain_names(name: str) -> None:
    with pytest.raises(errors.ParameterError):
        NODE.for_node(name)


def test_jobs_are_archived_ten_thousand_to_a_directory() -> None:
    assert REAL.archived_job_file(9_999) == "/var/lib/ganeti/queue/archive/0/job-9999"
    assert REAL.archived_job_file(10_000) == "/var/lib/ganeti/queue/archive/1/job-10000"


def test_every_name_is_below_the_root_but_programs_and_search_paths() -> None:
    elsewhere = {
        "root", "cluster_dir", "hosts_file", "shared_file_storage_dir", "daemon_util",
        "os_search_path", "extstorage_search_path", "iallocator_search_path",
    }  # fmt: skip
    names = {n for n, v in vars(Paths).items() if isinstance(v, property)} - elsewhere - {"environ", "is_virtual"}

    outside = {n: getattr(NODE, n) for n in names if not getattr(NODE, n).startswith(NODE.root + "/")}

    assert len(names) > 50
    assert outside == {}


def test_virtual_clusters_have_a_place_for_allocators_of_their_own() -> None:
    assert NODE.iallocator_search_path == ("/clusters/a/iallocators", *REAL.iallocator_search_path)


def test_virtual_clusters_see_the_os_definitions_of_the_package() -> None:
    assert NODE.os_search_path[0] == "/clusters/a/os"
    assert any(p.endswith("/os") and p not in REAL.os_search_path for p in NODE.os_search_path[1:])
