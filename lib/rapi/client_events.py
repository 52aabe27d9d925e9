"""RAPI client: the stream of events, and its form (server-sent events, WHATWG HTML).

An event is lines "field: value" and an empty line; lines that begin with a colon are
comments, sent to keep the connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pycurl

from ganeti.rapi.client_http import CertificateError, ClientError, GanetiApiError, Http
from ganeti.rapi.client_jobs import Waits

PATH = "/2/events"
#: kind of the event that says that others were missed
RESET = "reset"
#: seconds of silence after which a connection is taken for dead; the server says something more often
SILENCE = 60
#: bytes of one event
_EVENT_LIMIT = 1 << 20
_PAUSE = 2.0  # seconds before another connection is tried, unless the server says otherwise
_TURN = 1.0  # seconds between two looks at the connection


class Event(NamedTuple):
    """Something that happened: `id` is where to go on after it, `data` what is told of it."""

    kind: str
    id: str
    data: Any


class EventParser:
    """Makes events of the bytes of a stream; does nothing else."""

    def __init__(self) -> None:
        #: seconds to wait before coming back, if the server said so
        self.pause: float | None = None
        #: where to go on when coming back, "" as long as that is not known
        self.last_id = ""
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are complete with these bytes.

        Raises GanetiApiError when this is no stream of events.
        """
        *lines, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n")
        if len(self._rest) + sum(map(len, self._data)) > _EVENT_LIMIT:
            raise GanetiApiError(f"the server sends an event of more than {_EVENT_LIMIT} bytes")
        return [event for line in lines if (event := self._line(line.decode("utf-8", "replace"))) is not None]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                self._data.append(value)
            case "event":
                self._kind = value
            case "id":
                self.last_id = value
            case "retry" if value.isdigit():
                self.pause = int(value) / 1000
        return None

    def _complete(self) -> Event | None:
        kind, text = self._kind, "\n".join(self._data)
        self._kind, self._data = "", []
        if not text:
            return None
        try:
            return Event(kind or "message", self.last_id, json.loads(text))
        except ValueError:
            raise GanetiApiError(f"cannot understand an event of the server: {text:.200}") from None


class EventStream:
    """The events of a cluster, from one connection after the other."""

    def __init__(self, http: Http, kinds: Sequence[str], last_event_id: str | None) -> None:
        if isinstance(kinds, str):
            raise ClientError(f"kinds of events are a list, not one string: [{kinds!r}]")
        if last_event_id is not None and not (last_event_id.isascii() and last_event_id.isprintable()):
            raise ClientError(f"{last_event_id!r} is not the id of an event")
        self._http = http
        self._kinds = list(kinds)
        self._last = last_event_id
        self._pause = _PAUSE
        self._connected = False

    def events(self, time: Waits | None) -> Iterator[Event]:
        """Yield events; when the connection breaks go on with another one, unless `time` is None.

        Raises GanetiApiError when the server refuses, or cannot be reached at all.
        """
        while True:
            try:
                for event in self._connection():
                    self._last = event.id or self._last
                    yield event
            except CertificateError:
                raise
            except GanetiApiError as err:
                for_now = err.code is None or (err.code >= 500 and err.code != 501)
                if time is None or not self._connected or not for_now:
                    raise
            if time is None:
                return
            time.sleep(self._pause)

    def _connection(self) -> Iterator[Event]:
        """Yield the events of one connection until it ends.

        Raises GanetiApiError.
        """
        arrived: list[bytes] = []
        parser = EventParser()
        multi, curl = pycurl.CurlMulti(), pycurl.Curl()
        self._http.prepare(curl, "GET", PATH, {"kind": self._kinds or None})
        curl.setopt(pycurl.TIMEOUT_MS, 0)
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        curl.setopt(pycurl.LOW_SPEED_TIME, SILENCE)
        headers = self._http.headers(["Accept: text/event-stream"])
        if self._last is not None:
            headers.append(f"Last-Event-ID: {self._last}")
        curl.setopt(pycurl.HTTPHEADER, headers)
        curl.setopt(pycurl.WRITEFUNCTION, arrived.append)
        multi.add_handle(curl)
        try:
            running = 1
            while running:
                _, running = multi.perform()
                data, arrived[:] = b"".join(arrived), []
                status = int(curl.getinfo(pycurl.RESPONSE_CODE))
                if status >= 300:
                    raise self._http.refusal(status, data.decode("utf-8", "replace"), "GET", PATH)
                self._connected = self._connected or status == 200
                yield from parser.feed(data)
                self._last = parser.last_id or self._last
                self._pause = parser.pause if parser.pause is not None else self._pause
                if running:
                    multi.select(_TURN)
            self._check_end(multi)
        finally:
            multi.remove_handle(curl)
            curl.close()
            multi.close()

    def _check_end(self, multi: pycurl.CurlMulti) -> None:
        _, _, failed = multi.info_read()
        for _, code, reason in failed:
            raise self._http.failure(code, reason, "GET", PATH)
