"""`gnt-cluster destroy`: takes a cluster of one node apart."""

from __future__ import annotations

import glob

from ganeti.bootstrap import daemons
from ganeti.bootstrap.init import half_changed_key_files, key_files, queue_files, ssconf_files
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.utils.spares import spares_in


def finish_destroy(paths: Paths) -> None:
    """Stop the daemons and remove what made this node a cluster, after OP_CLUSTER_DESTROY has ended.

    Logs, archived jobs and the disks of instances that were not removed stay.
    """
    for daemon in (daemons.RAPI, daemons.CONFD, daemons.MASTERD, daemons.NODED):
        daemons.stop(paths, daemon)
    keys = [*key_files(paths), *half_changed_key_files(paths)]
    config = [paths.config_file, *spares_in(paths.data_dir)]
    for path in [*keys, *config, *ssconf_files(paths), *queue_files(paths), *_watcher_files(paths)]:
        files.remove_file(path, missing_ok=True)


def _watcher_files(paths: Paths) -> list[str]:
    """Return what the watcher wrote, its pause and its memory of each node group among it."""
    of_groups = glob.glob(f"{glob.escape(paths.data_dir)}/watcher.*")
    return [*of_groups, paths.instance_status, paths.watcher_daemons]
