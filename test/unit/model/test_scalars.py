"""Names and numbers from outside are safe to use in paths, commands and line-based files."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.model import scalars as s
from ganeti.schema_types import type_of

HOSTS = [s.NodeName, s.InstanceName, s.HostName, s.NewNodeName, s.NewInstanceName]
LABELS = [s.GroupName, s.NetworkName, s.NewGroupName, s.NewNetworkName]
NAMES = [*HOSTS, *LABELS, s.OsName, s.PluginName, s.AllocatorName]
ALL = [*NAMES, s.Tag, s.Uuid, s.MacAddress, s.IPAddress, s.IPv4Address, s.IPv6Network]


def _word(kind: object) -> str:
    return next(name for name, value in vars(s).items() if value is kind)


each_name = pytest.mark.parametrize("kind", NAMES, ids=_word)

HOST_TEXT = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=60)


def accepts(kind: object, value: object) -> bool:
    try:
        type_of(kind).parse(value, "x")
    except errors.ParameterError as err:
        assert str(err).startswith("x: expected ")
        return False
    return True


@each_name
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "/",
        "a/b",
        "..",
        "../a",
        "a..b",
        "a\n",
        "\na",
        "a\0",
        "a\x1b[0m",
        "a" * 300,
        "-rf",
        " a",
        "a ",
        "a\tb",
        "a\u2028b",
    ],
    ids=repr,
)
def test_names_that_reach_beyond_themselves_are_refused(kind, bad):
    assert not accepts(kind, bad)


@each_name
@given(text=st.text(), bad=st.sampled_from(["/", "..", "\n", "\r", "\0", "\x7f", "\ud800"]), more=st.text())
def test_bad_parts_are_refused_wherever_they_stand(kind, text, bad, more):
    assert not accepts(kind, text + bad + more)


@each_name
@given(length=st.integers(256, 400))
def test_long_names_are_refused(kind, length):
    assert not accepts(kind, "a" * length)
    assert accepts(kind, "a" * (length - 200))


@each_name
@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.text()), st.binary()))
def test_what_is_no_text_is_refused(kind, value):
    assert not accepts(kind, value)


@given(text=st.text())
def test_accepted_names_are_one_path_component_and_one_line(text):
    for kind in NAMES:
        if kind is not s.AllocatorName and accepts(kind, text):
            assert text not in ("", ".", "..") and "/" not in text and "\0" not in text
            assert len(text.splitlines()) == 1 and len(text.encode()) <= 255


@given(name=HOST_TEXT)
def test_host_names_are_accepted(name):
    assume(".." not in name and name[0] not in ".-" and name[-1] not in ".")
    assume(name[-1] != "-" or len(name) > 1)

    assert all(accepts(kind, name) for kind in HOSTS)


@pytest.mark.parametrize("kind", LABELS, ids=_word)
@pytest.mark.parametrize("name", ["default", "rack 1", "büro", "net-1.0", "a" * 255])
def test_groups_and_networks_may_have_any_readable_name(kind, name):
    assert accepts(kind, name)


@pytest.mark.parametrize("kind", LABELS, ids=_word)
def test_length_counts_in_bytes(kind):
    assert not accepts(kind, "ü" * 128)


@pytest.mark.parametrize("name", ["noop", "debian+bookworm", "debian-12.1", "image+a:b"])
def test_os_names_may_have_a_variant(name):
    assert accepts(s.OsName, name)


def test_dot_stands_for_the_default_allocator_only():
    assert accepts(s.AllocatorName, ".")
    assert not accepts(s.PluginName, ".")


@given(text=st.text(string.ascii_letters + string.digits + "_.+*/:@-", min_size=1, max_size=128))
def test_tags_of_the_allowed_characters_are_accepted(text):
    assert accepts(s.Tag, text)


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "é", "a" * 129, "a,b"])
def test_other_tags_are_refused(bad):
    assert not accepts(s.Tag, bad)


@given(value=st.uuids())
def test_uuids_are_accepted_in_lower_case_only(value):
    assume(any(c in "abcdef" for c in str(value)))

    assert accepts(s.Uuid, str(value))
    assert not accepts(s.Uuid, str(value).upper())
    assert not accepts(s.Uuid, f"{value}\n")
    assert not accepts(s.Uuid, value.hex)


@given(address=st.ip_addresses(v=4), length=st.integers(0, 32))
def test_ipv4_is_accepted_where_it_belongs(address, length):
    assert accepts(s.IPAddress, str(address)) and accepts(s.IPv4Address, str(address))
    assert accepts(s.IPv4Network, f"{address}/{length}")
    assert not accepts(s.IPv6Address, str(address)) and not accepts(s.IPv4Network, str(address))


@given(address=st.ip_addresses(v=6), length=st.integers(0, 128))
def test_ipv6_is_accepted_where_it_belongs(address, length):
    assert accepts(s.IPAddress, str(address)) and accepts(s.IPv6Address, str(address))
    assert accepts(s.IPv6Network, f"{address}/{length}")
    assert not accepts(s.IPv4Address, str(address)) and not accepts(s.IPv6Network, str(address))


@pytest.mark.parametrize(
    "bad", ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4\n", "1.2.3.4\0", "::g", "fe80::1%eth0", "\ud800"]
)
def test_other_addresses_are_refused(bad):
    assert not accepts(s.IPAddress, bad)


@pytest.mark.parametrize(
    "bad", ["192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/²", "/24", "192.0.2.0/2 4", "192.0.2.0/0000"]
)
def test_other_networks_are_refused(bad):
    assert not accepts(s.IPv4Network, bad)


@given(value=st.binary(min_size=6, max_size=6))
def test_macs_are_six_bytes(value):
    assert accepts(s.MacAddress, value.hex(":"))
    assert not accepts(s.MacAddress, value.hex(":")[3:])
    assert not accepts(s.MacAddress, value.hex("-"))


@pytest.mark.parametrize("kind", ALL, ids=_word)
@given(text=st.text())
def test_any_text_is_accepted_or_refused_in_words(kind, text):
    accepts(kind, text)


@given(number=st.integers(0, 10**17))
def test_job_ids_may_be_written_as_text(number):
    assert type_of(s.JobId).parse(str(number), "x") == type_of(s.JobId).parse(number, "x") == number


@pytest.mark.parametrize("bad", [-1, "-1", "", "1.0", 1.5, True, "²", "1" * 19, " 1", None])
def test_other_job_ids_are_refused(bad):
    assert not accepts(s.JobId, bad)


@given(number=st.integers(1 - 2**63, 2**63 - 1))
def test_limits_of_numbers_hold(number):
    assert accepts(s.NonNegativeInt, number) == (number >= 0)
    assert accepts(s.PositiveInt, number) == (number > 0)
    assert accepts(s.MiB, number) == (number >= 0)
    assert accepts(s.DiskIndex, number) == (0 <= number < 16)
    assert accepts(s.RelativeJobId, number) == (number < 0)


@pytest.mark.parametrize("path", ["/", "/srv/ganeti", "/srv/a..b", "/srv/a b"])
def test_absolute_paths_are_accepted(path):
    assert accepts(s.AbsolutePath, path)


@pytest.mark.parametrize("bad", ["", "srv", "/srv/../etc", "/srv\n", "/a\0", "/" + "a" * 4095])
def test_other_paths_are_refused(bad):
    assert not accepts(s.AbsolutePath, bad)
