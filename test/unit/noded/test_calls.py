"""The table of node calls meets what carries them out."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.noded import calls
from ganeti.noded.calls import bind
from ganeti.paths import Paths
from ganeti.procedure import procedure, table_of
from ganeti.rpc import procedures
from test.support.node import make_node


def test_every_call_of_the_table_has_its_handler(paths: Paths) -> None:
    assert bind(make_node(paths)).keys() == table_of(procedures).keys()


def test_public_methods_of_the_subjects_that_are_no_calls_are_few_and_known(paths: Paths) -> None:
    node = make_node(paths)
    wire = {p.stub.__name__ for p in table_of(procedures).values()}

    extra = {
        name
        for subject in calls.SUBJECTS
        for name in vars(type(subject(node)))
        if not name.startswith("_") and name not in wire
    }

    assert extra == {"environment", "export_script", "import_script"}


def test_call_without_a_handler_is_refused() -> None:
    @procedure(timeout=1)
    def orphan() -> None:
        raise NotImplementedError

    with pytest.raises(
        errors.ProgrammerError, match="call orphan must have one handler, but is carried out by nothing"
    ):
        calls._carrier_of(orphan)


def test_handler_with_other_parameters_is_refused() -> None:
    @procedure(timeout=1)
    def jobqueue_purge(now: bool) -> None:
        raise NotImplementedError

    with pytest.raises(errors.ProgrammerError, match="handler of jobqueue_purge takes"):
        calls._carrier_of(jobqueue_purge)


def test_answers_of_a_node_survive_the_wire(paths: Paths) -> None:
    handlers = bind(make_node(paths))
    table = table_of(procedures)

    for name, arguments in {
        "version": [],
        "node_info": [[["file", "/srv/ganeti/file-storage", []]], [["fake", {}]]],
        "os_diagnose": [],
        "all_instances_info": [["fake"], {}],
        "hooks_runner": ["instance-start", "pre", {}],
        "get_watcher_pause": [],
        "storage_list": ["file", [], None, ["name", "size"]],
    }.items():
        call = table[name]
        answer = handlers[name](*call.decode_arguments(arguments))
        sent = call.encode_answer(answer)
        assert call.encode_answer(call.decode_answer(sent)) == sent
