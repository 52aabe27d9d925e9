"""LUXI calls: what a client is answered when part of its request is wrong."""

import platform

from ganeti.masterd.cluster_info import ARCHITECTURE
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.handlers import Handlers
from ganeti.masterd.queries import Queries
from ganeti.masterd.watcher import WatcherPause
from ganeti.schema import replace
from ganeti.utils import files, json
from test.support import config as build
from test.support.clock import ManualClock
from test.support.queue import Bench, dummy
from test.support.virtual import directly, run


def test_settings_are_told_as_they_are_after_the_last_change_and_put_together_once(tmp_path):
    bench, clock = Bench(tmp_path), ManualClock()
    files.ensure_dir(bench.paths.data_dir)
    config = ConfigStore(build.make_config(), bench.paths.config_file, clock, run_blocking=directly)
    handlers = Handlers(None, Queries(config, None), config, None, clock, {})  # type: ignore[arg-type]  # not asked

    async def scene():
        first, second = [await handlers.query_cluster_info() for _ in range(2)]
        with config.update() as draft:
            draft.cluster = replace(draft.cluster, candidate_pool_size=7)
        await config.durable(draft)
        third = await handlers.query_cluster_info()

        assert first is second
        assert json.loads(third.json) == json.loads(first.json) | {
            "candidate_pool_size": 7,
            "mtime": json.loads(third.json)["mtime"],
        }

    run(scene())


def test_the_architecture_is_told_as_python_knows_it():
    assert (platform.architecture()[0], platform.machine()) == ARCHITECTURE


def test_job_that_depends_on_a_refused_one_is_refused_and_not_tied_to_another(tmp_path):
    bench, clock = Bench(tmp_path), ManualClock()
    config = ConfigStore(build.make_config(), bench.paths.config_file, clock)
    pause = WatcherPause(None, bench.paths, clock)  # type: ignore[arg-type]  # nothing is asked of nodes

    async def scene():
        queue = await bench.start()
        handlers = Handlers(queue, Queries(config, None), config, pause, clock, {})  # type: ignore[arg-type]  # as above
        jobs = [[dummy().to_wire()], [{"OP_ID": "OP_NO_SUCH"}], [dummy(depends=[(-1, [])]).to_wire()]]

        first, refused, dependent = await handlers.submit_many_jobs(jobs)

        assert first == (True, 1)
        assert not refused[0] and "OP_NO_SUCH" in refused[1]
        assert not dependent[0] and "which was not submitted" in dependent[1]
        assert [job.id for job in queue.jobs()] == [1]

    run(scene())
