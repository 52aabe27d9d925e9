import json
import os

import pytest

from ganeti.errors import ParameterError, TypeEnforcementError
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.params import be, disk, hv, ipolicy, nd, nic
from ganeti.model.params.hv_checks import ALL_CPUS, parse_cpu_mask, parse_multi_cpu_mask
from ganeti.model.params.table import merge

with open(os.path.join(os.path.dirname(__file__), "../../data/spec/constants.json"), encoding="utf-8") as _file:
    TABLES = json.load(_file)["tables"]

PAIRS = {
    **{f"hv {h}": (hv.HV_PARAMS[h], spec["params"]) for h, spec in TABLES["hypervisor_parameters"].items()},
    "be": (be.BE_PARAMS, TABLES["be_parameters"]),
    "nic": (nic.NIC_PARAMS, TABLES["nic_parameters"]),
    "nd": (nd.ND_PARAMS, TABLES["nd_parameters"]),
    **{f"template {t}": (disk.TEMPLATE_PARAMS[t], s) for t, s in TABLES["disk_template_parameters"].items()},
    **{f"device {t}": (disk.DEVICE_PARAMS[t], s) for t, s in TABLES["logical_disk_parameters"].items()},
}


@pytest.mark.parametrize("name", PAIRS)
def test_table_is_that_of_the_specification(name):
    rows, spec = PAIRS[name]
    wanted = {k: (v["type"], v["default"]) for k, v in spec.items() if "default" in v and "removed_in" not in v}
    if name == "device gluster":
        wanted["port"] = ("int", 24007)  # the specification says text and gives a number

    assert {k: (str(row.type), row.default) for k, row in rows.items()} == wanted


@pytest.mark.parametrize("name", [name for name in PAIRS if name.startswith("hv ")])
def test_allowed_and_required_are_those_of_the_specification(name):
    rows, spec = PAIRS[name]

    for key, row in rows.items():
        assert row.required == spec[key]["required"], key
        if "allowed" in spec[key]:
            assert sorted(row.allowed) == sorted(spec[key]["allowed"]), key


def test_globals_are_those_of_the_specification():
    assert sorted(hv.GLOBALS) == sorted(TABLES["hypervisor_globals"]["not_overridable_per_instance"])
    assert sorted(nd.GLOBALS) == sorted(TABLES["nd_parameters_globals"])


def test_policy_defaults_are_those_of_the_specification():
    ours = ipolicy.ipolicy_defaults()

    assert {**ours, "disk-templates": sorted(ours["disk-templates"])} == TABLES["ipolicy_defaults"]["base"]
    assert ipolicy.check_ipolicy(ours, complete=True) == ours


@pytest.mark.parametrize("name", list(HypervisorName))
def test_defaults_pass_their_own_checks(name):
    hv.check_filled_hvparams(name, hv.hv_defaults(name))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"vcpus": "4"}, {"vcpus": 4}),
        ({"maxmem": "2g"}, {"maxmem": 2048}),
        ({"auto_balance": "false"}, {"auto_balance": False}),
        ({"memory": 512}, {"maxmem": 512, "minmem": 512}),
        ({"memory": 512, "maxmem": 512, "minmem": "512"}, {"maxmem": 512, "minmem": 512}),
    ],
)
def test_text_is_read_as_the_type_of_its_parameter(given, kept):
    assert be.check_beparams(given) == kept


@pytest.mark.parametrize("given", [{"vcpus": "x"}, {"vcpus": True}, {"auto_balance": 1}, {"maxmem": "1q"}])
def test_value_of_the_wrong_type_is_refused_by_name(given):
    with pytest.raises(TypeEnforcementError, match=f"beparams.{next(iter(given))}: expected"):
        be.check_beparams(given)


def test_unknown_parameter_is_refused_with_a_suggestion():
    with pytest.raises(ParameterError, match=r"hvparams.kernel_pat: unknown parameter \(did you mean kernel_path\?\)"):
        hv.check_hvparams(HypervisorName.KVM, {"kernel_pat": "/x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel_path", "boot/vmlinuz"),
        ("kernel_path", "/boot/../etc/shadow"),
        ("disk_type", "floppy"),
        ("nic_type", ""),
        ("cpu_mask", "3-1"),
        ("migration_port", 70000),
        ("cdrom_image_path", "gopher://x"),
        ("spice_ip_version", 5),
        ("virtio_net_queues", 9),
    ],
)
def test_value_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=f"hvparams.{name}: "):
        hv.check_hvparams(HypervisorName.KVM, {name: value})


