"""Judging what nodes answered in a verification."""

from __future__ import annotations

import pytest

from ganeti import _autoconf
from ganeti.masterd.cmdlib.cluster.verify_nodes import Asked, judge_certificates, judge_node
from ganeti.model import versions
from ganeti.model.enums import VerifyCode
from test.support.config_view import a_node, uuid_of

NOW = 1_700_000_000.0
NODE = a_node("node1", master_candidate=True)
ASKED = Asked(NOW, NOW + 1, {NODE.uuid: "AA:BB"})

WELL = {
    "version": [versions.PROTOCOL, _autoconf.VERSION],
    "time": [int(NOW), 0],
    "client-cert": [None, "AA:BB"],
    "cert-expiry": [],
    "nodesetup": [],
    "node-net-test": {},
    "hypervisor": {"fake": None},
    "hvparms": [],
    "bridges": [],
    "oob-paths": [None],
    "file-storage-path": None,
    "instancelist": ["web1"],
    "filelist": {},
}


def codes(**answers):
    given = {name.replace("_", "-"): value for name, value in answers.items()}
    return [finding.code for finding in judge_node(NODE, {**WELL, **given}, ASKED)]


def test_a_node_that_is_well_gives_no_finding():
    assert codes() == []


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"version": [1, "x"]}, VerifyCode.ENODEVERSION),
        ({"version": None}, VerifyCode.ENODEVERSION),
        ({"time": [int(NOW) - 151, 0]}, VerifyCode.ENODETIME),
        ({"time": [int(NOW) + 153, 0]}, VerifyCode.ENODETIME),
        ({"client_cert": ["ERROR", "is missing"]}, VerifyCode.ECLUSTERCLIENTCERT),
        ({"client_cert": [None, "CC"]}, VerifyCode.ECLUSTERCLIENTCERT),
        ({"cert_expiry": [["ERROR", "certificate x expired"]]}, VerifyCode.ECLUSTERCERT),
        ({"nodesetup": ["file hmac.key: no such file"]}, VerifyCode.ENODESETUP),
        ({"node_net_test": {"node2": "cannot reach"}}, VerifyCode.ENODENET),
        ({"nodelist": "program crashed"}, VerifyCode.ENODENET),
        ({"hypervisor": {"fake": "no room"}}, VerifyCode.ENODEHV),
        ({"hvparms": [["cluster", "kvm", "no kernel"]]}, VerifyCode.ENODEHV),
        ({"instancelist": "hypervisor is silent"}, VerifyCode.ENODEHV),
        ({"oslist": "cannot read"}, VerifyCode.ENODEOS),
        ({"bridges": ["br0"]}, VerifyCode.ENODENET),
        ({"oob_paths": ["/x does not exist"]}, VerifyCode.ENODEOOBPATH),
        ({"user_scripts": ["/x"]}, VerifyCode.ENODEUSERSCRIPTS),
        ({"allowed_file_storage_paths": ["/bin"]}, VerifyCode.ENODEFILESTORAGEPATHS),
        ({"file_storage_path": "not writable"}, VerifyCode.ENODEFILESTORAGEPATHUNUSABLE),
    ],
)
def test_each_fault_has_its_code(answers, code):
    assert codes(**answers) == [code]


def test_f35_clock_that_is_off_is_told_with_what_comes_of_it():
    (finding,) = judge_node(NODE, {**WELL, "time": [int(NOW) - 151, 0]}, ASKED)

    assert "its clock is off by at least" in finding.text and "confd does not answer then" in finding.text


@pytest.mark.parametrize("known", ["AA,BB", "BB,AA"])
def test_f33_while_certificates_are_changed_either_is_right(known):
    asked = ASKED._replace(candidate_certs={NODE.uuid: known})

    assert judge_node(NODE, {**WELL, "client-cert": [None, "AA"]}, asked) == []


def test_a_clock_within_the_limit_is_fine():
    assert codes(time=[int(NOW) - 149, 0]) == []


def test_another_release_of_the_same_protocol_is_a_warning():
    (finding,) = judge_node(NODE, {**WELL, "version": [versions.PROTOCOL, "0.1"]}, ASKED)

    assert finding.is_warning


def test_certificates_are_those_of_candidates_and_each_its_own():
    regular = a_node("node2")
    certs = {NODE.uuid: "AA", regular.uuid: "AA", uuid_of("gone"): "BB"}

    texts = [f.text for f in judge_certificates([NODE, regular], Asked(NOW, NOW, certs))]

    assert any("node2" in text and "not a master candidate" in text for text in texts)
    assert any("not in the cluster" in text for text in texts)
    assert any("same certificate" in text for text in texts)


def test_f33_second_certificate_that_is_still_obeyed_is_a_warning():
    (finding,) = judge_certificates([NODE], ASKED._replace(candidate_certs={NODE.uuid: "AA:BB,CC:DD"}))

    assert finding.is_warning and "renew-crypto --new-node-certificates" in finding.text
