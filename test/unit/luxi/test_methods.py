import json
import pathlib

from ganeti.luxi import methods

SPEC = json.loads((pathlib.Path(__file__).parents[2] / "data/spec/luxi.json").read_text())


#: ours, beyond the specification
OWN = {"WaitForEvents", "QueryFigures"}


def test_every_method_of_the_specification_is_in_the_table_and_no_other_but_our_own() -> None:
    assert methods.METHODS.keys() == SPEC["methods"].keys() | OWN


def test_every_method_takes_the_arguments_of_the_specification() -> None:
    counts = {name: len(p.names) for name, p in methods.METHODS.items() if name not in OWN}

    assert counts == {name: len(row["args"]) for name, row in SPEC["methods"].items()}


def test_arguments_of_old_clients_are_enough() -> None:
    assert methods.cancel_job.decode_arguments([12]) == [12, False]
    assert methods.query.decode_arguments(["node", ["name"]]) == ["node", ("name",), None]


def test_records_are_sent_in_their_wire_form() -> None:
    class Form:
        def to_wire(self) -> dict[str, str]:
            return {"OP_ID": "OP_TEST_DUMMY"}

    assert methods.submit_job.encode_arguments([Form()]) == [[{"OP_ID": "OP_TEST_DUMMY"}]]


def test_only_calls_that_change_nothing_may_be_abandoned() -> None:
    changing = set(methods.METHODS) - methods.ABANDONABLE

    assert changing == {
        "SubmitJob", "SubmitJobToDrainedQueue", "SubmitManyJobs", "PickupJob", "CancelJob", "ChangeJobPriority",
        "ArchiveJob", "AutoArchiveJobs", "SetDrainFlag", "ReplaceFilter", "DeleteFilter", "SetWatcherPause",
    }  # fmt: skip
