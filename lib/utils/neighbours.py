"""Who on the network has an address, and telling the network that it is here now.

IPv4 on an Ethernet is asked as RFC 5227 (address conflict detection) says: with a
probe that changes nothing in anybody's table, and that a machine answers whatever its
packet filter does with connections.  All else is only tried to connect to.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import time

from ganeti.utils import net

log = logging.getLogger(__name__)

#: a probe is repeated, for one may get lost; between two, the seconds an answer is waited for
PROBES, PROBE_SECONDS = 3, 0.2
CONNECT_SECONDS = 1.0

_ETHERTYPE_ARP = 0x0806
_HARDWARE_ETHERNET = 1
_REQUEST, _REPLY = 1, 2
_EVERYBODY = b"\xff" * 6
_NOBODY = b"\0" * 6
_NO_ADDRESS = b"\0" * 4
#: destination, source, type of the frame; hardware, protocol, their lengths, operation; sender, target
_FRAME = struct.Struct("!6s6sH HHBBH 6s4s 6s4s")
_IPV4_OVER_ETHERNET = (1, 0x0800, 6, 4)


def holder(address: str, netdev: str, port: int) -> str:
    """Describe the machine that has an address, by its MAC where that can be found out; "" when none answers.

    `netdev` is the interface to the network the address belongs to, `port` one on which
    a connection, accepted or refused, is a sign of life.  An address of this machine
    itself must not be asked about.
    """
    try:
        mac = mac_of(address, netdev)
    except OSError as err:
        log.debug("cannot ask for %s on %s: %s", address, netdev, err)
    else:
        if mac:
            return f"the machine with MAC {mac}"
    return "a machine" if net.tcp_ping(address, port, CONNECT_SECONDS) else ""


def mac_of(address: str, netdev: str) -> str:
    """Return the MAC of another machine that has an IPv4 address, on the Ethernet behind an interface; "" for none.

    Raises OSError when that cannot be asked.
    """
    wanted = socket.inet_pton(socket.AF_INET, address)
    with _arp_socket(netdev) as conversation:
        own = _own_mac(conversation)
        for _ in range(PROBES):
            conversation.send(_frame(own, _NO_ADDRESS, wanted))
            end = time.monotonic() + PROBE_SECONDS
            while (left := end - time.monotonic()) > 0:
                conversation.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    mac = _sender(conversation.recv(_FRAME.size), wanted)
                    if mac not in (None, own):
                        return ":".join(f"{byte:02x}" for byte in mac or b"")
    return ""


def announce(address: str, netdev: str) -> None:
    """Tell the neighbours that an IPv4 address is here now: their tables may still name another machine.

    Raises OSError when that cannot be told.
    """
    here = socket.inet_pton(socket.AF_INET, address)
    with _arp_socket(netdev) as conversation:
        conversation.send(_frame(_own_mac(conversation), here, here))


def _arp_socket(netdev: str) -> socket.socket:
    # With protocol 0 nothing arrives before it is bound: nothing of other interfaces.
    conversation = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        conversation.bind((netdev, _ETHERTYPE_ARP))
        if conversation.getsockname()[3] != _HARDWARE_ETHERNET:
            raise OSError(f"{netdev} is no Ethernet")
    except OSError:
        conversation.close()
        raise
    return conversation


def _own_mac(conversation: socket.socket) -> bytes:
    mac: bytes = conversation.getsockname()[4]
    return mac


def _frame(own: bytes, sender: bytes, target: bytes) -> bytes:
    return _FRAME.pack(
        _EVERYBODY, own, _ETHERTYPE_ARP, *_IPV4_OVER_ETHERNET, _REQUEST, own, sender, _NOBODY, target
    )  # fmt: skip


def _sender(frame: bytes, wanted: bytes) -> bytes | None:
    """Return the MAC of a frame whose sender says it has the wanted address, None of any other."""
    if len(frame) < _FRAME.size:
        return None
    _, _, kind, *form, operation, mac, sender, _, _ = _FRAME.unpack(frame[: _FRAME.size])
    if kind != _ETHERTYPE_ARP or tuple(form) != _IPV4_OVER_ETHERNET or sender != wanted:
        return None
    found: bytes = mac
    return found if operation in (_REQUEST, _REPLY) else None
