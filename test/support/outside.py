"""Clients of strangers: they know the documents of the interface and no part of ours.

Only the standard library is used here, on purpose: what these clients get is what
programs get that were written for the original.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

TIMEOUT = 60.0


class Answer(NamedTuple):
    """What a server said; `document` is None where there is no JSON."""

    status: int
    document: Any
    headers: Mapping[str, str]


class RapiStranger:
    """A program that drives a cluster by its remote API: one kept connection, Basic login, JSON."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self.address = host, port
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
        self._connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self.context)

    def close(self) -> None:
        self._connection.close()

    def ask(self, verb: str, path: str, body: Any = None) -> Answer:
        headers = {"Accept": "application/json", "Content-type": "application/json"}
        if self.login:
            headers["Authorization"] = self.login
        self._connection.request(verb, path, "" if body is None else json.dumps(body), headers)
        said = self._connection.getresponse()
        text = said.read()
        return Answer(said.status, json.loads(text) if text else None, dict(said.headers))

    def get(self, path: str, body: Any = None) -> Any:
        return self.value("GET", path, body)

    def value(self, verb: str, path: str, body: Any = None) -> Any:
        said = self.ask(verb, path, body)
        assert said.status == 200, f"{verb} {path}: {said}"
        assert said.headers["Content-Type"] == "application/json"
        return said.document

    def job(self, verb: str, path: str, body: Any = None) -> Any:
        """Have a job submitted and wait for it as documented; return what it is in the end."""
        number = self.value(verb, path, body)
        assert type(number) is int, number
        seen: list[Any] | None = None
        while not seen or seen[0] not in ("success", "error", "canceled"):
            question = {"fields": ["status"], "previous_job_info": seen, "previous_log_serial": None}
            changed = self.get(f"/2/jobs/{number}/wait", question)
            seen = changed["job_info"] if changed else seen
        return self.get(f"/2/jobs/{number}")

    def said_to(self, data: bytes) -> bytes:
        """Return all that is answered to bytes on a connection of their own."""
        with socket.create_connection(self.address, TIMEOUT) as plain, self.context.wrap_socket(plain) as encrypted:
            encrypted.sendall(data)
            answer = b""
            while part := encrypted.recv(65536):
                answer += part
            return answer


class ConfdStranger:
    """A program that asks one candidate by datagrams."""

    def __init__(self, host: str, port: int, key: bytes) -> None:
        self._key = key
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.5)
        self._socket.connect((host, port))

    def close(self) -> None:
        self._socket.close()

    def ask(self, kind: int, query: Any = None) -> tuple[int, Any]:
        """Return status and answer; asks again when a datagram is lost."""
        for _ in range(20):
            rsalt = str(uuid.uuid4())
            text = json.dumps({"protocol": 1, "type": kind, "query": query, "rsalt": rsalt})
            salt = str(int(time.time()))
            envelope = {"msg": text, "salt": salt, "hmac": self._mac(salt, text)}
            self._socket.send(b"plj0" + json.dumps(envelope).encode())
            try:
                data = self._socket.recv(65536)
            except (TimeoutError, ConnectionError):
                continue
            reply = json.loads(data.removeprefix(b"plj0"))
            if reply["salt"] != rsalt:
                continue  # to a question given up
            assert data[:4] == b"plj0" and reply["hmac"] == self._mac(reply["salt"], reply["msg"])
            message = json.loads(reply["msg"])
            assert message.keys() == {"protocol", "status", "answer", "serial"}
            assert message["protocol"] == 1 and type(message["serial"]) is int
            return message["status"], message["answer"]
        raise TimeoutError(f"no answer to question {kind}")

    def _mac(self, salt: str, text: str) -> str:
        return hmac.new(self._key, (salt + text).encode(), hashlib.sha1).hexdigest()


_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)"
    r'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})?'
    r" ([-+]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|Inf)|NaN)(?: [0-9]+)?"
)
_OF_HISTOGRAMS = re.compile("_(bucket|sum|count)$")


def read_figures(text: str) -> dict[tuple[str, str], float]:
    """Read the text form of Prometheus by its letter; return samples by name and labels.

    Families stand together, with one HELP and one TYPE before them; histograms have
    rising buckets up to +Inf, which holds the count; no sample stands twice.
    """
    assert text.endswith("\n")
    helps: set[str] = set()
    types: dict[str, str] = {}
    samples: dict[tuple[str, str], float] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, family, rest = line.split(" ", 3)
            assert word in ("HELP", "TYPE") and family not in (helps if word == "HELP" else types), line
            if word == "HELP":
                helps.add(family)
            else:
                assert rest in ("counter", "gauge", "histogram", "summary", "untyped"), line
                types[family] = rest
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match[1], match[2] or "", match[3]
        owner = _OF_HISTOGRAMS.sub("", name) if types[family] == "histogram" else name
        assert owner == family and (name, labels) not in samples, line
        samples[name, labels] = float(value)
    assert helps == set(types)
    _check_histograms(samples)
    return samples


def _check_histograms(samples: Mapping[tuple[str, str], float]) -> None:
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for (name, labels), value in samples.items():
        if name.endswith("_bucket"):
            bound = re.search(r'le="([^"]*)"', labels)
            assert bound
            rest = labels.replace(bound[0], "").strip(",")
            buckets.setdefault((name.removesuffix("_bucket"), rest), []).append((float(bound[1]), value))
    for (name, labels), steps in buckets.items():
        assert steps == sorted(steps) and steps[-1][0] == float("inf")
        assert [count for _, count in steps] == sorted(count for _, count in steps)
        assert samples[f"{name}_count", labels] == steps[-1][1] and (f"{name}_sum", labels) in samples
