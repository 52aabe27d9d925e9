"""OS definitions and their scripts; the scripts are real, also those that come with the package."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
from collections.abc import Callable, Mapping

import pytest

from ganeti import errors
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.network import Network
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MiB
from ganeti.noded.backend.blockdev import BlockDevices
from ganeti.noded.backend.os_definitions import OsDefinitions, choose, find, find_all, read_definition
from ganeti.noded.backend.os_scripts import OsScripts
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files
from test.support.node import VirtualNode, make_disk, make_instance, make_node, write_script

EXAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "tools", "os")
WEB = InstanceName("web1.example.com")
MIB = 1024 * 1024
SCRIPTS = ("create", "import", "export", "rename", "verify")


@pytest.fixture
def node(paths: Paths) -> VirtualNode:
    return make_node(paths)


@pytest.fixture
def define(node: VirtualNode) -> Callable[..., str]:
    """Return a function that writes an OS definition where the node finds it."""

    def write(
        name: str = "mini",
        *,
        api: str = "20\n",
        contents: Mapping[str, str] | None = None,
        scripts: Mapping[str, str] | None = None,
        without: tuple[str, ...] = (),
    ) -> str:
        directory = f"{node.paths.cluster_dir}/os/{name}"
        files.ensure_dir(directory)
        texts = {"ganeti_api_version": api, "variants.list": "default\nother\n", "parameters.list": "size How much\n"}
        for file_name, text in {**texts, **(contents or {})}.items():
            if file_name not in without:
                files.write_file(f"{directory}/{file_name}", text)
        for script in SCRIPTS:
            if script not in without:
                write_script(f"{directory}/{script}", (scripts or {}).get(script, "#!/bin/sh\nenv | sort\n"))
        return directory

    return write


# --- reading definitions --------------------------------------------------------------------


def test_whole_definition_is_read(define: Callable[..., str]) -> None:
    path = define(
        api="15\n20\n",
        contents={
            "variants.list": "# ours\nsmall\n\nlarge\n",
            "parameters.list": "size\tHow much\nMirror  Where from\nbare\n",
            "os_version": "7.1\n",
        },
    )

    found = read_definition("mini", path)

    assert found.problems == ()
    assert (found.api_version, found.api_versions, found.version) == (20, (15, 20), "7.1")
    assert found.variants == ("small", "large")
    assert found.parameters == (("size", "How much"), ("mirror", "Where from"), ("bare", ""))
    assert found.trusted


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"without": ("ganeti_api_version",)}, "no file ganeti_api_version"),
        ({"api": "9\n"}, "interface versions 9 are not supported"),
        ({"api": "twenty\n"}, "'twenty', which is no version"),
        ({"api": ""}, "interface versions none are not supported"),
        ({"without": ("create",)}, "no create script"),
        ({"without": ("export",)}, "no export script"),
        ({"without": ("verify",)}, "no verify script"),
        ({"without": ("parameters.list",)}, "no file parameters.list"),
        ({"contents": {"variants.list": "a b\n"}}, "cannot be the name of a variant"),
        ({"contents": {"parameters.list": "size x\nSIZE y\n"}}, "holds size twice"),
        ({"contents": {"parameters.list": "a=b x\n"}}, "cannot be the name of a parameter"),
    ],
)
def test_what_is_wrong_with_a_definition_is_told(
    define: Callable[..., str], node: VirtualNode, change: dict[str, object], problem: str
) -> None:
    define("broken", **change)

    (found,) = (os_ for os_ in OsDefinitions(node).os_diagnose() if os_.name == "broken")

    assert not found.status
    assert problem in found.diagnose
    with pytest.raises(errors.OpExecError, match=r"cannot use OS broken in .*"):
        OsDefinitions(node).os_get("broken")


def test_script_that_is_not_executable_is_told(define: Callable[..., str]) -> None:
    path = define()
    os.chmod(f"{path}/import", 0o644)

    assert "import is not executable" in read_definition("mini", path).problems


@pytest.mark.parametrize(("api", "without"), [("10\n", ("verify", "parameters.list")), ("15\n", ("verify",))])
def test_older_interfaces_need_less(define: Callable[..., str], api: str, without: tuple[str, ...]) -> None:
    found = read_definition("mini", define(api=api, without=without))

    assert found.problems == ()
    assert found.variants == (() if api == "10\n" else ("default", "other"))
    assert found.parameters == ()


def test_first_definition_of_a_name_counts(define: Callable[..., str], node: VirtualNode) -> None:
    define("noop")  # there is one in the package

    rows = [found.path for found in OsDefinitions(node).os_diagnose() if found.name == "noop"]

    assert len(rows) == 2
    assert find("noop+default", node.paths.os_search_path).path == rows[0]
    assert rows[0].startswith(node.paths.cluster_dir)


@pytest.mark.parametrize("name", ["", "..", "../etc", "a/b", "missing", ".hidden"])
def test_name_that_is_no_definition_is_refused(node: VirtualNode, name: str) -> None:
    with pytest.raises(errors.GenericError, match="cannot use OS"):
        OsDefinitions(node).os_get(name)


def test_first_variant_is_the_default_and_others_need_force(define: Callable[..., str], node: VirtualNode) -> None:
    define()
    path = node.paths.os_search_path

    assert choose("mini", path).variant == "default"
    assert choose("mini+other", path, force_variant=False).variant == "other"
    assert choose("mini+odd", path, force_variant=True).variant == "odd"
    with pytest.raises(errors.OpExecError, match=r"unknown variant odd \(there are: default, other\)"):
        choose("mini+odd", path, force_variant=False)


# --- validating -------------------------------------------------------------------------------


def validate(
    node: VirtualNode, name: str, params: Mapping[str, str], *, required: bool = True, force: bool = False
) -> bool:
    return OsDefinitions(node).os_validate(required, name, ["parameters"], params, force)


def test_verify_script_sees_the_parameters_and_no_instance(define: Callable[..., str], node: VirtualNode) -> None:
    check = '#!/bin/sh\n[ "$1" = parameters ] && [ "$OSP_SIZE" = 5 ] && [ -z "$INSTANCE_NAME" ] && [ -z "$HOME" ]\n'
    define(scripts={"verify": check})

    assert validate(node, "mini", {"size": "5"})


def test_refusal_of_the_verify_script_is_quoted(define: Callable[..., str], node: VirtualNode) -> None:
    define(scripts={"verify": "#!/bin/sh\necho size must be even >&2\nexit 1\n"})

    with pytest.raises(errors.OpExecError, match="cannot use parameters of OS mini: size must be even"):
        validate(node, "mini", {"size": "5"})


def test_unknown_parameter_variant_or_check_is_refused(define: Callable[..., str], node: VirtualNode) -> None:
    define()

    with pytest.raises(errors.OpExecError, match=r"unknown parameter colour \(there are: size\)"):
        validate(node, "mini", {"colour": "red"})
    with pytest.raises(errors.OpExecError, match="unknown variant odd"):
        validate(node, "mini+odd", {})
    assert validate(node, "mini+odd", {}, force=True)
    with pytest.raises(errors.ParameterError, match="unknown check everything"):
        OsDefinitions(node).os_validate(True, "mini", ["everything"], {}, False)


def test_missing_definition_is_an_error_only_when_required(node: VirtualNode) -> None:
    assert not validate(node, "missing", {}, required=False)
    with pytest.raises(errors.OpExecError, match="no such definition in"):
        validate(node, "missing", {})


# --- running scripts --------------------------------------------------------------------------


def with_disks(node: VirtualNode, os_name: str, *, sizes: tuple[int, ...] = (4,), **more: object) -> FilledInstance:
    files.ensure_dir(f"{node.paths.file_storage_dir}/web1")
    disks: list[Disk] = []
    for index, size in enumerate(sizes):
        disk = make_disk(f"/srv/ganeti/file-storage/web1/disk{index}", size=size, index=index)
        BlockDevices(node).blockdev_create(disk, MiB(size), WEB, True, "", False)
        disks.append(disk)
    return make_instance(WEB, os_name=os_name, disks=disks, **more)  # type: ignore[arg-type]


def log_of(node: VirtualNode, action: str) -> str:
    (name,) = (name for name in os.listdir(node.paths.os_log_dir) if name.startswith(f"{action}-"))
    return files.read_text(os.path.join(node.paths.os_log_dir, name))


def environment_in(log: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in log.splitlines() if "=" in line)


def test_create_script_gets_the_whole_environment(define: Callable[..., str], node: VirtualNode) -> None:
    directory = define()
    network = Network(uuid="n", name="lan", network="192.0.2.0/24", gateway="192.0.2.1", tags=frozenset({"b", "a"}))
    nics = (
        NIC(
            uuid="nic-uuid",
            mac="aa:00:00:00:00:01",
            ip="192.0.2.9",
            nicparams={"mode": "bridged", "link": "br0"},
            netinfo=network,
        ),
        NIC(mac="aa:00:00:00:00:02", nicparams={"mode": "routed", "link": ""}),
    )
    instance = with_disks(
        node,
        "mini+other",
        nics=nics,
        osparams={"size": 5, "root-password": "x"},
        hvparams={"migration_mode": "live", "disk_type": "paravirtual", "acpi": True},
    )

    OsScripts(node).instance_os_add(instance, True, 2)

    found = environment_in(log_of(node, "reinstall"))
    disk = instance.disks_info[0]
    expected = {
        "PWD": directory,
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
        "OS_API_VERSION": "20",
        "OS_NAME": "mini",
        "OS_VARIANT": "other",
        "DEBUG_LEVEL": "2",
        "INSTANCE_REINSTALL": "1",
        "OSP_SIZE": "5",
        "OSP_ROOT_PASSWORD": "x",
        "INSTANCE_NAME": WEB,
        "INSTANCE_OS": "mini+other",
        "INSTANCE_UUID": instance.uuid,
        "INSTANCE_PRIMARY_NODE": instance.primary_node,
        "INSTANCE_SECONDARY_NODES": "",
        "HYPERVISOR": "fake",
        "INSTANCE_HYPERVISOR": "fake",
        "INSTANCE_HV_acpi": "True",
        "INSTANCE_HV_migration_mode": "live",
        "INSTANCE_BE_maxmem": "512",
        "INSTANCE_BE_vcpus": "1",
        "DISK_COUNT": "1",
        "DISK_0_PATH": f"{node.paths.file_storage_dir}/web1/disk0",
        "DISK_0_ACCESS": "rw",
        "DISK_0_SIZE": "4",
        "DISK_0_UUID": disk.uuid,
        "DISK_0_BACKEND_TYPE": "file:loop",
        "DISK_0_FRONTEND_TYPE": "paravirtual",
        "NIC_COUNT": "2",
        "NIC_0_MAC": "aa:00:00:00:00:01",
        "NIC_0_IP": "192.0.2.9",
        "NIC_0_MODE": "bridged",
        "NIC_0_LINK": "br0",
        "NIC_0_BRIDGE": "br0",
        "NIC_0_UUID": "nic-uuid",
        "NIC_0_NETWORK_NAME": "lan",
        "NIC_0_NETWORK_SUBNET": "192.0.2.0/24",
        "NIC_0_NETWORK_GATEWAY": "192.0.2.1",
        "NIC_0_NETWORK_TAGS": "a b",
        "NIC_1_MODE": "routed",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not {"NIC_1_IP", "NIC_1_BRIDGE", "NIC_1_LINK", "NIC_0_NETWORK_GATEWAY6", "HOME"} & found.keys()


def test_old_interface_is_not_given_what_it_does_not_know(define: Callable[..., str], node: VirtualNode) -> None:
    define(api="10\n")

    OsScripts(node).instance_os_add(with_disks(node, "mini", osparams={"size": 5}), False, 0)

    found = environment_in(log_of(node, "add"))
    assert found["OS_API_VERSION"] == "10"
    assert not {"OS_VARIANT", "OSP_SIZE", "INSTANCE_HYPERVISOR", "INSTANCE_REINSTALL"} & found.keys()


def test_end_of_the_log_of_a_failed_script_is_in_the_error(define: Callable[..., str], node: VirtualNode) -> None:
    define(scripts={"create": "#!/bin/sh\nseq 1 100\necho disk is on fire >&2\nexit 7\n"})

    with pytest.raises(errors.OpExecError) as caught:
        OsScripts(node).instance_os_add(with_disks(node, "mini"), False, 0)

    message = str(caught.value)
    assert "its create script ended with exit code 7, last lines of" in message
    assert message.endswith("100\ndisk is on fire")
    assert "\n1\n" not in message
    assert log_of(node, "add").startswith("1\n2\n")


def test_log_is_named_after_action_os_instance_and_time(define: Callable[..., str], node: VirtualNode) -> None:
    define()
    instance = with_disks(node, "mini+other")

    for _ in range(2):
        OsScripts(node).instance_os_add(instance, False, 0)

    names = sorted(os.listdir(node.paths.os_log_dir))
    assert len(names) == 2
    assert all(name.startswith(f"add-mini+other-{WEB}-2023-11-1") and name.endswith(".log") for name in names)


def test_rename_script_knows_both_names(define: Callable[..., str], node: VirtualNode) -> None:
    define()
    instance = replace(with_disks(node, "mini"), name=InstanceName("new.example.com"))

    OsScripts(node).instance_run_rename(instance, WEB, 0)

    found = environment_in(log_of(node, f"rename-{WEB}"))
    assert (found["OLD_INSTANCE_NAME"], found["INSTANCE_NAME"]) == (WEB, "new.example.com")


def test_instance_without_an_os_or_disk_runs_no_script(define: Callable[..., str], node: VirtualNode) -> None:
    define()
    instance = with_disks(node, "mini")

    with pytest.raises(errors.OpExecError, match="it has no OS"):
        OsScripts(node).instance_os_add(replace(instance, os=""), False, 0)
    BlockDevices(node).blockdev_remove(instance.disks_info[0])
    with pytest.raises(errors.BlockDeviceError, match="disk0 is gone"):
        OsScripts(node).instance_os_add(instance, False, 0)


def test_untrusted_create_script_is_not_run_with_the_daemons_rights(
    define: Callable[..., str], node: VirtualNode
) -> None:
    directory = define(without=("create",))
    write_script(f"{directory}/create_untrusted", "#!/bin/sh\ntouch /tmp/never\n")

    assert not OsDefinitions(node).os_get("mini").trusted
    with pytest.raises(errors.OpExecError, match="only an untrusted create script"):
        OsScripts(node).instance_os_add(with_disks(node, "mini"), False, 0)


# --- the examples of the package ------------------------------------------------------------------


def test_examples_are_found_in_a_virtual_cluster_and_can_be_used(node: VirtualNode) -> None:
    found = {definition.name: definition for definition in find_all(node.paths.os_search_path)}

    assert OsDefinitions(node).os_get("image+pattern").version == "1.0"
    assert found["noop"].problems == () and found["image"].problems == ()
    assert found["image"].variants == ("default", "pattern")
    assert [name for name, _ in found["image"].parameters] == ["image", "pattern", "size"]


@pytest.mark.parametrize("action", ["create", "rename"])
def test_noop_leaves_disks_as_they_are(node: VirtualNode, action: str) -> None:
    instance = with_disks(node, "noop")
    with open(f"{node.paths.file_storage_dir}/web1/disk0", "r+b") as disk:
        disk.write(b"data")

    if action == "create":
        OsScripts(node).instance_os_add(instance, False, 0)
    else:
        OsScripts(node).instance_run_rename(instance, InstanceName("old.example.com"), 0)

    with open(f"{node.paths.file_storage_dir}/web1/disk0", "rb") as disk:
        assert disk.read(8) == b"data\0\0\0\0"
    assert validate(node, "noop", {})


def content(node: VirtualNode, index: int = 0) -> bytes:
    with open(f"{node.paths.file_storage_dir}/web1/disk{index}", "rb") as disk:
        return disk.read()


PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "raw": lambda data: data,
    "img.gz": gzip.compress,
    "img.xz": lzma.compress,
}


@pytest.mark.parametrize("packing", sorted(PACKERS))
def test_image_is_written_to_the_first_disk(node: VirtualNode, packing: str) -> None:
    data = os.urandom(3 * MIB // 2)
    files.ensure_dir(f"{node.paths.cluster_dir}/images")
    files.write_file(f"{node.paths.cluster_dir}/images/debian.{packing}", PACKERS[packing](data))
    params = {"image": f"debian.{packing}"}
    instance = with_disks(node, "image", sizes=(4, 4), osparams=params)

    assert validate(node, "image", params)
    OsScripts(node).instance_os_add(instance, False, 0)

    assert content(node) == data + bytes(4 * MIB - len(data))
    assert content(node, 1) == bytes(4 * MIB)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({}, "parameter image is needed"),
        ({"image": "none.raw"}, "no image none.raw on this node"),
        ({"image": "/etc/passwd"}, "is not below a directory of"),
        ({"image": "../node1.example.com/etc/ganeti/node-figures.json"}, "is not below a directory of"),
        ({"image": "link.raw"}, "is not below a directory of"),
        ({"image": "x\ny"}, "must be printable"),
        ({"image": "good.raw", "size": "much"}, "size must be a number of MiB"),
        ({"image": "good.raw", "pattern": "a'b"}, "pattern must be printable"),
    ],
)
def test_parameters_that_cannot_work_are_refused_by_the_verify_script(
    node: VirtualNode, params: dict[str, str], reason: str
) -> None:
    images = f"{node.paths.cluster_dir}/images"
    files.ensure_dir(images)
    files.write_file(f"{images}/good.raw", b"x")
    os.symlink("/etc/passwd", f"{images}/link.raw")

    with pytest.raises(errors.OpExecError, match=reason):
        validate(node, "image", params)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("big.raw", bytes(2 * MIB), "has 2097152 bytes, disk 0 only 1048576"),
        ("bad.gz", b"rubbish", "is damaged"),
        ("bad.xz", b"rubbish", "is damaged"),
    ],
)
def test_image_that_does_not_fit_or_is_damaged_writes_nothing(
    node: VirtualNode, name: str, data: bytes, reason: str
) -> None:
    files.ensure_dir(f"{node.paths.cluster_dir}/images")
    files.write_file(f"{node.paths.cluster_dir}/images/{name}", data)
    instance = with_disks(node, "image", sizes=(1,), osparams={"image": name})

    with pytest.raises(errors.OpExecError, match=reason):
        OsScripts(node).instance_os_add(instance, False, 0)

    assert content(node) == bytes(MIB)


@pytest.mark.parametrize(
    ("params", "filled"), [({}, 2), ({"size": "1"}, 1), ({"size": "0", "pattern": "two words"}, 2)]
)
def test_pattern_fills_every_disk(node: VirtualNode, params: dict[str, str], filled: int) -> None:
    instance = with_disks(node, "image+pattern", sizes=(2, 2), osparams=params)

    assert validate(node, "image+pattern", params)
    OsScripts(node).instance_os_add(instance, False, 0)

    line = f"{params.get('pattern', 'ganeti')}\n".encode()
    expected = (line * (filled * MIB // len(line) + 1))[: filled * MIB] + bytes((2 - filled) * MIB)
    assert content(node, 0) == expected
    assert content(node, 1) == expected


def test_pattern_larger_than_the_disk_is_refused(node: VirtualNode) -> None:
    instance = with_disks(node, "image+pattern", sizes=(1,), osparams={"size": "2"})

    with pytest.raises(errors.OpExecError, match="cannot fill 2 MiB of disk 0: it has 1"):
        OsScripts(node).instance_os_add(instance, False, 0)


def test_exported_disk_can_be_imported(node: VirtualNode) -> None:
    data = os.urandom(2 * MIB)
    instance = with_disks(node, "image", sizes=(2, 2))
    with open(f"{node.paths.file_storage_dir}/web1/disk0", "r+b") as disk:
        disk.write(data)

    export = OsScripts(node).export_script(instance, 0, 0)
    stream = subprocess.run(export.argv, env=export.env, cwd=export.cwd, capture_output=True, check=True).stdout
    load = OsScripts(node).import_script(instance, 1, 0)
    subprocess.run(load.argv, env=load.env, cwd=load.cwd, input=stream, check=True)

    assert stream == data
    assert content(node, 1) == data
    with pytest.raises(errors.ParameterError, match="it has no such disk"):
        OsScripts(node).export_script(instance, 2, 0)


def test_import_of_more_than_the_disk_holds_fails(node: VirtualNode) -> None:
    load = OsScripts(node).import_script(with_disks(node, "image", sizes=(1,)), 0, 0)

    ended = subprocess.run(
        load.argv, env=load.env, cwd=load.cwd, input=bytes(2 * MIB), capture_output=True, check=False
    )

    assert ended.returncode == 1
    assert b"got 2097152 bytes for disk 0 of 1048576" in ended.stderr


def test_examples_are_plain_posix_shell() -> None:
    scripts = [f"{name}/{script}" for name in ("noop", "image") for script in SCRIPTS]

    for script in (*scripts, "image/common.sh"):
        checked = subprocess.run(["sh", "-n", os.path.join(EXAMPLES, script)], capture_output=True, check=False)
        assert checked.returncode == 0, f"{script}: {checked.stderr!r}"
