"""I build the image: small, locked down, it answers as the model does offline, and stops when told."""

import contextlib
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from engine import BASE, Engine, NoEngineError, engine
from projects import FEW_FLIGHTS, SLUG, Project
from roles import ROLES
from service import free_port

pytestmark = pytest.mark.long  # builds for minutes, and trains what it ships
SMALL = {
    "tabular": FEW_FLIGHTS,
    "mlops": FEW_FLIGHTS,
    "cv": ("--set", "data.limit=400", "--set", "cv.folds=3", "--set", "network.epochs=10"),
    "nlp": ("--set", "data.limit=30", "--set", "cv.folds=3"),
}
# MiB on top of the base image, which has about 125 where Python's own can be pulled.
MOST = {"tabular": 125, "mlops": 125, "cv": 175, "nlp": 325}


@pytest.fixture(scope="module")
def containers() -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(engine())
        except NoEngineError as why:
            pytest.skip(str(why))
        yield found


@pytest.mark.parametrize("role", ROLES)
def test_an_image_is_small_locked_down_and_right(
    role: str, containers: Engine, default: Callable[[str], Project]
) -> None:
    project = default(role)
    project.run(SLUG, "run", *SMALL[role])
    tag = f"{SLUG}-{role}"
    containers.run("build", "--network", "host", "--tag", tag, ".", cwd=project.path)
    added = containers.size(tag) - containers.size(BASE)
    print(f"{role}: {added:.0f} MiB on {BASE}")
    assert added <= MOST[role]
    port = free_port()
    locked = [
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
    ]
    where = ("--network", "host", "--env", f"PORT={port}", "--env", "HOST=127.0.0.1")
    containers.run("run", "--detach", "--name", tag, *locked, *where, tag)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/ready", timeout=5).close()
                break
            time.sleep(0.1)
        assert containers.run("exec", tag, "id", "-u") == "10001"
        # The project's own test, with which CI asks: answers equal the offline prediction.
        project.run("pytest", "-q", "tests/test_running_service.py", SERVICE_URL=address)
        for _ in range(120):
            health = containers.run("inspect", tag, "--format", "{{.State.Health.Status}}")
            if health != "starting":
                break
            time.sleep(0.5)
        assert health == "healthy"
        containers.run("stop", "--time", "10", tag)
        assert containers.run("inspect", tag, "--format", "{{.State.ExitCode}}") == "0"
    finally:
        print(containers.run("logs", "--tail", "20", tag, check=False))
        containers.run("rm", "--force", tag, check=False)
