"""Creates an instance: records, disks, operating system, first start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_node, need_online, node_of
from ganeti.masterd.cmdlib.instance import build, devices, osinstall
from ganeti.masterd.cmdlib.instance.common import as_text, instance_env
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, CreateMode, DiskTemplate, HypervisorName, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.os_names import is_listed
from ganeti.model.params import ipolicy
from ganeti.model.params.be import backend, check_beparams, check_filled_beparams
from ganeti.model.params.fill import fill_beparams, fill_hvparams, fill_instance, fill_ipolicy
from ganeti.model.params.hv import check_filled_hvparams, check_hvparams, check_no_globals
from ganeti.model.params.table import VALUE_DEFAULT, merge
from ganeti.model.scalars import InstanceName, NodeName, OsName, Tag
from ganeti.rpc import procedures as p
from ganeti.schema import fields_of, replace

#: fields that need parts of later versions
_UNSUPPORTED = frozenset(
    (
        *("forthcoming", "commit", "instance_communication", "compress"),
        *("src_node", "src_node_uuid", "src_path", "source_handshake", "source_instance_name", "source_x509_ca"),
        *("source_shutdown_timeout", "helper_startup_timeout", "helper_shutdown_timeout"),
    )
)


class Creation(NamedTuple):
    """The instance as it will be; nothing of it exists yet."""

    instance: Instance
    disks: tuple[Disk, ...]
    primary: Node
    template: DiskTemplate
    #: the configuration with the instance in it, as nodes are to see it
    future: Config


class LUInstanceCreate(LogicalUnit[OpInstanceCreate, Creation]):
    """Create an instance on a named node, or on one an allocator chooses."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE:
            # Not once the lock is held: who comes second need not wait to hear of the first.
            self._check_new(config)
            self.services.config.reservations(self.call.job_id).instance_name(InstanceName(self.op.instance_name))
            return Locks({self.op.instance_name})
        if level == Level.NODE_ALLOC and not self.op.pnode:
            return Locks(ALL, shared=self.op.opportunistic_locking)
        if level == Level.NODE:
            if self.op.pnode:
                return Locks({self.op.pnode}, shared=True)
            nodes = {NodeName(node.name) for node in config.nodes.values()}
            return Locks(nodes, shared=True, opportunistic=self.op.opportunistic_locking)
        return None

    async def check(self, config: Config) -> Creation:
        # First: what else is wrong may come of the template.
        template = build.template_of(config.cluster, self.op)
        self._refuse_unsupported()
        self._check_new(config)
        cluster = config.cluster
        hypervisor = self.op.hypervisor or cluster.enabled_hypervisors[0]
        self._check_enabled(config, template, hypervisor)
        hvparams, beparams = self._params(config, hypervisor)
        primary = await self._choose_node(config, template)
        instance, disks = await self._records(config, template, hypervisor, hvparams, beparams, primary)
        self._check_policy(config, instance, disks, template, primary)
        future = config.with_instance(instance, disks)
        await self._check_node(future, instance, primary)
        return Creation(instance, disks, primary, template, future)

    def preview(self, plan: Creation) -> list[NodeName]:
        return [plan.primary.name]

    def hooks(self, plan: Creation, config: Config) -> HookRun:
        env = instance_env(plan.future, plan.instance) | as_text(
            {"ADD_MODE": self.op.mode, "INSTANCE_STATUS": self.op.start}
        )
        nodes = list(dict.fromkeys([NodeName(config.master.name), plan.primary.name]))
        return HookRun(env, nodes, nodes)

    async def execute(self, plan: Creation) -> list[NodeName]:
        filled = fill_instance(plan.future, plan.instance)
        async with AsyncExitStack() as undo:
            if plan.disks:
                self.info(f"creating disks of instance {plan.instance.name}")
            await devices.create_disks(self.services, plan.future, filled, undo, self.warn)
            with self.services.config.update() as draft:
                for disk in plan.disks:
                    draft.add_disk(disk)
                draft.add_instance(plan.instance)
            undo.push_async_callback(self._forget, plan)
            config = await self.services.config.durable(draft)
            await devices.assemble_disks(self.services, config, filled, self.warn)
            undo.push_async_callback(devices.shutdown_disks, self.services, config, filled, self.warn)
            if plan.disks and not self.op.no_install and self.op.os_type:
                self.info(f"running the create script of {self.op.os_type} on node {plan.primary.name}")
                await osinstall.run_create(
                    self.services,
                    config,
                    plan.instance,
                    plan.primary,
                    self.op.osparams_secret or {},
                    debug=self.op.debug_level or 0,
                )
            undo.pop_all()  # from here on the instance exists
        await self._start(plan)
        return [plan.primary.name]

    async def _start(self, plan: Creation) -> None:
        if not self.op.start:
            if plan.disks:
                filled = fill_instance(self.services.config.current, plan.instance)
                await devices.shutdown_disks(self.services, self.services.config.current, filled, self.warn)
            return
        with self.services.config.update() as draft:
            now = draft.instances[plan.instance.uuid]
            draft.instances[plan.instance.uuid] = replace(now, admin_state=AdminState.UP, disks_active=True)
        config = await self.services.config.durable(draft)
        self.info(f"starting instance {plan.instance.name}")
        filled = fill_instance(config, config.instances[plan.instance.uuid])
        answer = await self.services.rpc.call(plan.primary, p.instance_start, filled, False, self.reason_trail())
        answer.unwrap(f"start instance {plan.instance.name}")

    async def _forget(self, plan: Creation) -> None:
        with self.services.config.update() as draft:
            draft.instances.pop(plan.instance.uuid, None)
            for uuid in plan.instance.disks:
                draft.disks.pop(uuid, None)
        await self.services.config.durable(draft)

    # --- checks -----------------------------------------------------------------------

    def _refuse_unsupported(self) -> None:
        if self.op.mode != CreateMode.CREATE:
            raise errors.OpPrereqError(f"mode: {self.op.mode} is not supported by this version", ECode.INVAL)
        for field in fields_of(OpInstanceCreate):
            if field.name in _UNSUPPORTED and getattr(self.op, field.name) != field.default:
                raise errors.OpPrereqError(f"{field.name}: not supported by this version", ECode.INVAL)
        if not self.op.pnode and not self.op.pnode_uuid:
            return
        if self.op.iallocator:
            raise errors.OpPrereqError("give either a node or an allocator, not both", ECode.INVAL)
        for name in ("group_name", "opportunistic_locking"):
            if getattr(self.op, name):
                raise errors.OpPrereqError(f"{name}: only an allocator chooses, and a node is given", ECode.INVAL)

    def _check_new(self, config: Config) -> None:
        name = InstanceName(self.op.instance_name)
        if config.instance_named(name) is not None:
            maker = self.services.config.maker_of_instance(name)
            since = f" since job {maker}" if maker else ""
            raise errors.OpPrereqError(f"instance {name} exists already{since}", ECode.EXISTS)
        if config.node_named(NodeName(name)) is not None:
            raise errors.OpPrereqError(f"cannot name an instance {name}: a node has that name", ECode.EXISTS)

    def _check_enabled(self, config: Config, template: DiskTemplate, hypervisor: HypervisorName) -> None:
        cluster = config.cluster
        hint = (
            "" if self.op.disk_template else f"; {template} is the first enabled template: choose another one with -t"
        )
        # file_driver is not among them: clients of before 3.0 send their default whatever the template is.
        for field in ("disks", "file_storage_dir"):
            if template == DiskTemplate.DISKLESS and getattr(self.op, field):
                raise errors.OpPrereqError(f"{field}: a diskless instance has no disks{hint}", ECode.INVAL)
        if template != DiskTemplate.DISKLESS and not self.op.disks:
            raise errors.OpPrereqError(f"disks: an instance of template {template} needs at least one", ECode.INVAL)
        if len(self.op.disks) > build.MAX_DISKS:
            raise errors.OpPrereqError(f"disks: at most {build.MAX_DISKS} are possible", ECode.INVAL)
        if len(self.op.nics) > build.MAX_NICS:
            raise errors.OpPrereqError(f"nics: at most {build.MAX_NICS} are possible", ECode.INVAL)
        if hypervisor not in cluster.enabled_hypervisors:
            raise errors.OpPrereqError(
                f"hypervisor {hypervisor} is not enabled in this cluster"
                f" (enabled: {', '.join(cluster.enabled_hypervisors)})",
                ECode.STATE,
            )
        if self.op.os_type and is_listed(self.op.os_type, cluster.blacklisted_os):
            raise errors.OpPrereqError(
                f"cannot install OS {self.op.os_type}: it is blacklisted, see gnt-os modify --blacklisted",
                ECode.STATE,
            )
        if not self.op.os_type and template != DiskTemplate.DISKLESS and not self.op.no_install:
            raise errors.OpPrereqError("os_type: required, unless no_install is given", ECode.INVAL)

    def _params(self, config: Config, hypervisor: HypervisorName) -> tuple[Mapping[str, object], Mapping[str, object]]:
        cluster = config.cluster
        hvparams = check_hvparams(hypervisor, self.op.hvparams, "hvparams")
        check_no_globals(hvparams, "hvparams")
        check_filled_hvparams(hypervisor, fill_hvparams(cluster, hypervisor, self.op.os_type or "", hvparams))
        # Clients ask for what the cluster has with these words; nothing is kept of them.
        asked = {name: VALUE_DEFAULT if value == "auto" else value for name, value in self.op.beparams.items()}
        beparams: Mapping[str, object] = merge({}, check_beparams(asked, "beparams", resets=True))
        check_filled_beparams(fill_beparams(cluster, beparams))
        if self.op.identify_defaults:
            hv_default = fill_hvparams(cluster, hypervisor, self.op.os_type or "")
            hvparams = {key: value for key, value in hvparams.items() if hv_default.get(key) != value}
            be_default = fill_beparams(cluster)
            beparams = {key: value for key, value in beparams.items() if be_default.get(key) != value}
        return hvparams, beparams

    async def _choose_node(self, config: Config, template: DiskTemplate) -> Node:
        node = node_of(config, self.op.pnode, self.op.pnode_uuid)
        if node is None:
            names = await self.services.allocator.place(config, self.op, self._candidates())
            node = get_node(config, names[0])
            self.info(f"allocator chose node {node.name} for instance {self.op.instance_name}")
        need_online(node, f"create instance {self.op.instance_name}")
        if node.drained:
            raise errors.OpPrereqError(f"cannot use node {node.name}: it is drained", ECode.STATE)
        if not node.vm_capable:
            raise errors.OpPrereqError(f"cannot use node {node.name}: it is not vm_capable", ECode.STATE)
        return node

    def _candidates(self) -> Collection[NodeName] | None:
        """Return the nodes an allocator may choose: those whose locks are held, or None for all."""
        return [NodeName(name) for name in self.held(Level.NODE)] if self.op.opportunistic_locking else None

    async def _records(
        self,
        config: Config,
        template: DiskTemplate,
        hypervisor: HypervisorName,
        hvparams: Mapping[str, object],
        beparams: Mapping[str, object],
        primary: Node,
    ) -> tuple[Instance, tuple[Disk, ...]]:
        cluster, reserve = config.cluster, self.services.config.reservations(self.call.job_id)
        nics = tuple(
            build.build_nic(cluster, request, f"nics[{index}]", reserve.mac, reserve.uuid())
            for index, request in enumerate(self.op.nics)
        )
        reserve.macs(nic.mac for nic in nics)
        if self.op.conflicts_check:
            reserve.ips(nic.ip for nic in nics if nic.ip)
        disks: tuple[Disk, ...] = ()
        if template in devices.FILE_LIKE:
            directory = build.file_directory(cluster, template, self.op.file_storage_dir, self.op.instance_name)
            disks = tuple(
                build.build_disk(
                    template,
                    request,
                    f"disks[{index}]",
                    index=index,
                    uuid=reserve.uuid(),
                    nodes=[primary.uuid],
                    directory=directory,
                    driver=self.op.file_driver,
                )
                for index, request in enumerate(self.op.disks)
            )
        instance = Instance(
            uuid=reserve.uuid(),
            name=InstanceName(self.op.instance_name),
            primary_node=primary.uuid,
            os=self.op.os_type or OsName(""),
            hypervisor=hypervisor,
            hvparams=hvparams,
            beparams=beparams,
            osparams=dict(self.op.osparams),
            osparams_private=dict(self.op.osparams_private or {}),
            admin_state=AdminState.DOWN,
            nics=nics,
            disks=tuple(disk.uuid for disk in disks if disk.uuid),
            disks_active=False,
            tags=frozenset(Tag(tag) for tag in self.op.tags),
        )
        return instance, disks

    def _check_policy(
        self, config: Config, instance: Instance, disks: tuple[Disk, ...], template: DiskTemplate, primary: Node
    ) -> None:
        policy = fill_ipolicy(config.cluster, config.groups.get(primary.group))
        be = backend(fill_beparams(config.cluster, instance.beparams))
        size = ipolicy.Size(
            memory=be.maxmem,
            cpus=be.vcpus,
            disks=[disk.size for disk in disks],
            nics=len(instance.nics),
            spindles=be.spindle_use,
        )
        broken = ipolicy.violations(policy, size, template)
        if broken and not self.op.ignore_ipolicy:
            raise errors.OpPrereqError(
                f"instance {instance.name} does not fit the policy of node {primary.name}'s group:"
                f" {'; '.join(broken)} (--ignore-ipolicy goes on all the same)",
                ECode.INVAL,
            )
        for problem in broken:
            self.warn(f"policy ignored: {problem}")

    async def _check_node(self, future: Config, instance: Instance, primary: Node) -> None:
        filled = fill_instance(future, instance)
        answer = await self.services.rpc.call(
            primary, p.hypervisor_validate_params, instance.hypervisor, filled.hvparams
        )
        answer.unwrap(f"use the hypervisor parameters of instance {instance.name}")
        if instance.os:
            await osinstall.validate(
                self.services,
                future,
                instance.os,
                primary,
                osinstall.visible_parameters(
                    future,
                    instance.os,
                    instance.osparams,
                    instance.osparams_private,
                    self.op.osparams_secret or {},
                ),
                required=not self.op.no_install,
                force_variant=self.op.force_variant,
            )
        bridges = sorted({str(nic.nicparams["link"]) for nic in filled.nics if nic.nicparams["mode"] == "bridged"})
        if bridges:
            exist = await self.services.rpc.call(primary, p.bridges_exist, bridges)
            exist.unwrap(f"connect instance {instance.name}")
        if not self.op.start:
            return
        wanted = backend(filled.beparams).maxmem
        await devices.need_memory(self.services, primary, filled, wanted, "start")
