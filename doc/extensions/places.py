"""Reference pages about files of a node: every path, and the ssconf keys."""

import inspect

from markup import literal, sentence, table

from ganeti import _autoconf, owners
from ganeti.bootstrap import directories
from ganeti.paths import Paths

#: stand-ins for the arguments of paths that have one
SAMPLES = {"job_id": 12345, "key": "KEY", "daemon": "ganeti-noded", "program": "ganeti-masterd", "group": "UUID"}
#: no paths, though they return text
NOT_PATHS = {"root", "hostname", "virtualize", "localize", "for_node", "cluster_dir", "node_figures_file"}

#: what each ssconf file holds; test_doc_reference.py holds the keys against the master daemon
SSCONF = {
    "cluster_name": "Name of the cluster.",
    "cluster_tags": "Tags of the cluster, one a line.",
    "cluster_uuid": "Identity of the cluster; a call that names another is refused.",
    "enabled_user_shutdown": "Whether users may stop instances from inside.",
    "file_storage_dir": "Where disks of template ``file`` are kept.",
    "gluster_storage_dir": "Where disks of template ``gluster`` are mounted.",
    "hypervisor_list": "Enabled hypervisors, the default first.",
    "instance_list": "Names of all instances.",
    "maintain_node_health": "Whether the watcher stops instances on offline nodes.",
    "master_candidates": "Names of the master candidates.",
    "master_candidates_certs": "Digest of each candidate's certificate, ``node-uuid=digest``; only their holders"
    " are served by a node daemon.",
    "master_candidates_ips": "Addresses of the master candidates.",
    "master_ip": "Address that moves with the master.",
    "master_netdev": "Interface that carries it.",
    "master_netmask": "Prefix length of it.",
    "master_node": "Name of the master: what ``gnt-cluster getmaster`` prints, what a node votes for.",
    "networks": "Networks, ``uuid name``.",
    "node_list": "Names of all nodes.",
    "node_primary_ips": "Addresses of the nodes, ``name address``.",
    "node_secondary_ips": "Replication addresses of the nodes, ``name address``.",
    "node_vm_capable": "Whether each node may run instances, ``name=True``.",
    "nodegroups": "Node groups, ``uuid name``.",
    "offline_nodes": "Nodes marked offline.",
    "online_nodes": "Nodes not marked offline.",
    "primary_ip_family": "2 for IPv4, 10 for IPv6.",
    "release_version": "Version of the master daemon that wrote the files.",
    "shared_file_storage_dir": "Where disks of template ``sharedfile`` are kept.",
    "ssh_ports": "SSH port of each node, ``name=port``.",
    "uid_pool": "User ids instances may run as, ``low-high``.",
}
HVPARAMS = "hvparams_"
HVPARAMS_DOC = "Hypervisor parameters of the cluster for one hypervisor, ``name=value``."


def files():
    """Every file name of a node, with the mode where it is set."""
    paths = Paths("", "node1.example.com")
    modes = {row.path(paths): row for row in (*directories.DIRECTORIES, *owners.FILES)}
    rows = []
    for value, doc in all_paths(paths):
        row = modes.get(value)
        rows.append((literal(value), f"{row.mode:04o}" if row else "", sentence(doc)))
    return table(("path", "mode", "what it is"), rows, (46, 8, 46))


def all_paths(paths):
    """Yield (path, doc) of everything Paths names."""
    for name, member in vars(Paths).items():
        if name.startswith("_") or name in NOT_PATHS:
            continue
        if isinstance(member, property):
            value, doc = getattr(paths, name), member.fget.__doc__
        elif inspect.isfunction(member):
            (argument,) = list(inspect.signature(member).parameters)[1:]
            value, doc = member(paths, SAMPLES[argument]), member.__doc__
        else:
            continue
        for path in [value] if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if path:
                yield place(path), doc.partition("\n\n")[0].removeprefix("Return the file of ").strip()


def place(path):
    """Return a path without the place of this source tree."""
    source = _autoconf._SOURCE if hasattr(_autoconf, "_SOURCE") else ""
    return path.replace(source, "SOURCE", 1) if source and path.startswith(source) else path


def ssconf():
    """Every ssconf key."""
    rows = [(literal(f"ssconf_{key}"), doc) for key, doc in SSCONF.items()]
    rows.append((literal(f"ssconf_{HVPARAMS}NAME"), HVPARAMS_DOC))
    return table(("file", "what it holds"), sorted(rows), (40, 60))


PAGES = {"files": files, "ssconf": ssconf}
