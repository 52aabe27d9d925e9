"""The client of the remote API against the real one: every resource that is served, waits, errors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ganeti.rapi import client as rapi
from ganeti.rapi.client_http import CurlConfig
from test.support.admin import add_file, remove_all
from test.support.cluster import Cluster
from test.support.remote import Remote, remote_of


@pytest.fixture(scope="module")
def remote(cluster3: Cluster) -> Iterator[Remote]:
    with remote_of(cluster3) as found:
        yield found


def client_of(remote: Remote, user: str | None = "jack", password: str | None = "secret") -> rapi.GanetiRapiClient:
    return rapi.GanetiRapiClient(
        remote.address[0], username=user, password=password, verify=remote.paths.rapi_cert, verify_hostname=False
    )


@pytest.fixture
def jack(remote: Remote) -> Iterator[rapi.GanetiRapiClient]:
    with client_of(remote) as found:
        yield found


@pytest.fixture
def web1(cluster3: Cluster) -> Iterator[str]:
    add_file(cluster3, "instance1", "node2")
    yield "instance1"
    remove_all(cluster3)


def test_an_instance_lives_and_is_seen(jack: rapi.GanetiRapiClient, cluster3: Cluster) -> None:
    job = jack.CreateInstance(
        "create", "instance1", "file", [{"size": 16}], [], os="noop", pnode="node2", name_check=False, ip_check=False
    )
    try:
        assert jack.WaitForJobResult(job) == [["node2"]]
        assert jack.GetInstances() == ["instance1"]
        assert jack.GetInstances(bulk=True)[0]["disk.sizes"] == [16]
        name = jack.GetInstance("instance1")["name"]
        assert jack.GetInstanceConsole(name)["instance"] == name
        (info,) = jack.WaitForJobResult(jack.GetInstanceInfo(name, static=True))
        assert info[name]["name"] == name

        jack.WaitForJobResult(jack.RebootInstance(name, "hard"))
        jack.WaitForJobResult(jack.ModifyInstance(name, beparams={"auto_balance": False}))
        jack.WaitForJobResult(jack.ShutdownInstance(name, timeout=0))
        jack.WaitForJobResult(jack.ReinstallInstance(name, os="image+pattern", no_startup=True))
        assert jack.WaitForJobCompletion(jack.StartupInstance(name, reason="a test"))
        jack.WaitForJobResult(jack.AddInstanceTags(name, ["a", "b"]))
        jack.WaitForJobResult(jack.DeleteInstanceTags(name, ["b"]))
        assert jack.GetInstanceTags(name) == ["a"]
        assert jack.GetInstance(name)["os"] == "image+pattern"
        assert jack.GetInstance(name)["custom_beparams"]["auto_balance"] is False
    finally:
        jack.WaitForJobResult(jack.DeleteInstance("instance1"))
    assert jack.GetInstances() == []


def test_cluster_nodes_and_groups_are_seen_and_changed(jack: rapi.GanetiRapiClient) -> None:
    assert jack.GetVersion() == 2
    assert "node-evac-res1" in jack.GetFeatures()
    assert jack.GetInfo()["name"] == "cluster"
    assert "noop+default" in jack.GetOperatingSystems()
    assert jack.GetNodes() == ["node1", "node2", "node3"]
    assert {node["pinst_cnt"] for node in jack.GetNodes(bulk=True)} == {0}
    assert jack.GetNode("node2")["role"] == "C"
    assert jack.GetNodeRole("node1") == "master"
    assert jack.GetGroups() == ["default"]
    assert jack.GetGroup("default")["node_cnt"] == 3
    assert jack.GetGroups(bulk=True)[0]["name"] == "default"
    assert jack.GetNetworks() == []
    assert jack.GetOpenApi()["openapi"].startswith("3.")

    jack.WaitForJobResult(jack.SetNodeRole("node3", "drained", force=True))
    jack.WaitForJobResult(jack.SetNodeRole("node3", "regular", auto_promote=True))
    jack.WaitForJobResult(jack.ModifyNode("node3", master_candidate=True))
    jack.WaitForJobResult(jack.AddNodeTags("node3", ["rack:1"]))
    jack.WaitForJobResult(jack.DeleteNodeTags("node3", ["rack:1"]))
    jack.WaitForJobResult(jack.AddClusterTags(["a"]))
    jack.WaitForJobResult(jack.DeleteClusterTags(["a"]))
    jack.WaitForJobResult(jack.CreateGroup("other"))
    jack.WaitForJobResult(jack.AssignGroupNodes("other", ["node3"]))
    jack.WaitForJobResult(jack.ModifyGroup("other", alloc_policy="last_resort"))
    jack.WaitForJobResult(jack.AddGroupTags("other", ["x"]))
    jack.WaitForJobResult(jack.AssignGroupNodes("default", ["node3"]))
    jack.WaitForJobResult(jack.RenameGroup("other", "another"))
    jack.WaitForJobResult(jack.DeleteGroup("another"))
    jack.WaitForJobResult(jack.ModifyCluster(maintain_node_health=False))
    jack.WaitForJobResult(jack.RedistributeConfig())
    jack.WaitForJobResult(jack.GetNodeStorageUnits("node2", "file", "name,free"))
    assert jack.GetClusterTags() == jack.GetNodeTags("node3") == []
    assert jack.GetNodeRole("node3") == "master-candidate"


def test_instances_move(jack: rapi.GanetiRapiClient, cluster3: Cluster) -> None:
    cluster3.ok("gnt-instance", "add", "-t", "sharedfile", "-s", "8m", "-o", "image+pattern", "-n", "node1",
                "-B", "minmem=64,maxmem=64", "--no-nics", "instance1")  # fmt: skip
    try:
        jack.WaitForJobResult(jack.MigrateInstance("instance1", target_node="node2"))
        assert jack.GetInstance("instance1")["pnode"] == "node2"
        jack.WaitForJobResult(jack.FailoverInstance("instance1", target_node="node3", ignore_consistency=True))
        assert jack.GetInstance("instance1")["pnode"] == "node3"
        jack.WaitForJobResult(jack.ShutdownInstance("instance1", timeout=0))
        renamed = jack.RenameInstance("instance1", "instance2", ip_check=False, name_check=False)
        assert jack.WaitForJobResult(renamed) == ["instance2"]
    finally:
        remove_all(cluster3)


def test_queries_answer_with_status_and_value(jack: rapi.GanetiRapiClient, web1: str) -> None:
    assert jack.Query("instance", ["name"], ["=", "name", web1])["data"] == [[[0, web1]]]
    assert {field["name"] for field in jack.QueryFields("instance", ["name", "pnode"])["fields"]} == {"name", "pnode"}
    assert len(jack.QueryFields("node")["fields"]) > 20


def test_jobs_are_followed_canceled_and_fail_with_a_reason(jack: rapi.GanetiRapiClient, web1: str) -> None:
    first = jack.ShutdownInstance(web1, timeout=0)
    done = jack.WaitForJobChange(first, ["status"], None, None)
    assert done is not None and done["job_info"][0] in rapi.JOB_STATUS_ALL
    assert jack.WaitForJobResult(first) == [None]
    assert first in jack.GetJobs()
    assert {job["id"] for job in jack.GetJobs(bulk=True)} >= {first}
    assert jack.CancelJob(first)[0] is False

    failing = jack.MigrateInstance(web1)
    with pytest.raises(rapi.JobError, match=r"ended in error: .*instance1"):
        jack.WaitForJobResult(failing)
    assert jack.WaitForJobCompletion(failing) is False


def test_who_may_not_wait_at_the_server_looks_again_and_again(jack: rapi.GanetiRapiClient, remote: Remote) -> None:
    job = jack.RedistributeConfig()

    with client_of(remote, "jill") as jill:
        assert jill.WaitForJobCompletion(job, period=0.05)


def test_errors_have_the_status_and_say_what_to_do(jack: rapi.GanetiRapiClient, remote: Remote) -> None:
    def code_of(client: rapi.GanetiRapiClient, name: str, *args: object) -> int | None:
        with pytest.raises(rapi.GanetiApiError) as caught:
            getattr(client, name)(*args)
        return caught.value.code

    assert code_of(jack, "GetInstance", "nowhere") == 404
    assert code_of(jack, "Query", "nonsense", ["name"]) == 400
    assert code_of(jack, "CreateNetwork", "net1", "192.0.2.0/24") == 501
    with client_of(remote, "jill") as jill:
        assert code_of(jill, "RedistributeConfig") == 403
    with client_of(remote, "jack", "wrong") as wrong:
        assert code_of(wrong, "GetInfo") == 401
    with client_of(remote, None, None) as anybody:
        assert anybody.GetInstances() == []
        assert code_of(anybody, "RedistributeConfig") == 401
    with (
        rapi.GanetiRapiClient(remote.address[0], verify=os.devnull) as strict,
        pytest.raises(rapi.CertificateError, match="not trusted"),
    ):
        strict.GetVersion()
    with rapi.GanetiRapiClient(remote.address[0], 1, verify=False) as nowhere:
        assert code_of(nowhere, "GetVersion") is None


def test_programs_for_ganetis_client_find_its_helpers(remote: Remote) -> None:
    @rapi.UsesRapiClient
    def version(config: CurlConfig) -> int:
        with rapi.GanetiRapiClient(remote.address[0], rapi.GANETI_RAPI_PORT, curl_config_fn=config) as client:
            return client.GetVersion()

    assert version(rapi.GenericCurlConfig()) == 2
    assert version(rapi.GenericCurlConfig(cafile=remote.paths.rapi_cert, connect_timeout=30, timeout=60)) == 2
    with pytest.raises(rapi.CertificateError):
        version(rapi.GenericCurlConfig(cafile=remote.paths.rapi_cert, verify_hostname=True))
    with pytest.raises(rapi.CertificateError):
        version(rapi.GenericCurlConfig(cafile=os.devnull))