def test_resets_pass_only_where_asked_for():
    assert be.check_beparams({"vcpus": "default", "maxmem": None}, resets=True) == {"vcpus": "default", "maxmem": None}
    with pytest.raises(TypeEnforcementError):
        be.check_beparams({"vcpus": "default"})


def test_merge_changes_adds_and_forgets():
    assert merge({"a": 1, "b": 2, "c": 3}, {"a": "default", "b": None, "c": 4, "d": 5}) == {"c": 4, "d": 5}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"kernel_path": "/k", "root_path": ""}, "root_path"),
        ({"security_model": "user"}, "security_domain"),
        ({"spice_use_tls": True}, "spice_use_tls"),
        ({"vnc_x509_verify": True}, "vnc_x509_path"),
        ({"boot_order": "cdrom"}, "cdrom_image_path"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(changes, name):
    filled = {**hv.hv_defaults(HypervisorName.KVM), **changes}

    with pytest.raises(ParameterError, match=f"hvparams.{name}"):
        hv.check_filled_hvparams(HypervisorName.KVM, filled)


def test_what_nodes_must_agree_on_cannot_be_set_for_one_instance():
    with pytest.raises(ParameterError, match="migration_port"):
        hv.check_no_globals({"migration_port": 1, "acpi": True})


def test_minimum_memory_above_maximum_is_refused():
    with pytest.raises(ParameterError, match=r"minmem: 256 MiB is more than maxmem, 128 MiB"):
        be.check_filled_beparams({**be.be_defaults(), "minmem": 256})


@pytest.mark.parametrize(("mask", "cpus"), [("0-3,7", [0, 1, 2, 3, 7]), ("5", [5]), ("1,1-2", [1, 2])])
def test_cpu_mask_reads_as_cpus(mask, cpus):
    assert parse_cpu_mask(mask) == cpus


def test_multi_cpu_mask_reads_as_a_list_for_each_cpu():
    assert parse_multi_cpu_mask("0-1:all:3") == [[0, 1], [ALL_CPUS], [3]]


@pytest.mark.parametrize("mask", ["", "a", "1-", "-1", "1,,2", "0-99999"])
def test_broken_cpu_mask_is_refused(mask):
    with pytest.raises(ValueError, match="cannot read CPU mask"):
        parse_cpu_mask(mask)


def test_drbd_parameters_change_names_on_their_way_to_the_device():
    filled = disk.disk_defaults()[DiskTemplate.DRBD] | {"disk-barriers": "bd", "metavg": "vg2", "data-stripes": 2}

    told = disk.device_params(DiskTemplate.DRBD, filled)

    assert (told["disabled-barriers"], told["default-metavg"]) == ("bd", "vg2")
    assert told.keys() == disk.DEVICE_PARAMS[DiskTemplate.DRBD].keys()
    assert disk.child_params(filled) == ({"stripes": 2}, {"stripes": 1})


def test_policy_names_what_is_wrong():
    policy = ipolicy.ipolicy_defaults()
    policy["std"] = {**policy["std"], "cpu-count": 99}

    with pytest.raises(ParameterError, match=r"std\.cpu-count: 99 is not inside minmax\[0\], 1 to 8"):
        ipolicy.check_ipolicy(policy, complete=True)


def test_instance_fits_when_it_is_inside_any_range():
    policy = ipolicy.ipolicy_defaults()
    wide = dict.fromkeys(ipolicy.SPECS, 10**9)
    policy["minmax"] = [*policy["minmax"], {"min": {**wide, "memory-size": 1}, "max": wide}]
    small = ipolicy.Size(memory=128, cpus=1, disks=(1024,), nics=1, spindles=1)

    assert ipolicy.violations(policy, small, DiskTemplate.PLAIN) == []


def test_instance_that_does_not_fit_is_told_why():
    big = ipolicy.Size(memory=128, cpus=9, disks=(1024, 1), nics=1, spindles=1)

    found = ipolicy.violations(ipolicy.ipolicy_defaults(), big, DiskTemplate.PLAIN)

    assert found == ["cpu-count value 9 is not in range [1, 8]", "disk-size/1 value 1 is not in range [1024, 1048576]"]
