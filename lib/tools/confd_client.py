"""confd-client: asks the master candidates about the cluster, and shows what they say.

Without a QUESTION every candidate is asked by itself, which shows which of them answer,
how fast, and which are behind.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence

from ganeti import _autoconf, errors
from ganeti.confd import client as confd
from ganeti.confd.quorum import EXPIRE, Result
from ganeti.confd.requests import BY_NAME, DEFAULT_PORT, ErrorCode, RequestType, Status
from ganeti.paths import Paths
from ganeti.utils import files, json, net, option_types

PROGRAM = "confd-client"
EXIT_ERROR = 1
#: the question was answered, with an error
EXIT_REFUSED = 2

_REFUSALS: Mapping[int, str] = {
    ErrorCode.UNKNOWN_ENTRY: "nothing has that name or address",
    ErrorCode.INTERNAL: "a fault of the daemon, see its log",
    ErrorCode.ARGUMENT: "the query is not what this question takes, see --help",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    questions = "\n".join(f"  {row.name:24} {row.query}" for row in BY_NAME.values())
    parser = argparse.ArgumentParser(
        PROGRAM,
        description=__doc__,
        epilog=f"questions, and the query each takes:\n{questions}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", nargs="?", metavar="QUESTION", choices=[*BY_NAME], help="what to ask, see below")
    parser.add_argument("query", nargs="?", metavar="QUERY", help="a text, or a JSON object")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} (ganeti) {_autoconf.VERSION}")
    parser.add_argument("--hmac", metavar="KEY", help="the key, or its file (default: the cluster's on this node)")
    parser.add_argument("-a", "--address", help="address to ask (default: the master candidates')")
    parser.add_argument(
        "-p", "--port", type=option_types.port, default=DEFAULT_PORT, help="port to ask at (default %(default)s)"
    )
    parser.add_argument("-c", "--coverage", type=int, default=0, help="how many to ask, -1 for all (default: up to 6)")
    parser.add_argument(
        "-t", "--timeout", type=option_types.seconds, default=EXPIRE, help="seconds to wait (default %(default)g)"
    )
    parser.add_argument("-r", "--requests", type=int, default=1, help="ask so many times, and say how fast it was")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = build_parser().parse_args(argv[1:])
    try:
        paths = Paths.from_environ(os.environ)
        key = _key_of(options.hmac) if options.hmac else confd.read_key(paths)
        peers = [_address(options.address, paths)] if options.address else confd.read_peers(paths)
        if options.question is None:
            return _ask_each(key, peers, options)
        with confd.ConfdClient(key, peers, port=options.port) as client:
            return _ask(client, options)
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return EXIT_ERROR


def _key_of(given: str) -> bytes:
    """Return the key that is given itself, as Ganeti's program has it, or by its file: what has a slash or exists.

    Shells take the newline off that ends the file of a key and is part of it.
    """
    if "/" not in given and not os.path.exists(given):
        return given.encode() if given.endswith("\n") else f"{given}\n".encode()
    try:
        return files.read_file(given)
    except OSError as err:
        raise errors.ConfigurationError(f"cannot read {given}: {err.strerror}") from err


def _address(given: str, paths: Paths) -> str:
    return given if net.is_ip(given) else net.look_up(given, paths).ip


def _ask(client: confd.ConfdClient, options: argparse.Namespace) -> int:
    """Ask one question, perhaps many times, and print the answer."""
    kind, query = BY_NAME[options.question].type, _query(options.query)
    began = time.monotonic()
    for _ in range(max(1, options.requests)):
        result = client.ask(kind, query, coverage=options.coverage, timeout=options.timeout)
    took = time.monotonic() - began
    print(json.dumps(result.reply.answer))
    _warn(result)
    if options.requests > 1:
        print(f"{options.requests} times in {took:.3f} s, {options.requests / took:.0f}/s", file=sys.stderr)
    if not result.reply.ok:
        print(f"{PROGRAM}: refused: {refusal(result.reply.status, result.reply.answer)}", file=sys.stderr)
        return EXIT_REFUSED
    return 0


def refusal(status: int, answer: object) -> str:
    """Return in words why a question was refused."""
    if status == Status.NOT_IMPLEMENTED:
        return "this daemon does not know the question"
    if status != Status.ERROR:
        return f"status {status}"
    return _REFUSALS[answer] if isinstance(answer, int) and answer in _REFUSALS else str(answer)


def _warn(result: Result) -> None:
    if not result.is_complete:
        print(
            f"{PROGRAM}: only {result.replied} of {result.asked} asked answered, {result.needed} would be enough:"
            " there may be a newer configuration",
            file=sys.stderr,
        )
    if not result.consistent:
        print(f"{PROGRAM}: candidates differ in what they say of the same configuration", file=sys.stderr)


def _ask_each(key: bytes, peers: Sequence[str], options: argparse.Namespace) -> int:
    """Ask every candidate who the master is; print one line for each."""
    code = 0
    for peer in peers:
        began = time.monotonic()
        try:
            with confd.ConfdClient(key, [peer], port=options.port) as client:
                reply = client.ask(RequestType.CLUSTER_MASTER, timeout=options.timeout).reply
        except errors.ConfdClientError:
            print(f"{peer}: no answer")
            code = EXIT_ERROR
        else:
            took = (time.monotonic() - began) * 1000
            print(f"{peer}: serial {reply.serial}, master {reply.answer}, {took:.1f} ms")
    return code


def _query(given: str | None) -> object:
    """Return the query: JSON if it is an object, else the text itself."""
    return json.loads(given) if given and given.startswith("{") else given
