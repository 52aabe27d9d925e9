"""What hooks are told of an instance, and what units about one lock."""

from __future__ import annotations

import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.base import Locks
from ganeti.masterd.cmdlib.instance import common
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, DiskTemplate, HypervisorName, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.params.be import be_defaults
from ganeti.model.params.hv import hv_defaults
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_nic, uuid_of

_SPEC = os.path.join(os.path.dirname(__file__), *[".."] * 4, "data", "spec", "hooks.json")
with open(_SPEC, encoding="utf-8") as _file:
    SPEC = json.load(_file)
#: names of variables, with a place for a number or a parameter
NAMES = SPEC["instance_env"]

NET = Network(
    uuid=uuid_of("net", 1),
    name="net1",
    network="198.51.100.0/24",
    gateway="198.51.100.1",
    network6="2001:db8::/64",
    gateway6="2001:db8::1",
    mac_prefix="aa:bb:cc",
    tags=frozenset({"b", "a"}),
)


def env_of(instance: Instance, *disks: Disk, networks: tuple[Network, ...] = ()) -> dict[str, str]:
    config = make_config(nodes=3, instances=[instance], disks=disks)
    config = config.changed({"networks": {net.uuid: net for net in networks}}, config.head)
    return common.instance_env(config, instance)


def full_names(nics: int, disks: int, id_fields: list[str]) -> set[str]:
    """Return the variables the specification has for an instance with names for everything."""
    found: set[str] = set()
    for name in NAMES:
        if "<param>" in name:
            params = be_defaults() if "BE_" in name else hv_defaults(HypervisorName.FAKE)
            found |= {name.replace("<param>", param) for param in params}
        elif "DISK<n>" in name:
            names = [name.replace("<id fields>", field) for field in id_fields] if "<id" in name else [name]
            found |= {n.replace("<n>", str(index)) for n in names for index in range(disks)}
        elif name.endswith("NETWORK_*"):
            keys = [row.partition(" ")[0] for row in SPEC["network_env"]]
            found |= {name.replace("NETWORK_*", key).replace("<n>", str(i)) for key in keys for i in range(nics)}
        else:
            found |= {name.replace("<n>", str(index)) for index in range(nics)}
    return found


