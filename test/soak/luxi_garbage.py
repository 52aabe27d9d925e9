"""Garbage made by a grammar, for as many minutes as wanted, and a client beside it who wants to be served.

    PYTHONPATH=build:. build/venv/bin/python -m test.soak.luxi_garbage --minutes 10

The grammar derives calls from the table of LUXI and of opcodes, and bends them at every
level: the bytes, the JSON, the envelope, the names, the arguments, the fields of opcodes.
Held to: the daemon is the same process at the end, it reported no bug of its own, every
call of the other client was answered, memory and descriptors have not grown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.model.enums import QueryResource
from ganeti.model.opcodes.registry import OPCODES
from ganeti.schema import fields_of
from test.support.cluster import Cluster, running_cluster
from test.support.luxi_raw import END, Raw

#: calls that would keep others from working, or the connection from being answered
_NOT_CALLED = frozenset({"SetDrainFlag"}) | methods.WAITING
#: seconds an answer to the other client may take on the busiest machine
_SERVED_WITHIN = 30.0
#: KiB the daemon may grow by: allocators keep some of what they once had
_GROWTH = 100 * 1024
_WORDS = ("", "name", "node1", "instance1", "cluster", "..", "a/b", "x\ny", "\0", "é\U0001f600", "a" * 300, "%s", "-1")
_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308)


class Report(NamedTuple):
    """What came of it; sizes in KiB, times in seconds."""

    messages: int
    answers: int
    slowest: float
    memory_before: int
    memory_after: int
    memory_most: int
    descriptors: int

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.answers} answers, the other client waited {self.slowest:.2f} s at most;"
            f" memory {self.memory_before // 1024} MiB before, {self.memory_after // 1024} after,"
            f" {self.memory_most // 1024} at most; {self.descriptors} descriptors more"
        )


class Grammar:
    """Makes messages; the same seed makes the same."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def conversation(self) -> list[bytes]:
        """Return what to send over one connection: requests that are answered, or what ends it sooner or later."""
        make = self.request if self._chance.random() < 0.7 else self.noise
        return [make() for _ in range(self._chance.randrange(1, 40))]

    def request(self) -> bytes:
        """Return a request that makes little sense."""
        return json.dumps(self._envelope()).encode() + END

    def noise(self) -> bytes:
        """Return something like a request, mostly ended."""
        chance = self._chance
        data = json.dumps(self._value(3) if chance.random() < 0.05 else self._envelope()).encode()
        if chance.random() < 0.1:
            data = data.replace(b'"method"', chance.choice((b'"version"', b"1", b'"args"')))
        for bend in chance.choices(
            (self._nothing, self._cut, self._flip, self._double, self._nest, self._uncount), (12, 1, 1, 1, 1, 1)
        ):
            data = bend(data)
        return data + (END if chance.random() < 0.97 else b"")

    def _nothing(self, data: bytes) -> bytes:
        return data

    def _cut(self, data: bytes) -> bytes:
        return data[: self._chance.randrange(len(data))]

    def _flip(self, data: bytes) -> bytes:
        bent = bytearray(data)
        for _ in range(self._chance.randrange(1, 5)):
            bent[self._chance.randrange(len(bent))] = self._chance.randrange(256)
        return bytes(bent)

    def _double(self, data: bytes) -> bytes:
        return data * self._chance.randrange(2, 50)

    def _uncount(self, data: bytes) -> bytes:
        return data.replace(b"null", self._chance.choice((b"NaN", b"-Infinity")))

    def _nest(self, data: bytes) -> bytes:
        depth = self._chance.choice((10, 1000, 100_000))
        return data[:-2] + b"," + b"[" * depth + b"]" * self._chance.choice((0, depth)) + data[-2:]

    def _envelope(self) -> Any:
        method = self._chance.choice([name for name in methods.METHODS if name not in _NOT_CALLED])
        return {"method": method, "args": self._arguments(method)}

    def _arguments(self, method: str) -> list[Any]:
        names = methods.METHODS[method].names
        made = [self._argument(name) for name in names]
        if self._chance.random() < 0.15:
            made = made[: self._chance.randrange(len(made) + 1)] + [self._value(2)] * self._chance.randrange(3)
        return made

    def _argument(self, name: str) -> Any:
        if self._chance.random() < 0.15:
            return self._value(3)
        match name:
            case "ops":
                return [self._opcode() for _ in range(self._chance.randrange(3))]
            case "jobs":
                return [[self._opcode()] for _ in range(self._chance.randrange(4))]
            case "what" | "resource":
                return self._chance.choice([each.value for each in QueryResource])
            case "fields":
                return self._chance.choices(("name", "id", "status", "tags", "summary", "nosuch", ""), k=3)
            case "qfilter":
                return self._filter(self._chance.randrange(1, 6))
        return self._value(1)

    def _opcode(self) -> Any:
        """Return an opcode that is wrong somewhere, so that nothing happens to the cluster."""
        name = self._chance.choice(list(OPCODES))
        fields = [field for field in fields_of(OPCODES[name]) if self._chance.random() < 0.5]
        made = {getattr(field, "wire", field): self._value(2) for field in fields}
        return {**made, "OP_ID": name, "no_such_field": self._value(1)}

    def _filter(self, depth: int) -> Any:
        sign = self._chance.choice(("&", "|", "!", "?", "=", "==", "!=", "<", ">=", "=~", "=[]", "nosuch"))
        if depth == 0 or self._chance.random() < 0.1:
            return self._value(1)
        if sign in "&|!":
            return [sign, *(self._filter(depth - 1) for _ in range(self._chance.randrange(4)))]
        patterns = ("(a+)+$", "(", "^node", ".*.*.*.*x", "[", "(?P<x>", "\\")
        value = self._chance.choice(patterns) if sign == "=~" else self._value(1)
        return [sign, self._chance.choice(("name", "id", "status", "tags", "nosuch")), value]

    def _value(self, depth: int) -> Any:
        chance = self._chance
        kind = chance.randrange(8 if depth else 5)
        if kind < 2:
            return chance.choice(_WORDS)
        if kind < 4:
            return chance.choice(_NUMBERS)
        if kind == 4:
            return chance.choice((None, True, False))
        if kind == 5:
            return {chance.choice(_WORDS): self._value(depth - 1) for _ in range(chance.randrange(4))}
        return [self._value(depth - 1) for _ in range(chance.randrange(5))]


class Attack:
    """Sends garbage to the master daemon of a cluster that does nothing else."""

    def __init__(self, cluster: Cluster, seed: object) -> None:
        self._cluster = cluster
        self._chance = random.Random(f"garbage {seed}")
        self._grammar = Grammar(self._chance)

    def run(self, enough: Callable[[int], bool]) -> Report:
        """Send until it is enough, asked with the number of messages sent; then check.

        Raises AssertionError when something does not hold.
        """
        pid = self._cluster.pid()
        before, descriptors = self._memory("VmRSS"), self._descriptors()
        sent, answers, slowest = 0, 0, 0.0
        with self._cluster.luxi() as other:
            while not enough(sent):
                messages = self._grammar.conversation()
                answers += self._send(messages)
                sent += len(messages)
                begun = time.monotonic()
                assert other.call(methods.query_config_values, ["cluster_name"]) == ["cluster"]
                slowest = max(slowest, time.monotonic() - begun)
            assert slowest < _SERVED_WITHIN
            assert self._cluster.pid() == pid
            self._check_log()
            assert other.call(methods.query, "instance", ["name"], None)["data"] == []
        after = self._memory("VmRSS")
        report = Report(sent, answers, slowest, before, after, self._memory("VmHWM"), self._descriptors() - descriptors)
        assert after - before < _GROWTH and report.descriptors < 10, report
        return report

    def _send(self, messages: list[bytes]) -> int:
        """Send messages over one connection; return how many answers came before it ended."""
        with contextlib.closing(Raw(self._cluster)) as connection, contextlib.suppress(OSError):
            for message in messages:
                connection.send(message)
            connection.finish()
            return connection.rest().count(END)
        return 0

    def _check_log(self) -> None:
        with open(self._cluster.paths(1).log_file(daemons.MASTERD)) as log:
            _, *found = log.read().split("ended with a bug")
        assert not found, "\n".join(part[:3000] for part in found[:5])

    def _memory(self, what: str) -> int:
        with open(f"/proc/{self._cluster.pid()}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(f"{what}:"))

    def _descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self._cluster.pid()}/fd"))


def main(argv: list[str]) -> int:
    """Attack for as long as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Send garbage to the master daemon of a cluster made for it.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)), help="what decides the garbage")
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="luxi-garbage-") as base, running_cluster(base, 1) as cluster:
        end = time.monotonic() + options.minutes * 60
        try:
            print(Attack(cluster, options.seed).run(lambda sent: time.monotonic() > end))
        except (AssertionError, errors.GenericError) as err:
            print(f"does not hold: {err}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
