"""Files the master writes on a node: the queue's replica, the upload list, ssconf, the watcher's pause."""

from __future__ import annotations

import os
import stat

import pytest

from ganeti import errors
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.noded.backend.uploads import Uploads, allowed_files
from ganeti.noded.backend.watcher import WatcherPause
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.utils.pieces import checksum
from ganeti.utils.spares import SPARE_PREFIX
from test.support.cluster_dir import make_cluster_dir
from test.support.node import VirtualNode, make_node


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths)


@pytest.fixture
def sparing_node(spare_base: str) -> VirtualNode:
    """Return a node on a file system where files are written anew."""
    return make_node(make_cluster_dir(spare_base)[0])


# --- job queue -----------------------------------------------------------------------


def job(node: VirtualNode, number: int) -> str:
    return node.paths.virtualize(node.paths.job_file(number))


def archived(node: VirtualNode, number: int) -> str:
    return node.paths.virtualize(node.paths.archived_job_file(number))


def test_batch_of_job_files_is_written(node: VirtualNode) -> None:
    serial = node.paths.virtualize(node.paths.queue_serial)

    JobQueueReplica(node).jobqueue_update([(job(node, 1), "{}"), (job(node, 2), "{ü}"), (serial, "2\n")])

    assert files.read_text(node.paths.job_file(2)) == "{ü}"
    assert files.read_text(node.paths.queue_serial) == "2\n"
    assert stat.S_IMODE(os.stat(node.paths.job_file(1)).st_mode) == 0o640


def test_archived_job_is_renamed_into_its_directory_once_and_again(node: VirtualNode) -> None:
    queue = JobQueueReplica(node)
    queue.jobqueue_update([(job(node, 20001), "{}")])

    for _ in range(2):
        queue.jobqueue_rename([(job(node, 20001), archived(node, 20001))])

    assert files.read_text(f"{node.paths.archive_dir}/2/job-20001") == "{}"
    assert not os.path.exists(node.paths.job_file(20001))


def test_job_files_of_a_replica_are_written_anew_while_nobody_reads_them(sparing_node: VirtualNode) -> None:
    node = sparing_node
    queue, inodes = JobQueueReplica(node), set()
    for number in range(10):
        queue.jobqueue_update([(job(node, 1), f"{number}")])
        node.manual_clock.now += 1.0
        inodes.add(os.stat(node.paths.job_file(1)).st_ino)
    assert len(inodes) == 2

    with open(node.paths.job_file(1), encoding="ascii") as reader:
        for _ in range(5):
            queue.jobqueue_update([(job(node, 1), "later")])
            node.manual_clock.now += 1.0
        assert reader.read() == "9"


def test_archive_directory_is_made_for_a_replica_that_catches_up(node: VirtualNode) -> None:
    JobQueueReplica(node).jobqueue_update([(archived(node, 50000), "{}")])

    assert os.path.exists(f"{node.paths.archive_dir}/5/job-50000")


def test_digests_tell_which_job_files_differ(node: VirtualNode) -> None:
    queue = JobQueueReplica(node)
    queue.jobqueue_update([(job(node, 1), "{}"), (job(node, 2), "{}"), (archived(node, 3), "{}")])
    before = queue.jobqueue_digests()
    queue.jobqueue_update([(job(node, 2), '{"status": 1}'), (node.paths.virtualize(node.paths.queue_serial), "2\n")])

    after = queue.jobqueue_digests()

    assert set(after) == {"job-1", "job-2"}
    assert after["job-1"] == before["job-1"]
    assert after["job-2"] != before["job-2"]


