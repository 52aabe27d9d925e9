"""Events and figures of a running cluster, for those who watch it over the remote API."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from ganeti.bootstrap import daemons
from ganeti.rapi.client_events import Event, EventParser
from test.support.admin import add_diskless, remove_all
from test.support.cluster import Cluster
from test.support.polling import until
from test.support.remote import Remote, login, remote_of

SECRETS = ("PRIVATE KEY", "secret", "HA1")


@pytest.fixture(scope="module")
def remote(cluster3: Cluster) -> Iterator[Remote]:
    with remote_of(cluster3) as found:
        yield found


# --- events ---------------------------------------------------------------------------------


class Ear:
    """One listener."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.parser = EventParser()
        self._heard: list[Event] = []

    def begun(self) -> None:
        """Wait until what happens from now on is heard."""
        while not self.parser.last_id:
            self._more()

    def until(self, last: Callable[[Event], bool]) -> list[Event]:
        """Return what is heard, up to a certain event."""
        count = 0
        while not any(map(last, self._heard[count:])):
            count = len(self._heard)
            self._more()
        end = next(number for number, event in enumerate(self._heard) if last(event)) + 1
        heard, self._heard = self._heard[:end], self._heard[end:]
        return heard

    def _more(self) -> None:
        data = self._response.read1(65536)
        assert data, "the stream has ended"
        self._heard += self.parser.feed(data)


@contextlib.contextmanager
def listening(remote: Remote, query: str = "", last: str = "", user: str = "jill") -> Iterator[Ear]:
    connection = http.client.HTTPSConnection(*remote.address, timeout=60, context=remote.context)
    with contextlib.closing(connection):
        headers = {"Authorization": login(user), **({"Last-Event-ID": last} if last else {})}
        connection.request("GET", f"/2/events{query}", headers=headers)
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        ear = Ear(response)
        ear.begun()
        yield ear


def is_end_of(job_id: int) -> Callable[[Event], bool]:
    return lambda event: event.kind == "job" and event.data["id"] == job_id and event.data["status"] == "success"


def told(event: Event) -> tuple[Any, ...]:
    names = ("id", "status") if event.kind == "job" else ("name", "change")
    return (event.kind, *(event.data[name] for name in names))


def test_changes_are_heard_in_order_as_they_happen(remote: Remote) -> None:
    with listening(remote) as ear:
        job = remote.done("PUT", "/2/tags?tag=a")["id"]
        heard = ear.until(is_end_of(job))

    assert [told(event) for event in heard if event.kind == "job"] == [
        *(("job", job, "queued"), ("job", job, "waiting"), ("job", job, "running"), ("job", job, "success"))
    ]
    assert ("cluster", "cluster", "changed") in [told(event) for event in heard]
    serials = [int(event.id.rpartition("-")[2]) for event in heard]
    assert serials == list(range(serials[0], serials[0] + len(serials)))
    assert heard[0].data["summary"].startswith("TAGS_SET")


def test_who_comes_back_misses_nothing(remote: Remote, cluster3: Cluster) -> None:
    with listening(remote) as ear, listening(remote) as other:
        first = remote.done("PUT", "/2/tags?tag=b")["id"]
        stopped_at = ear.until(is_end_of(first))[-1].id
        other.until(is_end_of(first))

        # Away, while things happen.
        add_diskless(cluster3, "instance1", "node2")
        remove_all(cluster3)
        job = remote.done("DELETE", "/2/tags?tag=b")["id"]
        whole = other.until(is_end_of(job))

    with listening(remote, last=stopped_at) as again:
        assert again.until(is_end_of(job)) == whole
    assert [e.data["change"] for e in whole if e.kind == "instance" and e.data["name"] == "instance1"][::-1][
        0
    ] == "removed"
    with listening(remote, "?kind=instance", stopped_at) as some:
        assert {event.kind for event in some.until(lambda event: event.data["change"] == "removed")} == {"instance"}


def test_who_was_away_too_long_is_told_to_look_at_everything(remote: Remote, cluster3: Cluster) -> None:
    with listening(remote) as ear:
        job = remote.done("PUT", "/2/tags?tag=c")["id"]
        known = ear.until(is_end_of(job))[-1].id

        cluster3.restart_master()

        # The stream goes on over a restart of the master daemon.
        assert ear.until(lambda event: event.kind == "reset")[-1].data == {}
        job = remote.done("DELETE", "/2/tags?tag=c")["id"]
        assert ear.until(is_end_of(job))
    for last in (known, "abc-99999999", "nonsense"):
        with listening(remote, last=last) as again:
            assert again.until(lambda event: True)[0].kind == "reset"


