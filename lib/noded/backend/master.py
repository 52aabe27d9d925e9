"""This node as the master: its daemons, the cluster's address, and whom it takes for the master."""

from __future__ import annotations

import logging
import os
import re

from ganeti import errors, mastership, ssconf
from ganeti.model.objects.messages import MasterNetworkParameters
from ganeti.model.scalars import NodeName
from ganeti.noded.backend import daemons
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import MasterInfo
from ganeti.utils import neighbours, net, process

log = logging.getLogger(__name__)

_INTERFACE = re.compile(r"[A-Za-z0-9_.:-]{1,15}", re.ASCII)
_TIME_LIMIT = 60.0
#: seconds another machine is given to give up the cluster's address
ADDRESS_PATIENCE = 5.0
_LOOK_EVERY = 0.5
_FAMILIES = {2: ("4", 32), 10: ("6", 128)}


class Master:
    """Calls about being the master."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    # --- looking ---------------------------------------------------------------

    def master_node_name(self) -> NodeName:
        """Return the name of the node this one takes for the master."""
        return NodeName(ssconf.read_ssconf(self._node.paths, "master_node"))

    def master_info(self) -> MasterInfo:
        """Return who this node takes for the master, and the cluster address."""
        paths = self._node.paths
        return MasterInfo(
            netdev=ssconf.read_ssconf(paths, "master_netdev"),
            ip=ssconf.read_ssconf(paths, "master_ip"),
            name=self.master_node_name(),
            ip_family=self._number("primary_ip_family"),
            netmask=self._number("master_netmask"),
        )

    # --- daemons ---------------------------------------------------------------

    def node_start_master_daemons(self, no_voting: bool) -> None:
        """Start the master daemons on this node."""
        env = {"EXTRA_MASTERD_ARGS": "--no-voting --yes-do-it"} if no_voting else {}
        daemons.daemon_util(self._node, "start-master", env=env)

    def node_stop_master(self) -> None:
        """Stop the master daemons on this node."""
        daemons.daemon_util(self._node, "stop-master")

    # --- the cluster's address ---------------------------------------------------

    def node_activate_master_ip(self, master_params: MasterNetworkParameters, use_external_mip_script: bool) -> None:
        """Configure the cluster address on this node; harmless when it is.

        Where another machine has it, that one is waited for a while, and named when it keeps it.
        """
        act = f"activate master IP {master_params.ip}"
        version = self._check(act, master_params.ip, master_params.netmask, master_params.netdev)
        if use_external_mip_script:
            self._run_script(act, "start", master_params, version)
            return
        # all of 127/8 is here already: virtual clusters need no address of their own
        if net.is_loopback(master_params.ip) or net.is_own(master_params.ip):
            return
        self._wait_until_free(act, master_params.ip, master_params.netdev)
        known = mastership.read(self._node.paths)
        if known.term and known.master != self._node.name:  # since the call was made
            raise errors.OpExecError(f"cannot {act}: {known.master} is the master now")
        self._ip(act, version, "replace", f"{master_params.ip}/{master_params.netmask}", master_params.netdev)
        if version == "4":
            self._announce(master_params.ip, master_params.netdev)

    def node_deactivate_master_ip(self, master_params: MasterNetworkParameters, use_external_mip_script: bool) -> None:
        """Remove the cluster address from this node; harmless when it is not there."""
        act = f"deactivate master IP {master_params.ip}"
        version = self._check(act, master_params.ip, master_params.netmask, master_params.netdev)
        if use_external_mip_script:
            self._run_script(act, "stop", master_params, version)
            return
        if net.is_loopback(master_params.ip) or not net.is_own(master_params.ip):
            return
        self._ip(act, version, "del", f"{master_params.ip}/{master_params.netmask}", master_params.netdev)

    def node_change_master_netmask(self, old_netmask: int, netmask: int, master_ip: str, master_netdev: str) -> None:
        """Change the prefix length of the cluster address."""
        act = f"change the netmask of master IP {master_ip}"
        version = self._check(act, master_ip, netmask, master_netdev)
        if old_netmask == netmask or net.is_loopback(master_ip):
            return
        if not net.is_own(master_ip):
            raise errors.OpExecError(f"cannot {act}: it is not active there")
        self._ip(act, version, "add", f"{master_ip}/{netmask}", master_netdev)
        self._ip(act, version, "del", f"{master_ip}/{old_netmask}", master_netdev)

    # --- steps -----------------------------------------------------------------

    def _number(self, key: str) -> int:
        text = ssconf.read_ssconf(self._node.paths, key)
        try:
            return int(text)
        except ValueError:
            raise errors.ConfigurationError(f"cannot read ssconf key {key}: {text!r} is not a number") from None

    def _check(self, act: str, ip: str, netmask: int, netdev: str) -> str:
        """Return the version of IP as text, "4" or "6"."""
        family = net.ip_family(ip)
        if family is None:
            raise errors.ParameterError(f"cannot {act}: not an address")
        version, longest = _FAMILIES[int(family)]
        if not 0 <= netmask <= longest:
            raise errors.ParameterError(f"cannot {act}: {netmask} is not a prefix length of IPv{version}")
        if not _INTERFACE.fullmatch(netdev) or netdev.startswith("-"):
            raise errors.ParameterError(f"cannot {act}: {netdev!r} is not an interface")
        return version

    def _ip(self, act: str, version: str, verb: str, address: str, netdev: str) -> None:
        result = process.run(["ip", f"-{version}", "address", verb, address, "dev", netdev], timeout=_TIME_LIMIT)
        if result.failed:
            raise errors.OpExecError(f"cannot {act}: {result.output.strip() or result.reason}")

    def _wait_until_free(self, act: str, ip: str, netdev: str) -> None:
        """Wait until no other machine has an address.

        Raises OpExecError naming the one that keeps it.
        """
        end = self._node.clock.monotonic() + ADDRESS_PATIENCE
        while found := neighbours.holder(ip, netdev, self._node.port):
            if net.is_own(ip):  # another call has just put it on
                return
            if self._node.clock.monotonic() > end:
                raise errors.OpExecError(
                    f"cannot {act}: {found} has it; take it away there, then run gnt-cluster activate-master-ip"
                )
            self._node.sleep(_LOOK_EVERY)

    def _announce(self, ip: str, netdev: str) -> None:
        """Tell the neighbours that the address is here now: their tables still name the old master for a while."""
        try:
            neighbours.announce(ip, netdev)
        except OSError as err:
            log.info("neighbours learn of %s when they ask: %s", ip, err)

    def _run_script(self, act: str, verb: str, params: MasterNetworkParameters, version: str) -> None:
        script = self._node.paths.master_ip_script
        if not os.access(script, os.X_OK):
            raise errors.OpExecError(f"cannot {act}: {script} is not executable")
        env = {
            "PATH": process.SEARCH_PATH,
            "MASTER_NETDEV": params.netdev,
            "MASTER_IP": params.ip,
            "MASTER_NETMASK": str(params.netmask),
            "CLUSTER_IP_VERSION": version,
            **self._node.paths.environ,
        }
        result = process.run([script, verb], env=env, reset_env=True, timeout=_TIME_LIMIT)
        if result.failed:
            raise errors.OpExecError(f"cannot {act}: {script} {result.reason}; {result.output.strip()[-4096:]}")