@pytest.mark.parametrize(
    "name",
    [
        "/var/lib/ganeti/config.data",
        "/var/lib/ganeti/queue/../config.data",
        "/var/lib/ganeti/queue/lock",
        "/var/lib/ganeti/queue/version",
        "/var/lib/ganeti/queue/job-1/x",
        "/var/lib/ganeti/queue/job-",
        "/var/lib/ganeti/queue/job-1\n",
        "/var/lib/ganeti/queue/archive/../job-x",
        "/var/lib/ganeti/queue",
        "/etc/passwd",
        "job-1",
    ],
)
@pytest.mark.parametrize("call", ["update", "rename from", "rename to"])
def test_nothing_but_job_files_and_the_serial_is_touched(node: VirtualNode, name: str, call: str) -> None:
    queue = JobQueueReplica(node)
    virtual = f"/###-VIRTUAL-PATH-###,{name}" if name.startswith("/") else name
    files.write_file(node.paths.config_file, "config")
    queue.jobqueue_update([(job(node, 1), "{}")])

    with pytest.raises(errors.ParameterError):
        match call:
            case "update":
                queue.jobqueue_update([(job(node, 1), "changed"), (virtual, "evil")])
            case "rename from":
                queue.jobqueue_rename([(virtual, job(node, 7))])
            case "rename to":
                queue.jobqueue_rename([(job(node, 1), virtual)])

    assert files.read_text(node.paths.config_file) == "config"
    assert files.read_text(node.paths.job_file(1)) == "{}"


def test_job_keeps_its_number(node: VirtualNode) -> None:
    JobQueueReplica(node).jobqueue_update([(job(node, 1), "{}")])

    with pytest.raises(errors.ParameterError, match="keeps its number"):
        JobQueueReplica(node).jobqueue_rename([(job(node, 1), archived(node, 2))])


def test_purge_removes_jobs_and_keeps_what_is_none(sparing_node: VirtualNode) -> None:
    node = sparing_node
    queue = JobQueueReplica(node)
    for _ in range(2):
        queue.jobqueue_update([(job(node, 1), "{}"), (archived(node, 2), "{}")])
    assert any(name.startswith(SPARE_PREFIX) for name in os.listdir(node.paths.queue_dir))
    files.write_file(node.paths.queue_serial, "2\n")
    files.write_file(node.paths.queue_lock, "")

    queue.jobqueue_purge()

    assert sorted(os.listdir(node.paths.queue_dir)) == ["archive", "lock", "serial"]
    assert os.listdir(f"{node.paths.archive_dir}/0") == []


def test_drain_flag_comes_and_goes_as_often_as_asked(node: VirtualNode) -> None:
    queue = JobQueueReplica(node)

    for flag in (True, True, False, False):
        queue.jobqueue_set_drain_flag(flag)
        assert os.path.exists(node.paths.queue_drain) == flag


# --- uploads -------------------------------------------------------------------------


def upload(node: VirtualNode, path: str, content: str = "x", mode: int = 0o600, **options: object) -> None:
    given = {"uid": None, "gid": None, "atime": None, "mtime": None, **options}
    Uploads(node).upload_file_single(path, content, mode, **given)  # type: ignore[arg-type]


def test_allowed_file_is_written_with_its_mode_times_and_bytes(node: VirtualNode) -> None:
    target = node.paths.virtualize(node.paths.config_file)

    upload(node, target, b"\xff\xfe".decode(errors="surrogateescape"), 0o640, mtime=1000.0, atime=900.0)

    status = os.stat(node.paths.config_file)
    assert files.read_file(node.paths.config_file) == b"\xff\xfe"
    assert (stat.S_IMODE(status.st_mode), status.st_mtime, status.st_atime) == (0o640, 1000.0, 900.0)


def test_every_allowed_file_lies_in_the_tree_of_a_virtual_node(node: VirtualNode) -> None:
    assert all(path.startswith(f"{node.paths.root}/") for path in allowed_files(node.paths))
    assert "/etc/hosts" in allowed_files(Paths("", "node1"))


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "/var/lib/ganeti/server.pem", "/var/lib/ganeti/../x", "/var/lib/ganeti/queue/job-1"]
)
def test_other_files_are_refused(node: VirtualNode, name: str) -> None:
    with pytest.raises(errors.ParameterError, match="not one of the files the master may write"):
        upload(node, f"/###-VIRTUAL-PATH-###,{name}")


def test_path_of_a_real_cluster_is_refused_by_a_virtual_node(node: VirtualNode) -> None:
    with pytest.raises(errors.ParameterError, match="not a path of a virtual cluster"):
        upload(node, "/var/lib/ganeti/config.data")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mode": 0o4755}, "more than permissions"),
        ({"uid": "no-such-user"}, "no user"),
        ({"gid": "no-group"}, "no group"),
    ],
)
def test_upload_that_makes_no_sense_writes_nothing(node: VirtualNode, options: dict[str, object], reason: str) -> None:
    with pytest.raises(errors.ParameterError, match=reason):
        upload(node, node.paths.virtualize(node.paths.config_file), **options)  # type: ignore[arg-type]

    assert not os.path.exists(node.paths.config_file)


