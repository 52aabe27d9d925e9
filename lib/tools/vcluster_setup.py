"""vcluster-setup: makes a virtual cluster in a directory.

Every virtual node has a directory tree, an address and a name of its own, and runs
its own daemons.  By default the addresses are in 127/8 and no privilege is needed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ganeti import errors
from ganeti.hypervisor.figures import NodeFigures
from ganeti.utils import text
from ganeti.vcluster import layout, setup

PROGRAM = "vcluster-setup"
EXAMPLE = """example:
  mkdir vc && vcluster-setup -c 5 vc && vc/start-all
  vc/cmd gnt-cluster init --no-etc-hosts --no-ssh-init --master-netdev=lo \\
      --enabled-hypervisors=fake --enabled-disk-templates=diskless,file cluster
  vc/cmd gnt-node add node2
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        PROGRAM, description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", metavar="DIRECTORY", help="where the cluster is made; must exist")
    parser.add_argument("-c", dest="nodes", type=int, default=5, metavar="N", help="number of nodes (default 5)")
    parser.add_argument("-i", dest="instances", type=int, default=10, metavar="N", help="instance names (default 10)")
    parser.add_argument(
        "-p", dest="prefix", metavar="A.B[.C]", help="prefix of the addresses (default: a free one in 127/8)"
    )
    parser.add_argument("-n", dest="device", default="", metavar="DEV", help="device that gets addresses outside 127/8")
    parser.add_argument("-N", dest="no_network", action="store_true", help="configure no addresses")
    parser.add_argument("-E", dest="no_hosts", action="store_true", help="leave /etc/hosts alone (always the case)")
    parser.add_argument(
        "-I", dest="init_script", metavar="PATH", help="accepted for compatibility; daemon-util is used"
    )
    parser.add_argument("--domain", default="", help="domain behind all names (default: none)")
    parser.add_argument("--memory", default="4g", metavar="SIZE", help="memory of each node (default 4g)")
    parser.add_argument("--disk", default="100g", metavar="SIZE", help="disk space of each node (default 100g)")
    parser.add_argument("--cpus", type=int, default=4, metavar="N", help="processors of each node (default 4)")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = build_parser().parse_args(argv[1:])
    directory = os.path.abspath(options.directory)
    try:
        if not os.path.isdir(directory):
            raise errors.UserError(f"{options.directory} is not a directory: make it first")
        plan = _plan(options, directory)
        figures = NodeFigures(
            memory_total=text.parse_unit(options.memory),
            memory_dom0=0,
            cpu_total=options.cpus,
            disk_total=text.parse_unit(options.disk),
        )
        setup.set_up(directory, plan, figures, lambda line: print(line, flush=True))
        if plan.needs_aliases and not options.no_network:
            setup.add_aliases(plan)
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return 1
    print(
        f"virtual cluster of {text.plural(plan.nodes, 'node')} in {directory}, addresses from {plan.node_address(1)};"
        f" start it with {directory}/start-all"
    )
    return 0


def _plan(options: argparse.Namespace, directory: str) -> layout.Layout:
    """Return the layout: that of an existing cluster, grown if asked, or a new one."""
    if os.path.exists(os.path.join(directory, setup.LAYOUT_FILE)):
        old = setup.read_layout(directory)
        if options.nodes < old.nodes:
            raise errors.UserError(f"{directory} has {old.nodes} nodes already: remove it to make a smaller cluster")
        options.prefix = options.prefix or _prefix_of(old)
        options.domain = options.domain or old.domain
    plan = layout.make_layout(
        nodes=options.nodes,
        instances=options.instances,
        prefix=options.prefix,
        domain=options.domain,
        device=options.device,
        directory=directory,
    )
    if plan.needs_aliases and not options.no_network:
        if os.geteuid() != 0:
            raise errors.UserError("addresses outside 127/8 need root: leave out -p, or configure them and use -N")
        if not options.device:
            raise errors.UserError("addresses outside 127/8 need a network device: name it with -n")
    if options.prefix is None:
        plan = setup.choose_free_base(plan, directory)
    return plan


def _prefix_of(old: layout.Layout) -> str:
    return ".".join(old.base.split(".")[: old.prefix_length // 8])
