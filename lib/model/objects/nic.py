"""A network interface of an instance."""

from __future__ import annotations

from ganeti.model.objects.base import ConfigObject, Params
from ganeti.model.objects.network import Network
from ganeti.model.scalars import IPAddress, MacAddress, Uuid
from ganeti.schema import param


class NIC(ConfigObject):
    """A network interface of an instance."""

    uuid: Uuid | None = param(default=None, doc="Identity, never changes")
    name: str | None = param(default=None, doc="Name given by the user")
    mac: MacAddress = param(doc="Hardware address")
    ip: IPAddress | None = param(default=None, doc="Address the instance is to use")
    network: Uuid | None = param(default=None, doc="Network it is in, by uuid")
    nicparams: Params = param(factory=dict, doc="Parameters that differ from the cluster's or network's")
    netinfo: Network | None = param(default=None, doc="Its network; only in what nodes are sent")
    pci: int | str | None = param(default=None, doc="PCI slot; only in the runtime files of nodes")
    hvinfo: Params | None = param(default=None, doc="Where the hypervisor put it; only in the runtime files of nodes")
