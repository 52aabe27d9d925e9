"""configure, make, make install and make dist, from a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib

import pytest

from ganeti import _autoconf
from ganeti.utils import files, process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

pytestmark = [
    pytest.mark.skipif(shutil.which("automake") is None, reason="no automake: autotools/setup-venv installs it"),
    pytest.mark.timeout(300),
]


def _make(directory: str, *argv: str, **env: str) -> str:
    done = process.run(argv, cwd=directory, env=env, timeout=240)
    assert not done.failed, done.output
    return done.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A copy of the source files with ./configure made."""
    directory = str(tmp_path_factory.mktemp("sources"))
    _make(ROOT, os.path.join(ROOT, "autotools", "file-list"), "copy", directory)
    _make(directory, "./autogen.sh")
    return directory


@pytest.fixture(scope="module")
def prefix(sources: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the package is installed; it was built outside of the sources, which are hidden now."""
    base = str(tmp_path_factory.mktemp("installed"))
    build = str(tmp_path_factory.mktemp("build"))
    prefix = os.path.join(base, "usr")
    chosen = [f"--prefix={prefix}", "--localstatedir=/var", "--sysconfdir=/etc", "--with-os-search-path=/srv/os:/os"]
    _make(build, os.path.join(sources, "configure"), *chosen, f"PYTHON={sys.executable}")
    _make(build, "make")
    _make(build, "make", "install", "completiondir=" + os.path.join(base, "completion"))
    return prefix


def _all_files(directory: str) -> list[str]:
    return [os.path.join(d, name) for d, _, names in os.walk(directory) for name in names]


def test_installed_files_have_no_reference_to_the_sources(prefix: str, sources: str) -> None:
    found = [
        path
        for path in _all_files(prefix)
        if not os.path.islink(path) and any(p.encode() in files.read_file(path) for p in (sources, ROOT + "/lib"))
    ]

    assert found == []
    assert [path for path in _all_files(prefix) if os.path.islink(path) and not os.path.exists(path)] == []


def test_installed_programs_run_and_are_the_configured_ones(prefix: str, tmp_path: os.PathLike[str]) -> None:
    version = process.run([os.path.join(prefix, "sbin", "ganeti-noded"), "--version"]).output
    root = os.path.join(tmp_path, "node1")
    node = {"GANETI_ROOTDIR": root, "GANETI_HOSTNAME": "node1"}
    tool = os.path.join(prefix, "lib", "ganeti", "tools", "ensure-dirs")

    made = process.run([tool, "-v"], env=node, cwd="/")
    status = process.run([os.path.join(prefix, "lib", "ganeti", "daemon-util"), "status"], env=node, cwd="/")

    assert _autoconf.VERSION in version
    assert f"{root}/var/lib/ganeti\n" in made.stdout
    names = ("ganeti-noded", "ganeti-masterd", "ganeti-rapi", "ganeti-confd")
    assert status.stdout == "".join(f"{name} is not running\n" for name in names)


def test_without_the_libraries_programs_say_what_is_missing(prefix: str) -> None:
    for program in ("gnt-node", "ganeti-noded"):
        done = process.run([sys.executable, "-IS", os.path.join(prefix, "sbin", program), "list"], cwd="/")

        assert done.exit_code == 1
        assert re.fullmatch(
            rf".*/{program}: cannot start: {re.escape(sys.executable)} has no library \w+: install .*\n", done.output
        )


def test_every_program_of_the_sources_is_installed(prefix: str) -> None:
    scripts = {n for n in os.listdir(os.path.join(ROOT, "scripts")) if n.startswith("gnt-")}
    daemons = {n for n in os.listdir(os.path.join(ROOT, "daemons")) if n.startswith("ganeti-")}

    installed = set(os.listdir(os.path.join(prefix, "sbin")))

    assert installed == scripts | daemons


def test_what_was_configured_is_what_the_package_knows(prefix: str) -> None:
    library = os.path.join(prefix, "lib", "ganeti")
    script = f"import sys; sys.path.insert(0, {library!r}); from ganeti import _autoconf as a; "
    script += "print(a.OS_SEARCH_PATH, a.PKGLIBDIR, a.LOCALSTATEDIR, a.__file__)"

    told = _make("/", sys.executable, "-I", "-c", script).strip()

    assert told == f"('/srv/os', '/os') {library} /var {library}/ganeti/_autoconf.py"


@pytest.mark.parametrize("daemon", ["noded", "masterd", "rapi", "confd"])
def test_unit_files_name_the_installed_programs(prefix: str, daemon: str) -> None:
    directory = os.path.join(prefix, "share/doc/ganeti/examples/systemd")
    unit = files.read_text(os.path.join(directory, f"ganeti-{daemon}.service"))

    assert f"ExecStart={prefix}/lib/ganeti/daemon-util start ganeti-{daemon}\n" in unit
    assert f"PIDFile=/var/run/ganeti/ganeti-{daemon}.pid\n" in unit
    assert "PartOf=ganeti.target\n" in unit and os.path.exists(os.path.join(directory, "ganeti.target"))
    assert re.search("@[A-Z]+@", unit) is None


def test_examples_name_the_installed_programs(prefix: str) -> None:
    examples = os.path.join(prefix, "share/doc/ganeti/examples")
    cron = files.read_text(os.path.join(examples, "ganeti.cron"))
    logrotate = files.read_text(os.path.join(examples, "ganeti.logrotate"))

    assert f"*/5 * * * * root [ -x {prefix}/sbin/ganeti-watcher ] && {prefix}/sbin/ganeti-watcher\n" in cron
    assert "/var/log/ganeti/*.log {\n" in logrotate
    assert f"{prefix}/lib/ganeti/daemon-util rotate-all-logs\n" in logrotate
    assert re.search("@[A-Z]+@", cron + logrotate) is None


def test_bash_completes_the_installed_programs(prefix: str) -> None:
    completion = os.path.join(os.path.dirname(prefix), "completion", "ganeti")

    assert "gnt-instance" in files.read_text(completion)
    assert not process.run(["bash", "-n", completion]).failed


def test_modules_are_compiled(prefix: str) -> None:
    package = os.path.join(prefix, "lib", "ganeti", "ganeti")

    compiled = [n for n in os.listdir(os.path.join(package, "__pycache__")) if n.startswith("schema.")]

    assert len(compiled) == 1


def test_examples_are_installed_so_that_they_can_be_run(prefix: str) -> None:
    scripts = os.path.join(prefix, "share", "ganeti", "os", "noop")

    assert os.access(os.path.join(scripts, "create"), os.X_OK)
    assert not os.access(os.path.join(scripts, "ganeti_api_version"), os.X_OK)


def test_a_tarball_holds_all_sources_and_builds(sources: str, tmp_path: os.PathLike[str]) -> None:
    _make(sources, "./configure", "--prefix=/usr", f"PYTHON={sys.executable}")
    _make(sources, "make", "dist")
    (tarball,) = (name for name in os.listdir(sources) if name.endswith(".tar.gz"))
    _make(str(tmp_path), "tar", "-xzf", os.path.join(sources, tarball))
    unpacked = os.path.join(tmp_path, tarball.removesuffix(".tar.gz"))

    _make(unpacked, "./configure", "--prefix=/usr", f"PYTHON={sys.executable}")
    _make(unpacked, "make", "install", f"DESTDIR={tmp_path}/root")
    _make(unpacked, "make", "uninstall", f"DESTDIR={tmp_path}/root")

    listed = _make(ROOT, os.path.join(ROOT, "autotools", "file-list")).splitlines()
    assert [name for name in listed if not os.path.lexists(os.path.join(unpacked, name))] == []
    assert _all_files(os.path.join(tmp_path, "root")) == []


def test_all_places_tell_the_same_version() -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]["version"]
    configured = re.search(r"AC_INIT\(\[ganeti\], \[(.*?)\]", files.read_text(os.path.join(ROOT, "configure.ac")))

    assert configured is not None
    assert configured.group(1) == project == _autoconf.VERSION


def test_locked_versions_are_those_the_project_asks_for() -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]

    for name, wanted in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-dev.lock", project["optional-dependencies"]["dev"]),
    ):
        text = files.read_text(os.path.join(ROOT, "autotools", name))
        locked = {line.partition("==")[0].lower() for line in text.splitlines()}
        asked = {re.split(r"[<>=;\[ ]", requirement)[0].lower() for requirement in wanted}
        assert asked - locked == set()
