"""What instances use cannot be switched off."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.masterd.cmdlib.cluster import usage
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.params.ipolicy import ipolicy_defaults
from ganeti.schema import replace
from test.support.config_view import a_cluster, a_group, a_nic, a_node, an_instance

CLUSTER = a_cluster(
    enabled_hypervisors=(HypervisorName.FAKE, HypervisorName.KVM),
    enabled_disk_templates=(DiskTemplate.DISKLESS, DiskTemplate.FILE),
)
NODE = a_node("node1.example.com", master_candidate=True)


def config_with(*instances):
    return Config.from_data(
        ConfigData(
            cluster=CLUSTER,
            nodes={NODE.uuid: NODE},
            nodegroups={a_group().uuid: a_group()},
            instances={instance.uuid: instance for instance in instances},
        )
    )


def test_a_hypervisor_in_use_stays():
    new = replace(CLUSTER, enabled_hypervisors=(HypervisorName.KVM,))

    with pytest.raises(errors.OpPrereqError, match="disable hypervisor fake: used by web1"):
        usage.check_usage(config_with(an_instance("web1")), new)
    usage.check_usage(config_with(), new)


def test_a_template_in_use_stays():
    new = replace(CLUSTER, enabled_disk_templates=(DiskTemplate.FILE,))

    with pytest.raises(errors.OpPrereqError, match="disable disk template diskless: used by web1"):
        usage.check_usage(config_with(an_instance("web1")), new)
    usage.check_usage(config_with(), new)


def test_a_template_without_a_driver_cannot_be_enabled():
    new = replace(CLUSTER, enabled_disk_templates=(DiskTemplate.DISKLESS, DiskTemplate.RBD))

    with pytest.raises(errors.OpPrereqError, match="rbd: not supported"):
        usage.check_usage(config_with(), new)


def test_parameters_must_fit_every_instance():
    web = an_instance("web1", beparams={"maxmem": 200}, nics=(a_nic(),))
    more = replace(CLUSTER, beparams={"default": {"minmem": 300}})
    routed = replace(CLUSTER, nicparams={"default": {"mode": "routed"}})

    with pytest.raises(errors.ParameterError, match="web1"):
        usage.check_instances(config_with(web), more)
    with pytest.raises(errors.ParameterError, match="nic/0"):
        usage.check_instances(config_with(web), routed)


def test_only_new_violations_are_told():
    before = config_with(an_instance("web1", nics=(a_nic(),)), an_instance("web2", beparams={"vcpus": 99}))
    policy = ipolicy_defaults()
    policy["disk-templates"] = ["file"]
    after = before.changed({}, before.head._replace(cluster=replace(CLUSTER, ipolicy=policy)))

    assert usage.new_violations(before, after) == ["web1"]


def test_many_names_are_cut_short():
    assert usage.named(f"web{number}" for number in range(8)) == "web0, web1, web2, web3, web4 and 3 more"