def test_events_are_for_those_who_may_read(remote: Remote) -> None:
    assert remote.ask("GET", "/2/events", user="").status == 401
    assert remote.ask("GET", "/2/events", user="nobody").status == 403
    assert remote.ask("GET", "/2/events?kind=weather").status == 400


# --- figures --------------------------------------------------------------------------------


def test_figures_are_offered_only_where_the_daemon_is_told_to(remote: Remote) -> None:
    assert remote.ask("GET", "/metrics").status == 404


@pytest.fixture(scope="module")
def figures(remote: Remote, cluster3: Cluster) -> Iterator[dict[str, Metric]]:
    """Figures of a cluster in which things have happened, by name."""
    cluster3.ok("daemon-util", "stop", daemons.RAPI)
    cluster3.start(daemons.RAPI, cluster3.master, "--metrics")
    try:
        add_diskless(cluster3, "instance1", "node2")
        bad = remote.value("PUT", "/2/instances/instance1/rename", {"new_name": "instance2", "name_check": False})
        assert remote.ended(bad)["status"] == "error"
        text = scraped(remote)
        assert not [word for word in SECRETS if word in text]
        yield {family.name: family for family in text_string_to_metric_families(text)}
    finally:
        remove_all(cluster3)
        cluster3.ok("daemon-util", "stop", daemons.RAPI)
        cluster3.start(daemons.RAPI, cluster3.master)


def scraped(remote: Remote) -> str:
    connection = http.client.HTTPSConnection(*remote.address, timeout=60, context=remote.context)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def values(family: Metric) -> dict[tuple[str, ...], float]:
    """Return the values of a family by their labels, in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_jobs_are_counted_by_status_with_their_times(figures: dict[str, Metric]) -> None:
    jobs = values(figures["ganeti_jobs"])

    assert {status for (status,) in jobs} == {
        *("queued", "waiting", "canceling", "running", "canceled", "success", "error")
    }
    assert jobs["success",] >= 1 and jobs["error",] >= 1
    ended = values(figures["ganeti_jobs_ended"])
    assert ended["success",] >= 1 and ended["error",] >= 1
    for name in ("ganeti_job_queued_seconds", "ganeti_opcode_preparing_seconds", "ganeti_opcode_running_seconds"):
        samples = {sample.name.removeprefix(name): sample.value for sample in figures[name].samples}
        assert figures[name].type == "histogram"
        assert samples["_count"] >= 1 and samples["_sum"] >= 0


def test_locks_calls_nodes_and_instances_have_figures(figures: dict[str, Metric]) -> None:
    assert values(figures["ganeti_master_up"]) == {(): 1}
    assert figures["ganeti_lock_wait_seconds"].type == "histogram"
    assert {"ganeti_locks_held", "ganeti_locks_waiting", "ganeti_rpc_errors"} <= figures.keys()
    assert values(figures["ganeti_rpc_calls"])["instance_start",] >= 1
    assert values(figures["ganeti_nodes"]) == {("M",): 1, ("C",): 2}
    memory = values(figures["ganeti_node_memory_bytes"])
    assert memory["total", "node1"] == 4096 * 2**20
    assert memory["free", "node2"] == (4096 - 64) * 2**20
    assert values(figures["ganeti_node_instances"])["primary", "node2"] == 1
    assert values(figures["ganeti_instance_status"]) == {("running",): 1}
    assert values(figures["ganeti_instances"]) == {("up",): 1}
    assert all(name.startswith("ganeti_") for name in figures)


def test_without_the_master_daemon_figures_say_so(
    remote: Remote, cluster3: Cluster, figures: dict[str, Metric]
) -> None:
    def is_up() -> float:
        families = {family.name: family for family in text_string_to_metric_families(scraped(remote))}
        return values(families["ganeti_master_up"])[()]

    cluster3.kill_master()
    try:
        until(lambda: is_up() == 0, "the master daemon is known to be away")
    finally:
        cluster3.restart_master()
