"""Asks the daemons of this node for a sign of life: not whether they run, but whether they answer.

A probe is true or false; None when nothing can be said (the daemon may listen somewhere
else than where it is looked for: nobody is killed for that).
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

import pycurl

from ganeti import errors
from ganeti.confd import requests
from ganeti.confd.client import read_key
from ganeti.confd.quorum import Ask
from ganeti.confd.wire import MAX_DATAGRAM, Key
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.paths import Paths
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.transport import CLUSTER_HEADER, DEFAULT_PORT
from ganeti.utils import net

RAPI_PORT = 5080
_LIMIT = 65536


class Node(NamedTuple):
    """What is to be known of this node to talk to its daemons."""

    paths: Paths
    address: str
    rapi_address: str
    cluster_uuid: str


Probe = Callable[[Node, float], bool | None]
"""Takes the seconds an answer may take."""


def noded(node: Node, timeout: float) -> bool | None:
    """Ask the node daemon for its version; that it refuses to tell is an answer, too."""
    files = CredentialFiles(node.paths.server_cert, node.paths.client_cert)
    try:
        client = files.load().client
    except errors.X509CertError:
        return None
    handle = pycurl.Curl()
    handle.setopt(pycurl.SSLCERT_BLOB, client)
    handle.setopt(pycurl.SSLKEY_BLOB, client)
    handle.setopt(pycurl.POSTFIELDS, "[]")
    handle.setopt(pycurl.HTTPHEADER, [f"{CLUSTER_HEADER}: {node.cluster_uuid}"])
    return _answers(handle, _url(node.address, DEFAULT_PORT), timeout)


def masterd(node: Node, timeout: float) -> bool | None:
    """Ask the master daemon for the name of the cluster."""
    echo = methods.query_config_values
    with Client(node.paths.query_socket, connect_timeout=timeout) as client:
        try:
            client.call(echo.with_timeout(timeout), ["cluster_name"])
        except errors.TimeoutError:
            return False
        except errors.LuxiError:
            return None
    return True


def rapi(node: Node, timeout: float) -> bool | None:
    """Ask the remote API for its version."""
    return _answers(pycurl.Curl(), _url(node.rapi_address, RAPI_PORT), timeout)


def confd(node: Node, timeout: float) -> bool | None:
    """Ask the configuration daemon for an echo; one that has no configuration yet has nothing to say."""
    if not os.path.exists(node.paths.config_file):
        return None
    try:
        key = Key(read_key(node.paths))
    except errors.ConfigurationError:
        return None
    ask = Ask(key, requests.RequestType.PING, None, str(uuid.uuid4()), [node.address])
    with socket.socket(net.ip_family(node.address) or socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((node.address, requests.DEFAULT_PORT))
            sock.send(ask.datagram(time.time()))
            return ask.take(sock.recv(MAX_DATAGRAM), node.address) is not None or None
        except TimeoutError:
            return False
        except OSError:  # nobody listens there
            return None


def _url(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{port}/version"


def _answers(handle: pycurl.Curl, url: str, timeout: float) -> bool | None:
    """Tell whether anything comes back: any status, whatever the certificate; nothing secret is sent."""
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.PROXY, "")
    handle.setopt(pycurl.SSL_VERIFYPEER, 0)
    handle.setopt(pycurl.SSL_VERIFYHOST, 0)
    handle.setopt(pycurl.TIMEOUT_MS, int(timeout * 1000))
    handle.setopt(pycurl.WRITEFUNCTION, lambda data: None)
    try:
        handle.perform()
    except pycurl.error as err:
        return False if err.args[0] == pycurl.E_OPERATION_TIMEDOUT else None
    finally:
        handle.close()
    return True
