"""Keys of a real cluster that expire, are changed, and whose change is cut off at every step."""

from __future__ import annotations

import os
import signal
import ssl
from collections.abc import Callable, Iterator

import pytest

from ganeti import errors
from ganeti.bootstrap import daemons, renewal
from ganeti.bootstrap.renew import Means, Wanted, renew
from ganeti.confd.client import ConfdClient, read_key, read_peers
from ganeti.confd.requests import RequestType
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.opcodes.cluster import OpClusterRenewCrypto
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.model.scalars import NodeName
from ganeti.rapi.client_http import PORT
from ganeti.utils import files, x509
from test.support import invariants
from test.support.cluster import Cluster, running_cluster
from test.support.mastership import followed, power_off, power_on
from test.support.polling import until

RENEW = ("gnt-cluster", "renew-crypto")
NOTHING = Wanted()
BOTH = Wanted(server=True, hmac=True)
#: lines of progress of such a change: three steps with a line for each node, and the job; the odd ones
#: lie before, within and after each
LINES = 3 * 4 + 1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("keys"), nodes=3) as found:
        yield found


def run_job(cluster: Cluster, op: OpClusterRenewCrypto | OpTestDelay) -> str:
    """Run a job; return how it ended."""
    with cluster.luxi() as client:
        job = client.call(methods.submit_job, [op])
        return until(lambda: ended(client, job), f"job {job} ends")


def ended(client: Client, job: int) -> str:
    """Return how a job ended, "" while it has not."""
    ((status,),) = client.call(methods.query_jobs, [job], ["status"])
    return str(status) if status in invariants.FINAL else ""


def change_keys(cluster: Cluster, wanted: Wanted = NOTHING, tell: Callable[[str], None] = str) -> None:
    """Do what `gnt-cluster renew-crypto` does, in this process."""

    def renew_nodes() -> None:
        if run_job(cluster, OpClusterRenewCrypto(node_certificates=True)) != "success":
            raise errors.OpExecError("the job failed")

    renew(cluster.paths(1), wanted, Means(renew_nodes, tell, tell))


def killed_at(cluster: Cluster, line: int, wanted: Wanted) -> None:
    """Begin a change in a process that is killed when it shows this line of progress."""
    pid = os.fork()
    if not pid:
        said: list[str] = []

        def tell(text: str) -> None:
            said.append(text)
            if len(said) == line:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            change_keys(cluster, wanted, tell)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def check_in_service(cluster: Cluster) -> None:
    """The master reaches all nodes, and every confd answers the key that each node has."""
    assert (
        run_job(
            cluster, OpTestDelay(duration=0.01, on_master=False, on_nodes=[NodeName(node) for node in cluster.nodes])
        )
        == "success"
    )
    check_confd(cluster)


def check_confd(cluster: Cluster) -> None:
    for key in {read_key(cluster.paths(node)) for node in cluster.nodes}:
        for peer in read_peers(cluster.paths(1)):
            with ConfdClient(key, [peer]) as client:
                assert client.ask(RequestType.CLUSTER_MASTER, tries=8).reply.answer == "node1"


def check_settled(cluster: Cluster) -> None:
    """All nodes have the same keys, trust no others, have certificates of the one authority, and work."""
    first = cluster.paths(1)
    for node in cluster.nodes:
        paths = cluster.paths(node)
        for path in (paths.server_cert, paths.hmac_key, paths.rapi_cert, paths.domain_secret):
            assert files.read_file(path) == files.read_file(os.path.join(first.data_dir, os.path.basename(path))), path
        assert not [path for path in (paths.hmac_key_new, paths.hmac_key_old) if os.path.exists(path)]
        assert not os.path.exists(paths.client_cert_new)
        (authority,) = x509.load_certificates("server", files.read_file(paths.server_cert))
        x509.load_certificate("client", files.read_file(paths.client_cert)).verify_directly_issued_by(authority)
    assert not os.path.exists(first.renewal_file)
    check_confd(cluster)
    invariants.check_one_master(cluster)
    invariants.check_jobs(cluster, [])
    invariants.check_locks(cluster)
    invariants.check_copies(cluster)
    invariants.check_processes(cluster)
    assert "WARNING" not in cluster.ok("gnt-cluster", "verify")


def test_f33_all_keys_are_changed_while_jobs_run(cluster: Cluster) -> None:
    paths = cluster.paths(1)
    before = {path: files.read_file(path) for path in (paths.server_cert, paths.rapi_cert, paths.hmac_key)}
    before[paths.domain_secret] = files.read_file(paths.domain_secret)
    clients = {files.read_file(cluster.paths(node).client_cert) for node in cluster.nodes}
    pids = {(name, node): cluster.pid(name, node) for name in invariants.DAEMONS for node in cluster.nodes}
    running = cluster.ok("gnt-debug", "delay", "--submit", "-n", "node2", "-n", "node3", "1.5").split()[-1]

    cluster.ok(
        *(*RENEW, "--new-cluster-certificate", "--new-rapi-certificate", "--new-confd-hmac-key"),
        "--new-cluster-domain-secret",
    )

    assert all(files.read_file(path) != content for path, content in before.items())
    assert not clients & {files.read_file(cluster.paths(node).client_cert) for node in cluster.nodes}
    cluster.ok("gnt-job", "watch", running)
    assert pids == {(name, node): cluster.pid(name, node) for name, node in pids}
    new = files.read_file(paths.rapi_cert)
    until(lambda: x509.cert_digest(shown_by_rapi(cluster)) == x509.cert_digest(new), "the remote API shows its new one")
    check_settled(cluster)


def shown_by_rapi(cluster: Cluster) -> bytes:
    address = files.read_text(cluster.paths(1).ssconf_file("node_primary_ips")).splitlines()[0].split()[1]
    return ssl.get_server_certificate((address, PORT)).encode()


def test_given_files_and_those_made_once_are_on_all_nodes(cluster: Cluster, tmp_path: os.PathLike[str]) -> None:
    given, secret = os.path.join(tmp_path, "given.pem"), os.path.join(tmp_path, "secret")
    pem = x509.create_self_signed("rapi.example.com", 400, ca=False)
    files.write_file(given, pem)
    files.write_file(secret, "between clusters\n")

    options = ("--rapi-certificate", given, "--cluster-domain-secret", secret, "--new-spice-certificate")
    cluster.ok(*RENEW, *options)

    for node in cluster.nodes:
        paths = cluster.paths(node)
        assert (files.read_file(paths.rapi_cert), files.read_text(paths.domain_secret)) == (pem, "between clusters\n")
        assert x509.certificate_part(files.read_file(paths.spice_cert)) == files.read_file(paths.spice_ca)
    check_settled(cluster)


def test_f33_remote_api_goes_on_with_its_keys_when_new_ones_cannot_be_used(cluster: Cluster) -> None:
    path = cluster.paths(1).rapi_cert
    before = files.read_file(path)
    log_file = cluster.paths(1).log_file(daemons.RAPI)
    files.write_file(path, x509.certificate_part(before), mode=0o400)

    until(lambda: "cannot use new keys" in files.read_text(log_file), "the remote API tells of it")

    assert x509.cert_digest(shown_by_rapi(cluster)) == x509.cert_digest(before)
    files.write_file(path, before, mode=0o400)


@pytest.mark.parametrize("line", range(1, LINES + 1, 2))
def test_f33_change_of_keys_killed_before_within_and_after_each_step_keeps_the_cluster_in_service_and_is_gone_on_with(
    cluster: Cluster, line: int
) -> None:
    before = files.read_file(cluster.paths(1).server_cert)

    killed_at(cluster, line, BOTH)

    check_in_service(cluster)
    begun = renewal.load(cluster.paths(1))
    assert begun is not None and begun.server is not None
    change_keys(cluster)
    after = files.read_text(cluster.paths(1).server_cert)
    assert after.encode() != before and after == begun.server.new
    check_in_service(cluster)


def test_f33_master_daemon_killed_in_the_midst_of_a_change_finishes_after_its_restart(cluster: Cluster) -> None:
    def kill_it(text: str) -> None:
        if "renewing the certificates" in text:
            with cluster.luxi() as client:
                client.call(methods.submit_job, [OpClusterRenewCrypto(node_certificates=True)])
            cluster.kill_master()

    change_keys(cluster, BOTH, kill_it)

    check_settled(cluster)


def test_f33_master_daemon_killed_while_certificates_of_nodes_are_renewed_can_do_it_again(cluster: Cluster) -> None:
    for pause in (1, 3, 5):
        with cluster.luxi() as client:
            job = client.call(methods.submit_job, [OpClusterRenewCrypto(node_certificates=True)])
            until(lambda: steps_seen(cluster) >= pause or ended(client, job), "the job goes on")  # noqa: B023
        cluster.kill_master()
        cluster.start(daemons.MASTERD, "node1")
        check_in_service(cluster)

    cluster.ok(*RENEW, "--new-node-certificates")

    check_settled(cluster)


def steps_seen(cluster: Cluster) -> int:
    """Return how far a renewal of the nodes' certificates is: what was laid beside, and what is obeyed."""
    made = sum(os.path.exists(cluster.paths(node).client_cert_new) for node in cluster.nodes)
    obeyed = files.read_text(cluster.paths(1).ssconf_file("master_candidates_certs")).count(",")
    return made + obeyed


def test_f33_change_stops_at_a_node_that_is_down_and_goes_on_when_it_is_back(cluster: Cluster) -> None:
    before = files.read_file(cluster.paths(1).server_cert)
    cluster.kill(daemons.NODED, "node3")
    refused = cluster.cmd(*RENEW, "--new-cluster-certificate")
    assert refused.failed and "node node3" in refused.stderr and "Nothing was changed" in refused.stderr
    assert files.read_file(cluster.paths(1).server_cert) == before
    cluster.start(daemons.NODED, "node3")

    def kill_noded(text: str) -> None:
        if "putting the new keys in use" in text:
            cluster.kill(daemons.NODED, "node3")

    with pytest.raises(errors.OpExecError, match="node node3"):
        change_keys(cluster, BOTH, kill_noded)
    verified = cluster.cmd("gnt-cluster", "verify")
    assert "a change of keys was begun here and is not finished" in verified.output
    added = cluster.cmd("gnt-node", "add", "--readd", "node3")
    assert added.failed and "while keys of the cluster are changed" in added.stderr

    cluster.start(daemons.NODED, "node3")
    check_in_service(cluster)
    cluster.ok(*RENEW)
    check_settled(cluster)


def test_f33_node_that_was_offline_is_taken_back_with_the_new_keys(cluster: Cluster) -> None:
    cluster.ok("gnt-node", "modify", "-C", "no", "node3")
    cluster.ok("gnt-node", "modify", "-O", "yes", "node3")
    cluster.ok(*RENEW, "--new-cluster-certificate", "--new-confd-hmac-key")
    assert files.read_file(cluster.paths("node3").server_cert) != files.read_file(cluster.paths(1).server_cert)

    cluster.ok("gnt-node", "add", "--readd", "node3")

    cluster.ok("gnt-node", "modify", "-C", "yes", "node3")
    check_settled(cluster)


def test_f33_master_that_was_replaced_in_the_midst_of_a_change_leaves_it_to_the_next(cluster: Cluster) -> None:
    killed_at(cluster, 7, BOTH)  # two of three nodes have switched
    cluster.ok("gnt-cluster", "master-failover", node=2)

    cluster.ok(*RENEW, "--new-cluster-certificate", "--new-confd-hmac-key", node=2)

    cluster.ok("gnt-cluster", "master-failover", node=1)
    check_in_service(cluster)
    nothing = cluster.cmd(*RENEW)
    assert nothing.failed and "a change of keys that was begun here is dropped" in nothing.output
    check_settled(cluster)


def test_f33_master_that_was_replaced_and_has_not_heard_of_it_changes_no_keys(cluster: Cluster) -> None:
    power_off(cluster, "node1")
    cluster.ok("gnt-cluster", "master-failover", node=2)
    before = [files.read_file(cluster.paths(node).server_cert) for node in cluster.nodes]

    refused = cluster.cmd(*RENEW, "--new-cluster-certificate", "--force", node=1)

    assert refused.failed and "node1 is not the master any more" in refused.stderr
    assert [files.read_file(cluster.paths(node).server_cert) for node in cluster.nodes] == before
    assert not os.path.exists(cluster.paths(1).renewal_file)
    power_on(cluster, "node1")
    followed(cluster, "node2")
    cluster.ok("gnt-cluster", "master-failover", node=1)
    check_settled(cluster)


def make_certificates(cluster: Cluster, days: float) -> None:
    """Have the certificates of all nodes end in so many days; ended ones cannot have come about otherwise."""
    server = x509.create_self_signed("ganeti.example.com", days)
    client = {node: x509.create_signed(node, server, days, 77) for node in cluster.nodes}
    cluster.kill_master(signal.SIGTERM)
    digests = {
        x509.cert_digest(files.read_file(cluster.paths(node).client_cert)): x509.cert_digest(client[node])
        for node in cluster.nodes
    }
    for node in cluster.nodes:
        paths = cluster.paths(node)
        for path, mode in ((paths.config_file, 0o640), (paths.ssconf_file("master_candidates_certs"), 0o444)):
            text = files.read_text(path)
            for old, new in digests.items():
                text = text.replace(old, new)
            files.write_file(path, text, mode=mode)
        files.write_file(paths.client_cert, client[node], mode=0o400)
        files.write_file(paths.server_cert, server, mode=0o400)
        files.write_file(paths.rapi_cert, server, mode=0o400)
        cluster.kill(daemons.NODED, node, signal.SIGTERM)
        cluster.start(daemons.NODED, node)


def test_f32_verify_tells_of_certificates_that_expire_soon(cluster: Cluster) -> None:
    make_certificates(cluster, 20.5)
    cluster.start(daemons.MASTERD, "node1")

    verified = cluster.ok("gnt-cluster", "verify")

    for name, option in (("server", "cluster"), ("client", "node"), ("rapi", "rapi")):
        path = os.path.join(cluster.paths("node2").data_dir, f"{name}.pem")
        assert f"WARNING: cluster: node node2: certificate {path} expires in 20 days" in verified
        assert f"gnt-cluster renew-crypto --new-{option}-certificate" in verified


def test_f32_cluster_whose_certificates_have_expired_is_renewed_from_its_master(cluster: Cluster) -> None:
    make_certificates(cluster, -0.002)
    cluster.start(daemons.MASTERD, "node1", "--no-voting", "--yes-do-it")
    verified = cluster.cmd("gnt-cluster", "verify")
    assert verified.failed
    assert "has expired; gnt-cluster renew-crypto --new-cluster-certificate" in verified.stdout
    cluster.kill_master(signal.SIGTERM)

    cluster.ok(*RENEW, "--new-cluster-certificate", "--new-rapi-certificate")

    check_settled(cluster)
