"""Makes the directory of a virtual cluster: a tree per node, hosts file, wrappers, figures."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from ganeti import _autoconf, errors
from ganeti.bootstrap import directories
from ganeti.hypervisor.figures import NodeFigures
from ganeti.model.scalars import IPAddress
from ganeti.paths import Paths
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.schema import replace
from ganeti.utils import files, json, process, text
from ganeti.vcluster.layout import Layout, default_bases

LAYOUT_FILE = "vcluster.json"
HOSTS_FILE = "etc/hosts"
#: for images of the OS definition `image`, and OS definitions of the user's own
IMAGES_DIR = "images"
OS_DIR = "os"
#: scripts in the cluster's directory that act on all nodes, and what each has tools/vcluster-run do
ALL_SCRIPTS = {
    "start-all": "start",
    "stop-all": "stop",
    "restart-all": "restart",
    "status-all": "status",
    "watcher-all": "watcher",
}
SCRIPT_MODE = 0o755
TEXT_MODE = 0o644
DEFAULT_BASE_TRIES = 16

Tell = Callable[[str], None]


def read_layout(directory: str) -> Layout:
    """Return the layout of a cluster that was set up before.

    Raises UserError when the directory holds none.
    """
    path = os.path.join(directory, LAYOUT_FILE)
    try:
        return Layout.from_wire(json.loads(files.read_file(path)))
    except FileNotFoundError as err:
        raise errors.UserError(f"{directory} holds no virtual cluster: make one with tools/vcluster-setup") from err


def choose_free_base(layout: Layout, directory: str) -> Layout:
    """Return the layout with a default base on which no other cluster listens.

    Raises EnvironmentFailure when there is none among those tried.
    """
    for base in default_bases(directory)[:DEFAULT_BASE_TRIES]:
        candidate = replace(layout, base=IPAddress(str(base.network_address)))
        if all(_is_free(candidate.node_address(number)) for number in range(1, candidate.nodes + 1)):
            return candidate
    raise errors.EnvironmentFailure("cannot find free addresses in 127/8: name a prefix with -p")


def set_up(directory: str, layout: Layout, figures: NodeFigures, tell: Tell, rapi_args: str = "") -> None:
    """Make or complete the cluster's directory; what is there already is kept.

    `rapi_args` are further arguments of the remote API's daemons.

    Raises OSError, UserError.
    """
    files.ensure_dir(directory, 0o755)
    for name in ("etc", IMAGES_DIR, OS_DIR):
        files.ensure_dir(os.path.join(directory, name), 0o755)
    hosts = "".join(f"{address}\t{name}\n" for address, name in layout.addresses())
    files.write_file(os.path.join(directory, HOSTS_FILE), hosts, mode=TEXT_MODE)
    for number, name in enumerate(layout.node_names(), start=1):
        make_node(directory, name, layout.node_address(number), figures, rapi_args)
        if number % 50 == 0:
            tell(f"made {number} of {layout.nodes} nodes")
    for name, command in ALL_SCRIPTS.items():
        files.write_file(os.path.join(directory, name), _all_script(directory, command), mode=SCRIPT_MODE)
    files.write_file(os.path.join(directory, "cmd"), _master_wrapper(directory, layout), mode=SCRIPT_MODE)
    files.write_file(os.path.join(directory, LAYOUT_FILE), json.dumps(layout.to_wire()) + "\n", mode=TEXT_MODE)


def make_node(directory: str, name: str, address: str, figures: NodeFigures, rapi_args: str) -> None:
    """Make the tree of one node."""
    paths = Paths(os.path.join(directory, name), name)
    directories.ensure(paths)
    for path in (os.path.dirname(paths.etc_default), paths.config_dir, paths.lock_dir):
        os.makedirs(path, exist_ok=True)
    files.write_file(paths.etc_default, _defaults(paths, address, rapi_args), mode=TEXT_MODE)
    files.write_file(os.path.join(paths.root, "cmd"), _wrapper(paths), mode=SCRIPT_MODE)
    if not os.path.exists(paths.node_figures_file):
        files.write_file(paths.node_figures_file, json.dumps(figures.to_wire()) + "\n", mode=TEXT_MODE)


def give_memory(directory: str, layout: Layout, least: int) -> None:
    """Raise the memory of nodes that have less than some MiB."""
    for name in layout.node_names():
        path = Paths(os.path.join(directory, name), name).node_figures_file
        figures = NodeFigures.from_wire(json.loads(files.read_file(path)))
        if figures.memory_total is not None and figures.memory_total < least:
            files.write_file(path, json.dumps(replace(figures, memory_total=least).to_wire()) + "\n", mode=TEXT_MODE)


def add_aliases(layout: Layout) -> None:
    """Configure the nodes' addresses on the device; needs root.

    Raises EnvironmentFailure naming the address that could not be added.
    """
    for number in range(1, layout.nodes + 1):
        address = layout.node_address(number)
        result = process.run(["ip", "address", "replace", f"{address}/32", "dev", layout.device])
        if result.failed:
            raise errors.EnvironmentFailure(
                f"cannot add address {address} to {layout.device}: {result.output.strip() or result.reason}"
            )


def _is_free(address: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, DEFAULT_PORT))
        except OSError:
            return False
    return True


def _defaults(paths: Paths, address: str, rapi_args: str) -> str:
    variables = {
        "NODED_ARGS": f"--no-mlock --await-cluster -b {address}",
        "MASTERD_ARGS": "",
        "RAPI_ARGS": f"-b {address} {rapi_args}".rstrip(),
        "CONFD_ARGS": f"--await-cluster -b {address}",
    }
    lines = [f"{name}={text.shell_quote(value)}" for name, value in variables.items()]
    lines += [f"export {name}={text.shell_quote(value)}" for name, value in paths.environ.items()]
    return "\n".join(lines) + "\n"


def _wrapper(paths: Paths) -> str:
    tools = text.shell_quote(_autoconf.TOOLSDIR)
    return f"""#!/bin/bash
# Runs a command as virtual node {paths.hostname}: a program with its arguments, or one line of shell.
export GANETI_ROOTDIR={text.shell_quote(paths.root)}
export GANETI_HOSTNAME={text.shell_quote(paths.hostname)}
export PATH={text.shell_quote(_autoconf.BINDIR)}:{text.shell_quote(_autoconf.SBINDIR)}:"$PATH":{tools}
case "${{1:-}}" in
  "" | -*)
    echo "usage: ${{0##*/}} COMMAND [ARGUMENTS], or one line of shell in quotes; such as: ${{0##*/}} gnt-node list" >&2
    [ "${{1:-}}" = -h ] || [ "${{1:-}}" = --help ]
    exit
    ;;
esac
[ $# -eq 1 ] && exec bash -c "$1"
exec "$@"
"""


def _master_wrapper(directory: str, layout: Layout) -> str:
    return f"""#!/bin/bash
# Runs a command on the master node of this virtual cluster.
directory={text.shell_quote(directory)}
first={text.shell_quote(layout.node_name(1))}
known=$directory/$first/var/lib/ganeti/ssconf_master_node
[ -r "$known" ] && read -r master <"$known"
exec "$directory/${{master:-$first}}/cmd" "$@"
"""


def _all_script(directory: str, command: str) -> str:
    program = os.path.join(_autoconf.TOOLSDIR, "vcluster-run")
    return f"""#!/bin/sh
exec {text.shell_quote(program)} {command} {text.shell_quote(directory)} "$@"
"""
