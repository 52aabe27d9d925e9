"""From what a request says of NICs and disks to their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.instance import build
from ganeti.model.enums import DiskMode, DiskTemplate, FileDriver, NicParam
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MacAddress, Uuid
from ganeti.utils import text
from test.support.config_view import a_cluster, uuid_of

MADE = MacAddress("aa:00:00:00:00:01")
WEB1 = InstanceName("web1.example.com")
USER_ERRORS = (errors.OpPrereqError, errors.ParameterError, errors.TypeEnforcementError)


def nic(cluster: Cluster | None = None, **request: str | None) -> NIC:
    asked: Mapping[NicParam, str | None] = {NicParam(key): value for key, value in request.items()}
    return build.build_nic(cluster or a_cluster(), asked, "nics[0]", lambda: MADE, uuid_of("nic"))


def disk(template: DiskTemplate = DiskTemplate.FILE, index: int = 0, **request: Any) -> Disk:
    return build.build_disk(
        template,
        request,
        "disks[0]",
        index=index,
        uuid=Uuid("d" * 8),
        nodes=[uuid_of("node1")],
        directory="/srv/web1",
        driver=None,
    )


# --- interfaces -------------------------------------------------------------------------


def test_an_interface_of_which_nothing_is_said_has_the_defaults_of_the_cluster() -> None:
    assert nic() == NIC(uuid=uuid_of("nic"), mac=MADE)


@pytest.mark.parametrize("word", ["auto", "generate"])
def test_a_mac_is_made_up_when_asked_for(word: str) -> None:
    assert nic(mac=word).mac == MADE


def test_a_mac_is_kept_in_lower_case() -> None:
    assert nic(mac="AA:BB:CC:DD:EE:FF").mac == "aa:bb:cc:dd:ee:ff"


def test_only_what_differs_from_the_cluster_is_kept_with_the_interface() -> None:
    assert nic(link="br1").nicparams == {"link": "br1"}
    assert nic(link="auto", mode="auto").nicparams == {}


def test_bridge_is_another_word_for_link() -> None:
    assert nic(bridge="br1") == nic(link="br1")


def test_bridge_and_link_together_are_refused() -> None:
    with pytest.raises(errors.OpPrereqError, match=r"nics\[0\]: give either link or bridge"):
        nic(bridge="br1", link="br2")


def test_a_routed_interface_needs_an_address() -> None:
    routed = a_cluster(nicparams={"default": {"mode": "routed", "link": "100"}})

    with pytest.raises(errors.OpPrereqError, match=r"nics\[0\]\.ip: required"):
        nic(routed)
    assert nic(routed, ip="198.51.100.7").ip == "198.51.100.7"


@pytest.mark.parametrize("none", [None, "none", ""])
def test_no_address_can_be_said_in_three_ways(none: str | None) -> None:
    assert nic(ip=none).ip is None


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"mac": "aa:bb"}, "nics[0].mac"),
        ({"ip": "300.1.1.1"}, "nics[0].ip"),
        ({"ip": "auto"}, "nics[0].ip"),
        ({"mode": "telepathic"}, "nics[0].mode"),
        ({"link": "br 1; reboot"}, "nics[0].link"),
        ({"vlan": "many"}, "nics[0].vlan"),
        ({"network": "net1"}, "nics[0].network"),
    ],
)
def test_what_is_wrong_with_an_interface_is_named(request_: dict[str, str], named: str) -> None:
    with pytest.raises(USER_ERRORS) as caught:
        nic(**request_)

    assert named in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(sorted(NicParam)), st.none() | st.sampled_from(["none", "auto", ""]) | st.text(max_size=20)
    )
)
def test_any_request_makes_an_interface_or_is_refused_with_a_reason(request_: dict[NicParam, str | None]) -> None:
    try:
        made = build.build_nic(a_cluster(), request_, "nics[0]", lambda: MADE, uuid_of("nic"))
    except USER_ERRORS as err:
        assert "nics[0]" in str(err)
    else:
        assert NIC.from_wire(made.to_wire()) == made


# --- disks ------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "mib"), [(512, 512), ("1g", 1024), ("1.5g", 1536), ("10", 12)])
def test_a_size_is_read_as_users_write_it(size: str | int, mib: int) -> None:
    assert build.disk_size({"size": size}, "disks[0]") == mib


@pytest.mark.parametrize("size", [0, -4, "0", "big", "", None])
def test_a_size_that_is_none_is_refused_by_its_name(size: Any) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"disks\[0\]\.size"):
        build.disk_size({"size": size}, "disks[0]")


def test_a_disk_says_where_it_is_and_what_it_is_called() -> None:
    made = disk(index=2, size="1g", mode="ro", name="swap", spindles="2")

    assert made == Disk(
        uuid=Uuid("d" * 8),
        name="swap",
        dev_type=DiskTemplate.FILE,
        logical_id=(FileDriver.LOOP.value, "/srv/web1/dddddddd.file.disk2"),
        iv_name="disk/2",
        size=1024,
        mode=DiskMode.READ_ONLY,
        nodes=(uuid_of("node1"),),
        spindles=2,
    )


@pytest.mark.parametrize("template", [t for t in DiskTemplate if t not in (DiskTemplate.FILE, DiskTemplate.SHAREDFILE)])
def test_disks_this_version_cannot_make_are_refused(template: DiskTemplate) -> None:
    with pytest.raises(errors.OpPrereqError, match=f"template {template}: not supported"):
        disk(template, size=1024)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"size": 4, "color": "red"}, "disks[0].color"),
        ({"size": 4, "mode": "wo"}, "disks[0].mode"),
        ({"size": 4, "spindles": "many"}, "disks[0].spindles"),
        ({"size": 4, "spindles": -1}, "disks[0].spindles"),
        ({}, "disks[0].size"),
    ],
)
def test_what_is_wrong_with_a_disk_is_named(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(USER_ERRORS) as caught:
        disk(**request_)

    assert named in str(caught.value)


# --- directories --------------------------------------------------------------------------


CLUSTER = a_cluster(file_storage_dir="/srv/files", shared_file_storage_dir="/srv/shared")


def test_disks_of_an_instance_go_into_a_directory_of_its_name() -> None:
    assert build.file_directory(CLUSTER, DiskTemplate.FILE, None, WEB1) == "/srv/files/web1.example.com"
    assert build.file_directory(CLUSTER, DiskTemplate.SHAREDFILE, "a/b", WEB1) == "/srv/shared/a/b/web1.example.com"


def test_a_cluster_without_the_directory_cannot_have_such_disks() -> None:
    with pytest.raises(errors.OpPrereqError, match="no directory for it"):
        build.file_directory(a_cluster(), DiskTemplate.FILE, None, WEB1)


@pytest.mark.parametrize("below", ["/etc", "..", "a/../b", "a b", "-x", "a/\n"])
def test_a_directory_elsewhere_is_refused(below: str) -> None:
    with pytest.raises(errors.OpPrereqError, match="file_storage_dir: expected a plain path"):
        build.file_directory(CLUSTER, DiskTemplate.FILE, below, WEB1)


@given(st.text(alphabet="a./-\n~ $", max_size=12))
def test_no_text_leads_out_of_the_directory_of_the_cluster(below: str) -> None:
    try:
        found = build.file_directory(CLUSTER, DiskTemplate.FILE, below, WEB1)
    except errors.OpPrereqError:
        return
    assert found.startswith("/srv/files/")
    assert all(text.is_valid_name(part) for part in found.split("/")[3:])
