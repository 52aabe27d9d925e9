import json

from hypothesis import given
from hypothesis import strategies as st

from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.text import BUCKET_SIZE, ConfigText, dump_record, merged
from ganeti.model.objects.configdata import ConfigData
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_instance, uuid_of


class Counting:
    def __init__(self):
        self.count = 0

    def __call__(self, record):
        self.count += 1
        return dump_record(record)


def test_text_is_one_line_of_version_3_1():
    text = ConfigText().render_all(make_config()).whole()

    assert text.count(b"\n") == 1
    assert json.loads(text)["version"] == 3010000


def test_text_reads_back_as_the_same_configuration():
    config = make_config(instances=[make_instance(n) for n in range(3)], disks=[make_disk(1)])

    data = ConfigData.from_wire(json.loads(ConfigText().render_all(config).whole()))

    again = Config.from_data(data)
    assert (again.head, again.contents) == (config.head, config.contents)


def test_keys_of_a_newer_release_are_written_as_they_came():
    written = json.loads(ConfigText().render_all(make_config()).whole())
    written["later"] = {"deep": [1, None]}

    config = Config.from_data(ConfigData.from_wire(written))

    assert json.loads(ConfigText().render_all(config).whole()) == written


def test_only_what_changed_is_serialised_whatever_the_size():
    counts = []
    for size in (10, 1000):
        counting = Counting()
        text = ConfigText(counting)
        config = make_config(instances=[make_instance(n) for n in range(size)])
        text.render_all(config)
        before = counting.count
        changed = replace(config.instances[uuid_of("inst", 5)], disks_active=True)
        config = config.changed({"instances": {changed.uuid: changed}}, config.head._replace(serial_no=2))
        text.render(config, {"instances": [changed.uuid]})
        counts.append(counting.count - before)

    assert counts == [1, 1]


NUMBERS = st.integers(0, 4 * BUCKET_SIZE)


@given(st.lists(st.dictionaries(NUMBERS, st.booleans(), max_size=BUCKET_SIZE), max_size=8))
def test_text_kept_up_to_date_says_the_same_as_a_fresh_one(steps):
    config = make_config()
    text = ConfigText()
    text.render_all(config)
    for number, step in enumerate(steps):
        changes = {
            uuid_of("inst", n): make_instance(n, serial_no=number + 1) if there else None for n, there in step.items()
        }
        config = config.changed({"instances": changes}, config.head._replace(serial_no=number))

        written = json.loads(text.render(config, {"instances": changes}).whole())
        assert written == json.loads(ConfigText().render_all(config).whole())


def test_merged_holds_what_any_change_touched():
    a, b = uuid_of("inst", 1), uuid_of("inst", 2)

    assert merged({"instances": [a]}, {"instances": [b], "disks": [a]})["instances"] == {a, b}