@pytest.mark.parametrize(
    ("disk", "id_fields"),
    [
        (make_disk(1, name="root"), ["DRIVER", "ID"]),
        (make_disk(1, name="root", dev_type="plain", logical_id=("xenvg", "lv1")), ["VG", "ID"]),
        (make_disk(1, name="root", dev_type="ext", logical_id=("san", "vol1")), ["PROVIDER", "ID"]),
        (
            make_drbd(
                1,
                0,
                1,
                name="root",
                children=tuple(
                    make_disk(number, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", f"lv{number}"))
                    for number in (2, 3)
                ),
            ),
            ["PNODE", "SNODE", "PORT", "PMINOR", "SMINOR", "DATA_VG", "DATA_ID", "META_VG", "META_ID"],
        ),
    ],
    ids=["file", "plain", "ext", "drbd"],
)
def test_every_variable_of_the_specification_is_there_and_no_other(disk: Disk, id_fields: list[str]) -> None:
    if isinstance(disk.dev_type, str):
        disk = replace(disk, dev_type=DiskTemplate(disk.dev_type))
    nic = make_nic(1, name="eth0", ip="198.51.100.7", network=NET.uuid)
    instance = make_instance(1, nics=(nic,), disks=(disk.uuid,))

    env = env_of(instance, disk, networks=(NET,))

    assert set(env) == full_names(1, 1, id_fields)


def test_values_are_those_of_the_instance() -> None:
    disk = make_drbd(1, 0, 2)
    instance = make_instance(
        1,
        nics=(make_nic(7, ip="198.51.100.7", nicparams={"link": "br7"}), make_nic(8, nicparams={"mode": "routed"})),
        disks=(disk.uuid,),
        beparams={"maxmem": 512, "minmem": 256},
        admin_state=AdminState.UP,
        tags=frozenset({"web", "a"}),
    )

    env = env_of(instance, disk)

    shown = {
        "OP_TARGET": "inst1.example.com",
        "INSTANCE_PRIMARY": "node0.example.com",
        "INSTANCE_SECONDARIES": "node2.example.com",
        "INSTANCE_STATUS": "up",
        "INSTANCE_MEMORY": "512",
        "INSTANCE_MINMEM": "256",
        "INSTANCE_BE_minmem": "256",
        "INSTANCE_DISK_TEMPLATE": "drbd",
        "INSTANCE_HYPERVISOR": "fake",
        "INSTANCE_TAGS": "a web",
        "INSTANCE_NIC_COUNT": "2",
        "INSTANCE_NIC0_IP": "198.51.100.7",
        "INSTANCE_NIC0_BRIDGE": "br7",
        "INSTANCE_NIC1_IP": "",
        "INSTANCE_NIC1_MODE": "routed",
        "INSTANCE_DISK0_PNODE": "node0.example.com",
        "INSTANCE_DISK0_SNODE": "node2.example.com",
        "INSTANCE_DISK0_PORT": "11001",
    }
    assert {name: env.get(name) for name in shown} == shown
    assert "INSTANCE_NIC1_BRIDGE" not in env


def test_what_a_network_does_not_have_is_left_out() -> None:
    bare = Network(uuid=uuid_of("net", 2), name="net2", network="203.0.113.0/24")
    instance = make_instance(1, nics=(make_nic(1, network=bare.uuid),))

    env = env_of(instance, networks=(bare,))

    assert {name for name in env if "_NETWORK_" in name} == {
        f"INSTANCE_NIC0_NETWORK_{key}" for key in ("NAME", "UUID", "TAGS", "SUBNET")
    }


def test_of_a_network_that_is_gone_the_name_is_told_and_nothing_else() -> None:
    env = env_of(make_instance(1, nics=(make_nic(1, network=uuid_of("net", 5)),)))

    assert {name: value for name, value in env.items() if "_NETWORK_" in name} == {
        "INSTANCE_NIC0_NETWORK_NAME": uuid_of("net", 5)
    }


@given(
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(["bridged", "routed", "openvswitch"]),
    st.data(),
)
def test_every_name_has_the_form_of_the_specification(
    nics: int, disks: int, named: bool, mode: str, data: st.DataObject
) -> None:
    forms = [
        re.escape(name).replace("<n>", r"\d+").replace("<id\\ fields>", "[A-Z_]+").replace("<param>", "[a-z0-9_]+")
        for name in NAMES
    ]
    any_form = re.compile("|".join(form.replace(r"\*", "[A-Z0-9_]+") for form in forms))
    records = [make_disk(n, name="x" if named else None) for n in range(disks)]
    instance = make_instance(
        1,
        nics=tuple(make_nic(n, name="x" if named else None, nicparams={"mode": mode}) for n in range(nics)),
        disks=tuple(disk.uuid for disk in records),
        primary_node=data.draw(st.sampled_from([uuid_of("node", 0), None])),
    )

    env = env_of(instance, *records)

    assert [name for name in env if not any_form.fullmatch(name)] == []
    assert all(isinstance(value, str) for value in env.values())
    assert (env["INSTANCE_NIC_COUNT"], env["INSTANCE_DISK_COUNT"]) == (str(nics), str(disks))


# --- hooks and locks --------------------------------------------------------------------------


def drbd_config() -> Config:
    disk = make_drbd(1, 2, 1)
    instance = make_instance(1, primary_node=uuid_of("node", 2), disks=(disk.uuid,))
    return make_config(nodes=4, instances=[instance, make_instance(2, primary_node=None)], disks=[disk])


def test_hooks_run_on_the_master_and_the_nodes_of_the_instance_each_once() -> None:
    config = drbd_config()
    (instance, _planned) = config.instances.values()

    run = common.instance_hooks(config, instance, {"FORCE": True}, extra=["node3.example.com", "node1.example.com"])  # type: ignore[list-item]  # plain names

    assert run.pre == run.post == [f"node{number}.example.com" for number in (0, 2, 1, 3)]
    assert run.env["FORCE"] == "True"
    assert run.env["INSTANCE_NAME"] == "inst1.example.com"


def test_an_instance_is_locked_with_its_nodes_only() -> None:
    config = drbd_config()
    name = config.instances[uuid_of("inst", 1)].name

    assert common.instance_locks(Level.INSTANCE, config, name) == Locks({name})
    assert common.instance_locks(Level.NODE, config, name) == Locks(
        {"node1.example.com", "node2.example.com"}, shared=True
    )
    assert common.instance_locks(Level.NODEGROUP, config, name) is None


def test_an_instance_that_is_not_known_locks_no_node() -> None:
    assert common.instance_locks(Level.NODE, make_config(), "gone.example.com") == Locks(set(), shared=True)  # type: ignore[arg-type]  # a plain name


def test_an_instance_that_is_only_planned_cannot_be_acted_on() -> None:
    config = drbd_config()

    with pytest.raises(errors.OpPrereqError, match=r"cannot start instance inst2\.example\.com: it is only planned"):
        common.placed(config, config.instances[uuid_of("inst", 2)], "start")
