"""Where a daemon listens: its address unless told otherwise, and the socket."""

from __future__ import annotations

import asyncio.sslproto
import socket

from ganeti import ssconf
from ganeti.paths import Paths
from ganeti.utils import net

_IPV6 = "10"
_TLS_BUFFER = 64 * 1024


def default_address(paths: Paths) -> str:
    """Return where to listen: all addresses, but a virtual node only has its own.

    Raises ResolverError.
    """
    if paths.is_virtual:
        return net.resolve(paths.hostname, paths)
    if ssconf.has_ssconf(paths, "primary_ip_family") and ssconf.read_ssconf(paths, "primary_ip_family") == _IPV6:
        return "::"
    return "0.0.0.0"


def bound_socket(address: str, port: int, interface: str = "") -> socket.socket:
    """Return a socket bound to an address, which nobody else may use.

    Raises OSError.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if interface:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        listening.bind((address, port))
    except OSError as err:
        listening.close()
        raise OSError(err.errno, f"cannot listen at {address} port {port}: {err.strerror}") from err
    listening.setblocking(False)
    return listening


def use_small_tls_buffers() -> None:
    """Have TLS connections of this process read less at a time: asyncio's 256 KiB would be most of what each takes."""
    asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER
