"""The closed sets of words are those of the specification."""

from __future__ import annotations

import json
import os

import pytest

from ganeti.model import enums

_FILE = os.path.join(os.path.dirname(__file__), "..", "..", "data", "spec", "constants.json")
with open(_FILE, encoding="utf-8") as _file:
    CONSTANTS = {name: row["value"] for topic in json.load(_file)["constants"].values() for name, row in topic.items()}

SETS = {
    "JOB_STATUS_ALL": enums.JobStatus,
    "JOBS_FINALIZED": enums.FinalStatus,
    "OP_PRIO_SUBMIT_VALID": enums.SubmitPriority,
    "ADMINST_ALL": enums.AdminState,
    "ADMIN_STATE_SOURCES": enums.AdminStateSource,
    "INSTST_ALL": enums.InstanceStatus,
    "INSTANCE_CREATE_MODES": enums.CreateMode,
    "REBOOT_TYPES": enums.RebootType,
    "REBOOT_BEHAVIORS": enums.RebootBehavior,
    "HT_MIGRATION_MODES": enums.MigrationMode,
    "REPLACE_MODES": enums.ReplaceMode,
    "DDMS_VALUES_WITH_MODIFY": enums.DeviceAction,
    "DDMS_VALUES": enums.ListAction,
    "HOTPLUG_ALL_ACTIONS": enums.HotplugAction,
    "HOTPLUG_ALL_TARGETS": enums.HotplugTarget,
    "HYPER_TYPES": enums.HypervisorName,
    "CONS_ALL": enums.ConsoleKind,
    "EXPORT_MODES": enums.ExportMode,
    "DISK_TEMPLATES": enums.DiskTemplate,
    "DISK_ACCESS_SET": enums.DiskMode,
    "DISK_VALID_ACCESS_MODES": enums.DiskAccess,
    "FILE_DRIVER": enums.FileDriver,
    "STORAGE_TYPES": enums.StorageType,
    "NIC_VALID_MODES": enums.NicMode,
    "INIC_PARAMS": enums.NicParam,
    "IDISK_PARAMS": enums.DiskParam,
    "NR_ALL": enums.NodeRole,
    "NODE_EVAC_MODES": enums.EvacMode,
    "VALID_ALLOC_POLICIES": enums.AllocPolicy,
    "VALID_IALLOCATOR_MODES": enums.IAllocatorMode,
    "VALID_IALLOCATOR_DIRECTIONS": enums.IAllocatorDirection,
    "OOB_COMMANDS": enums.OobCommand,
    "OOB_STATUSES": enums.OobStatus,
    "SSHK_ALL": enums.SshKeyType,
    "RS_ALL": enums.QueryStatus,
    "QFT_ALL": enums.FieldKind,
    "VALID_TAG_TYPES": enums.TagKind,
    "ENFORCEABLE_TYPES": enums.ValueType,
    "VERIFY_OPTIONAL_CHECKS": enums.VerifyCheck,
}


@pytest.mark.parametrize("name", sorted(SETS))
def test_values_are_those_of_the_constant(name):
    assert {member.value for member in SETS[name]} == set(CONSTANTS[name])


def test_opcodes_and_jobs_have_the_same_statuses():
    assert [s.value for s in enums.OpStatus] == [s.value for s in enums.JobStatus]


def test_log_types_are_those_of_the_constants():
    assert {t.value for t in enums.LogType} == {v for n, v in CONSTANTS.items() if n.startswith("ELOG_")}


def test_priorities_have_the_values_of_the_constants():
    assert {f"OP_PRIO_{p.name}": p.value for p in enums.JobPriority}.items() <= CONSTANTS.items()


def test_disk_states_have_the_names_of_the_constants():
    names = {str(s.value): s.name.lower() for s in enums.LocalDiskStatus}

    assert names == {**CONSTANTS["LDS_NAMES"], "1": "okay", "2": "sync"}


def test_queried_resources_are_those_of_the_constants():
    assert {r.value for r in enums.QueryResource} == {*CONSTANTS["QR_VIA_LUXI"], *CONSTANTS["QR_VIA_OP"]}


def test_verify_codes_are_those_of_the_constants():
    codes = {v[1] for n, v in CONSTANTS.items() if n.startswith("CV_E") and isinstance(v, list)}

    assert {c.value for c in enums.VerifyCode} == codes


def test_hook_types_are_those_of_the_constants():
    assert {t.value for t in enums.HookType} == {v for n, v in CONSTANTS.items() if n.startswith("HTYPE_")}
    assert {p.value for p in enums.HookPhase} == {v for n, v in CONSTANTS.items() if n.startswith("HOOKS_PHASE_")}


def test_a_final_status_equals_the_status_of_the_job():
    assert enums.FinalStatus.SUCCESS == enums.JobStatus.SUCCESS
