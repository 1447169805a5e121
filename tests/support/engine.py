"""A container engine: the machine's own, or one started for the tests, and Python's image or its stand-in."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BASE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
SECONDS_TO_PULL = 60
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class NoEngineError(Exception):
    """There is no engine, or no image to build on; it says why."""


class Engine:
    """The commands of an engine."""

    def __init__(self, *client: str) -> None:
        self.client = client

    def run(
        self,
        *arguments: str,
        check: bool = True,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> str:
        """Run a command of the client; return what it printed."""
        done = subprocess.run(
            [*self.client, *arguments],
            cwd=cwd,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            timeout=timeout,
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def answers(self) -> bool:
        return subprocess.run([*self.client, "info"], capture_output=True).returncode == 0

    def has(self, image: str) -> bool:
        return bool(self.run("images", "--quiet", image))

    def size(self, image: str) -> float:
        """MiB of an image with all its layers."""
        return int(self.run("image", "inspect", image, "--format", "{{.Size}}")) / 2**20

    def require_base(self) -> None:
        """Have `BASE`: pulled, or made of this machine's own Debian packages and Python."""
        if self.has(BASE):
            return
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            self.run("pull", BASE, timeout=SECONDS_TO_PULL)
            return
        if not shutil.which("dpkg-query"):
            raise NoEngineError(f"{BASE} cannot be pulled, and nothing stands in for it.")
        with tempfile.TemporaryDirectory() as work:
            stand_in(Path(work, "base.tar"))
            self.run("import", f"{work}/base.tar", "stand-in")
            Path(work, "Dockerfile").write_text(
                "FROM stand-in\nENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "
                f"PIP_CERT={CERTIFICATES}\n"
                "RUN ldconfig && python3 -m ensurepip && ln -s pip3 /usr/local/bin/pip\n"
            )
            self.run("build", "--tag", BASE, "--network", "host", work)


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """An engine that has `BASE`.

    Raises
    ------
    NoEngineError
    """
    # Debian's client has its builder in it; another one in front of it may lack one.
    client = shutil.which("docker", path=os.pathsep.join(["/usr/bin", os.environ["PATH"]]))
    if client is None:
        raise NoEngineError("There is no container engine (Debian: apt-get install docker.io).")
    found = Engine(client)
    if found.answers():
        found.require_base()
        yield found
        return
    daemon = shutil.which("dockerd")
    if daemon is None or os.geteuid():
        raise NoEngineError("No container engine runs, and only root can start one (dockerd).")
    with tempfile.TemporaryDirectory(prefix="engine-") as work:
        own = Engine(client, "--host", f"unix://{work}/socket")
        command = f"--host unix://{work}/socket --data-root {work}/data --exec-root {work}/run "
        command += f"--pidfile {work}/pid --bridge=none --iptables=false --ip6tables=false "
        command += "--ip-forward=false --exec-opt native.cgroupdriver=cgroupfs"
        with Path(work, "log").open("wb") as log:
            process = subprocess.Popen([daemon, *command.split()], stdout=log, stderr=log)
        try:
            for _ in range(300):
                if own.answers():
                    break
                if process.poll() is not None:
                    raise NoEngineError(f"dockerd ends: {Path(work, 'log').read_text()[-500:]}")
                time.sleep(0.1)
            own.require_base()
            yield own
        finally:
            process.terminate()
            process.wait(60)
            for place in Path(work).glob("run/netns/*"):
                subprocess.run(["umount", str(place)])


def stand_in(target: Path) -> None:
    """Write a Debian root with Python under /usr/local, of what is installed on this machine."""
    python = Path(sys.base_prefix).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = python / "lib" / version
    wanted = _said("dpkg-query", "-W", "-f", "${Essential} ${Package}\n")
    packages = [line.split()[1] for line in wanted.splitlines() if line.startswith("yes")]
    packages += ["apt", "passwd", "adduser", "ca-certificates", "netbase", *_libraries_of(library)]
    skip = "--no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances"
    listed = _said("apt-cache", "depends", "--recurse", "--installed", *skip.split(), *packages)
    known = {line.strip() for line in listed.splitlines() if line[:1].isalnum()}
    names = set(_said("dpkg-query", "-L", *sorted(known), check=False).splitlines())
    unused = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bug)/|/etc/shadow|/etc/gshadow")
    with tarfile.open(target, "w") as tar:
        for folder in ("bin", "sbin", "lib", "lib64"):
            _link(tar, folder, f"usr/{folder}")
        for place in ("proc", "sys", "dev", "tmp", "run", "root", "home", "var/tmp"):
            _put(tar, f"{place}/", b"", 0o1777 if place.endswith("tmp") else 0o755)
        for name in ("passwd", "group"):
            _put(tar, f"etc/{name}", Path(f"/usr/share/base-passwd/{name}.master").read_bytes())
        _put(tar, CERTIFICATES, Path(CERTIFICATES).read_bytes())
        added = {Path(CERTIFICATES), *map(Path, ("/etc/passwd", "/etc/group"))}
        for name in sorted(names):
            # Through the links above a file would be added twice.
            path = Path(name).parent.resolve() / Path(name).name
            if unused.match(name) or path in added or not os.path.lexists(path) or path.is_dir():
                continue
            added.add(path)
            tar.add(path, recursive=False)
        for path in set(Path("/etc/alternatives").iterdir()) - added:
            tar.add(path, recursive=False)
        drop = re.compile(r"/(site-packages|test|idlelib|turtledemo|__pycache__|config-[^/]*)(/|$)")
        tar.add(
            library,
            f"usr/local/lib/{version}",
            filter=lambda each: None if drop.search(f"/{each.name}") else each,
        )
        for path in python.glob("lib/libpython*.so*"):
            tar.add(path, f"usr/local/lib/{path.name}")
        tar.add(python / "bin" / version, f"usr/local/bin/{version}")
        for name in ("python", "python3"):
            _link(tar, f"usr/local/bin/{name}", version)


def _said(*command: str, check: bool = True) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=check).stdout


def _libraries_of(library: Path) -> list[str]:
    """The packages of the shared libraries that Python's own modules load."""
    modules = [p for p in map(str, library.glob("lib-dynload/*.so")) if "tkinter" not in p]
    found = set(re.findall(r"=> (/\S+)", _said("ldd", sys.executable, *modules)))
    paths = {os.path.realpath(path) for path in found} | {f"/usr{path}" for path in found} | found
    owned = _said("dpkg-query", "-S", *sorted(paths), check=False)
    return sorted(set(re.findall(r"^([^:\s]+)[:,]", owned, re.MULTILINE)))


def _link(tar: tarfile.TarFile, name: str, to: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    tar.addfile(member)


def _put(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name.strip("/"))
    member.size, member.mode = len(content), mode
    if name.endswith("/"):
        member.type = tarfile.DIRTYPE
    tar.addfile(member, io.BytesIO(content))
