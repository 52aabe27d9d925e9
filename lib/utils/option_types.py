"""Values of options of daemons and tools, as `argparse` calls them: `type=port`."""

from __future__ import annotations

import argparse
import math

from ganeti.utils import net

_LAST_PORT = 65535


def port(text: str) -> int:
    """Read the number of a TCP or UDP port.

    Raises ArgumentTypeError.
    """
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to {_LAST_PORT}")
    return int(text)


def bind_address(text: str) -> str:
    """Read an address to listen at; nothing means all addresses.

    Raises ArgumentTypeError.
    """
    if text and not net.is_ip(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address")
    return text


def seconds(text: str) -> float:
    """Read a time to wait.

    Raises ArgumentTypeError.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
