"""What is written later is written, whatever happens at the same moment."""

import asyncio

from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.records import Records
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.model.enums import LogType, OpStatus
from ganeti.model.scalars import JobId
from test.support.queue import Bench, dummy
from test.support.virtual import VirtualClock, directly, run


def test_job_that_ends_while_its_log_is_about_to_be_written_does_not_stop_the_writing(tmp_path):
    bench = Bench(tmp_path)

    async def scene():
        store = JobStore(bench.paths, bench.disk, bench.clock, bench.candidate, directly)
        await store.load()
        records = Records(store, VirtualClock())
        talking = [
            jobs.append_log(
                jobs.set_status(jobs.new_job(JobId(n), [dummy()], 0), 0, OpStatus.WAITING, 1),
                0,
                LogType.MESSAGE,
                "hi",
                1,
            )
            for n in (1, 2)
        ]
        for job in talking:
            records.add(job)
            records.log(job)
        ended = jobs.set_status(talking[0], 0, OpStatus.SUCCESS, 2)

        await asyncio.gather(records.flush(), records.commit(ended))
        records.log(jobs.append_log(talking[1], 0, LogType.MESSAGE, "more", 2))
        await asyncio.sleep(5)

        assert '"success"' in bench.on_disk(JobId(1))
        assert '"more"' in bench.on_disk(JobId(2))
        await records.close()

    run(scene())