def test_ssconf_values_are_written_and_others_stay(node: VirtualNode) -> None:
    Uploads(node).write_ssconf_files({"cluster_name": "cluster.example.com", "master_node": "node1.example.com"})
    Uploads(node).write_ssconf_files({"master_node": "node2.example.com"})

    assert files.read_text(node.paths.ssconf_file("cluster_name")) == "cluster.example.com\n"
    assert files.read_text(node.paths.ssconf_file("master_node")) == "node2.example.com\n"


def test_ssconf_key_cannot_lead_elsewhere(node: VirtualNode) -> None:
    with pytest.raises(errors.ParameterError):
        Uploads(node).write_ssconf_files({"../../evil": "x"})


def test_figures_of_files_are_told(node: VirtualNode) -> None:
    files.write_file(node.paths.config_file, "12345")

    found = Uploads(node).get_file_info(node.paths.config_file)

    assert (found.exists, found.size) == (True, 5)
    assert not Uploads(node).get_file_info(f"{node.paths.config_file}/below").exists


# --- watcher ---------------------------------------------------------------------------


def test_watcher_pauses_until_the_time_given_and_goes_on_after_it(node: VirtualNode) -> None:
    pause = WatcherPause(node)
    assert pause.get_watcher_pause() is None

    pause.set_watcher_pause(node.clock.time() + 60)
    assert pause.get_watcher_pause() == node.clock.time() + 60
    assert files.read_text(node.paths.watcher_pause) == f"{int(node.clock.time()) + 60}\n"

    node.sleep(61)
    assert pause.get_watcher_pause() is None


def test_pause_of_the_watcher_can_be_ended(node: VirtualNode) -> None:
    pause = WatcherPause(node)
    pause.set_watcher_pause(node.clock.time() + 60)

    for _ in range(2):
        pause.set_watcher_pause(None)

    assert pause.get_watcher_pause() is None


def test_pause_that_is_no_time_is_refused_or_ignored(node: VirtualNode) -> None:
    with pytest.raises(errors.ParameterError):
        WatcherPause(node).set_watcher_pause(-1)

    files.write_file(node.paths.watcher_pause, "tomorrow\n")
    assert WatcherPause(node).get_watcher_pause() is None


def test_a_file_is_edited_only_when_it_is_the_one_the_sender_takes_it_for(node: VirtualNode) -> None:
    uploads, path = Uploads(node), node.paths.config_file
    name = node.paths.virtualize(path)
    files.ensure_dir(node.paths.data_dir)
    files.write_file(path, "the old text")
    pieces, result = [(0, 4, "new"), (7, 5, "!")], checksum([b"the new text!"])

    assert uploads.edit_file_single(name, pieces, result, 0o640)
    assert files.read_text(path) == "the new text!"
    files.write_file(path, "another text")
    assert not uploads.edit_file_single(name, pieces, result, 0o640)
    assert files.read_text(path) == "another text"
    with pytest.raises(errors.ParameterError, match="not one of the files"):
        uploads.edit_file_single(f"{name}.copy", pieces, result, 0o640)


def test_a_file_that_is_not_there_cannot_be_edited(node: VirtualNode) -> None:
    name = node.paths.virtualize(node.paths.config_file)

    assert not Uploads(node).edit_file_single(name, [(0, 0, "text")], checksum([b"text"]), 0o640)


def test_a_file_is_taken_when_a_list_that_came_before_names_it_and_not_otherwise(node: VirtualNode) -> None:
    uploads, paths = Uploads(node), node.paths
    wanted, other = f"{paths.root}/etc/xen/xend.sxp", f"{paths.root}/etc/cron.d/own"
    content = "/etc/xen/xend.sxp\n", 0o644, None, None, None, None

    def upload(path: str) -> None:
        uploads.upload_file_single(paths.virtualize(path), *content)

    with pytest.raises(errors.ParameterError, match="not one of the files"):
        upload(wanted)
    upload(paths.admin_list)
    upload(wanted)

    assert files.read_text(wanted) == content[0]
    with pytest.raises(errors.ParameterError, match="not one of the files"):
        upload(other)
