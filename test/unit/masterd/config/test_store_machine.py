"""Any order of changes, waits and failing writes: old or new, never mixed, nothing acknowledged lost."""

import asyncio
import errno
import os
import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ganeti.errors import ConfigurationError, ConfigVerifyError
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.verify import verify
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_node, make_store, uuid_of
from test.support.disk import FaultyDisk

NUMBERS = st.integers(0, 5)
NODES = st.integers(0, 3)


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.directory = tempfile.mkdtemp()
        self.path = os.path.join(self.directory, "config.data")
        self.disk = FaultyDisk()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._start())
        self.drafts = []
        self.acknowledged = self.store.current

    async def _start(self):
        self.store = make_store(self.path, make_config(nodes=3), disk=self.disk)

    def teardown(self):
        if hasattr(self, "loop"):
            self.loop.run_until_complete(self.store.close())
            self.loop.close()
            shutil.rmtree(self.directory)

    def change(self, act):
        async def inside():
            before = self.store.newest
            try:
                with self.store.update() as draft:
                    act(draft)
            except (ConfigVerifyError, ConfigurationError, KeyError):
                assert self.store.newest is before
                return
            self.drafts.append((draft, self.store.newest))

        self.loop.run_until_complete(inside())

    @rule(number=NUMBERS, node=NODES, disk=st.none() | NUMBERS, port=st.none() | st.integers(11000, 11003))
    def add_instance(self, number, node, disk, port):
        disks = () if disk is None else (uuid_of("disk", disk),)
        new = make_instance(number, primary_node=uuid_of("node", node), disks=disks, network_port=port)
        self.change(lambda draft: draft.add_instance(new))

    @rule(number=NUMBERS)
    def remove_instance(self, number):
        self.change(lambda draft: draft.instances.__delitem__(uuid_of("inst", number)))

    @rule(number=NUMBERS, name=NUMBERS)
    def rename_instance(self, number, name):
        def act(draft):
            old = draft.instances[uuid_of("inst", number)]
            draft.instances[old.uuid] = replace(old, name=f"inst{name}.example.com")

        self.change(act)

    @rule(number=NUMBERS, node=NODES, other=NODES, mirrored=st.booleans())
    def put_disk(self, number, node, other, mirrored):
        disk = make_drbd(number, node, other) if mirrored else make_disk(number, nodes=(uuid_of("node", node),))
        self.change(lambda draft: draft.disks.__setitem__(disk.uuid, disk))

    @rule(number=NUMBERS)
    def remove_disk(self, number):
        self.change(lambda draft: draft.disks.__delitem__(uuid_of("disk", number)))

    @rule(number=NODES)
    def put_node(self, number):
        self.change(lambda draft: draft.nodes.__setitem__(uuid_of("node", number), make_node(number)))

    @rule(number=NODES)
    def remove_node(self, number):
        self.change(lambda draft: draft.nodes.__delitem__(uuid_of("node", number)))

    @rule(size=st.integers(1, 20))
    def change_cluster(self, size):
        self.change(lambda draft: setattr(draft, "cluster", replace(draft.cluster, candidate_pool_size=size)))

    @rule(steps=st.integers(0, 12), error=st.sampled_from([errno.ENOSPC, errno.EIO]))
    def break_disk(self, steps, error):
        self.disk.error = error
        self.disk.fail_at = len(self.disk.operations) + steps

    @rule(turns=st.integers(1, 4))
    def let_the_writer_go_on(self, turns):
        async def inside():
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(inside())

    @rule()
    def wait_for_all(self):
        async def inside():
            drafts, self.drafts = self.drafts, []
            outcomes = await asyncio.gather(*(self.store.durable(d) for d, _ in drafts), return_exceptions=True)
            for (_, after), outcome in zip(drafts, outcomes, strict=True):
                if isinstance(outcome, ConfigurationError):
                    continue
                assert outcome.serial_no >= after.serial_no
                self.acknowledged = max(self.acknowledged, outcome, key=lambda config: config.serial_no)
            await self.store.close()

        self.loop.run_until_complete(inside())
        assert self.store.newest is self.store.current
        assert self.store.current.serial_no >= self.acknowledged.serial_no
        assert read_config(self.path).config.contents == self.store.current.contents

    @invariant()
    def both_ends_are_sound(self):
        if not hasattr(self, "store"):
            return
        assert verify(self.store.current) == []
        assert verify(self.store.newest) == []
        assert self.store.current.serial_no <= self.store.newest.serial_no

    @invariant()
    def file_is_a_whole_configuration(self):
        if not hasattr(self, "store"):
            return
        on_disk = read_config(self.path).config
        assert verify(on_disk) == []
        assert on_disk.serial_no >= self.acknowledged.serial_no


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=30)
