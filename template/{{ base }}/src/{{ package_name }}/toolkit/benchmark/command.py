"""The command `bench`: the service, started for the purpose and asked over the loopback interface."""

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..commands.role import Json, Requests
from ..project.errors import UserError
from ..project.files import write_bytes, write_json
from ..project.settings import Project
from . import load
from .figure import draw

RESULT = Path("reports", "bench.json")
FIGURE = Path("reports", "bench.png")
PATH = "/predict"
SECONDS_TO_START = 120
# One caller asks all: the bound on how often it may is not what is measured.
ALWAYS = ("serving.rate_per_minute=0",)
ENOUGH = 100  # answers; the 99th percentile of fewer is their slowest
PACKAGES = ("fastapi", "uvicorn", "pydantic", "onnxruntime")


def run(
    project: Project,
    requests: Requests,
    overrides: Sequence[str],
    connections: int,
    seconds: float,
    aside: Mapping[str, str],
) -> Json:
    """Start the service, ask it, stop it, and write what was measured.

    Parameters
    ----------
    project : Project
    requests : callable
        What is sent, in turn.
    overrides : sequence of str
        `section.key=value` pairs that the service starts with.
    connections : int
        How many are open; each asks again when it is answered.
    seconds : float
        How long it is measured, after a second that is not.
    aside : mapping of str to str
        Variables that name folders for what a service writes, and the folder each names meanwhile. It
        is removed.

    Returns
    -------
    dict
        What `reports/bench.json` holds.

    Raises
    ------
    UserError
        If the service does not start, has no model, or refuses what it is asked.
    """
    environment, described = project.environment(), machine()
    headers = [("X-API-Key", key) for key in environment.api_keys[:1]]
    sent = [load.request_of(PATH, *each, headers) for each in requests(project)]
    with _serving(project, [*ALWAYS, *overrides], aside) as (host, port):
        found = load.ask((host, port), sent, connections, seconds)
        model = _get(host, port, "/model", headers)["model_version"]
    answered, asked = found.statuses[200], found.statuses.total()
    if 2 * answered <= asked:
        told = ", ".join(f"{count} with {status}" for status, count in found.statuses.items())
        raise UserError(
            f"The service answered {answered} of {asked} requests ({told or 'none came back'}). After "
            "503 use fewer --connections than serving.max_in_flight; after 422 ask by hand what is "
            "wrong with a row of the test set."
        )
    ordered = sorted(found.milliseconds)
    result = {
        "model_version": model,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "path": PATH,
        "connections": connections,
        "processes": environment.workers,
        "settings": list(overrides),
        "inputs": len(sent),
        "seconds": round(found.seconds, 2),
        "statuses": {str(status): count for status, count in sorted(found.statuses.items())},
        "enough": answered >= ENOUGH,
        "requests_per_second": round(answered / found.seconds, 1),
        "milliseconds": {
            f"p{share}": round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)], 3)
            for share in (50, 90, 99)
        },
        "client_cores": round(found.client_cores, 2),
        "machine": described,
        "packages": dict(_packages()),
    }
    write_json(project.root / RESULT, result)
    write_bytes(project.root / FIGURE, draw(result, ordered))
    return result


def machine() -> Json:
    """What is measured on, and how busy it is before."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _packages() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield name, version(name)


@contextlib.contextmanager
def _serving(
    project: Project, overrides: Sequence[str], aside: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """The service on a free port of this machine; stopped in the end, whatever ends the block."""
    settings = [part for pair in overrides for part in ("--set", pair)]
    package = __package__.partition(".")[0]
    command = [
        sys.executable,
        "-m",
        package,
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        *settings,
    ]
    folders = {name: str((project.root / folder).resolve()) for name, folder in aside.items()}
    # Told to end, this process stops the service first.
    earlier = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder, "service.log")
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=project.root, env={**os.environ, **folders}, stdout=out, stderr=out
            )
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait()
            signal.signal(signal.SIGTERM, earlier)
            for written in folders.values():
                shutil.rmtree(written, ignore_errors=True)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int]:
    """Where the service listens, once it has a model to answer with."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
        _, found, rest = log.read_text("utf-8").partition('"message": "serving on http://')
        if found and '"' in rest:
            host, _, port = rest.partition('"')[0].rpartition(":")
            with contextlib.suppress(OSError):
                if not _get(host, int(port), "/health")["model_loaded"]:
                    raise UserError("The service has no model. Run `train` first.")
                return host, int(port)
    lines = log.read_text("utf-8").strip().splitlines()
    raise UserError(f"The service did not start: {lines[-1] if lines else 'it said nothing'}")


def _get(host: str, port: int, path: str, headers: Sequence[tuple[str, str]] = ()) -> Any:
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=dict(headers))
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)
