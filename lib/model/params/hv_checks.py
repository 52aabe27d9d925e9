"""What values of hypervisor parameters must look like.

A check gets a value of the right type that is not empty, and returns what a good
value is when this is none, else an empty text.  Whether a file exists is for the
nodes to say.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence

from ganeti.model.scalars import is_address, is_path

#: stands for every CPU in `parse_cpu_mask`
ALL_CPUS = -1
#: CPUs numbered above this are a mistake, not a machine
MAX_CPU = 65535
#: PCI slots of a KVM machine
PCI_SLOTS = 32
#: limit of the kernel on queues of a tap device
MAX_NET_QUEUES = 8

Check = Callable[[object], str]


def a_path(value: object) -> str:
    """Want an absolute, normalised path."""
    return "" if isinstance(value, str) and is_path(value) else "an absolute path"


def a_path_or_url(value: object) -> str:
    """Want an absolute path, or an address of a web or FTP server."""
    url = isinstance(value, str) and re.fullmatch(r"(https?|ftps?|tftp)://[!-~]+", value)
    return "" if url else a_path(value) and "an absolute path, or a URL (http, https, ftp, ftps, tftp)"


def between(low: int, high: int) -> Check:
    """Want a number in a range, both ends included."""

    def look(value: object) -> str:
        return "" if isinstance(value, int) and low <= value <= high else f"a number from {low} to {high}"

    return look


def not_negative(value: object) -> str:
    """Want a number that is 0 or more."""
    return "" if isinstance(value, int) and value >= 0 else "0 or more"


def an_address(value: object) -> str:
    """Want an IP address."""
    return "" if isinstance(value, str) and _is_ip(value) else "an IP address"


def an_address_path_or_interface(value: object) -> str:
    """Want an IP address, a path of a socket, or the name of a network interface."""
    good = isinstance(value, str) and (_is_ip(value) or is_path(value) or re.fullmatch(r"[\w.:@-]{1,15}", value))
    return "" if good else "an IP address, an interface, or the absolute path of a socket"


def letters_of(known: str) -> Check:
    """Want a text made of these letters."""

    def look(value: object) -> str:
        good = isinstance(value, str) and set(value) <= set(known)
        return "" if good else f"a text made of the letters {', '.join(known)}"

    return look


def one_of(*numbers: int) -> Check:
    """Want one of these numbers."""

    def look(value: object) -> str:
        return "" if value in numbers else f"one of {', '.join(map(str, numbers))}"

    return look


def _is_ip(value: str) -> bool:
    return is_address(socket.AF_INET, value) or is_address(socket.AF_INET6, value)


def a_cpu_mask(value: object) -> str:
    """Want a list of CPUs such as 0-3,7."""
    return "" if isinstance(value, str) and _reads(parse_cpu_mask, value) else 'CPUs such as "0-3,7"'


def a_multi_cpu_mask(value: object) -> str:
    """Want a list of CPUs for each virtual CPU, or one for all."""
    good = isinstance(value, str) and _reads(parse_multi_cpu_mask, value)
    return "" if good else '"all", CPUs such as "0-3,7", or such lists for each virtual CPU, separated by ":"'


def parse_cpu_mask(mask: str) -> list[int]:
    """Return the CPUs of a mask such as "0-3,7", each once, in order.

    Raises ValueError.
    """
    cpus: set[int] = set()
    for part in mask.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})(?:-(\d{1,5}))?\s*", part, re.ASCII)
        if match is None:
            raise ValueError(f"cannot read CPU mask {mask!r}: {part!r} is neither a CPU nor a range")
        low, high = int(match[1]), int(match[2] or match[1])
        if low > high or high > MAX_CPU:
            raise ValueError(f"cannot read CPU mask {mask!r}: {part!r} is no range of CPUs")
        cpus.update(range(low, high + 1))
    return sorted(cpus)


def parse_multi_cpu_mask(mask: str) -> list[list[int]]:
    """Return the CPUs for each virtual CPU; a single list is for all of them.

    "all" reads as [ALL_CPUS].  Raises ValueError.
    """
    return [[ALL_CPUS] if part == "all" else parse_cpu_mask(part) for part in mask.split(":")]


def _reads(parse: Callable[[str], Sequence[object]], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True
