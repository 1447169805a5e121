"""I pull the plug, fill the disk and start two things at once: nothing is half, and the next `run` is whole."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from projects import SLUG, Project, clean_environment

FEW = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM, soft vote]"
SMALL = ("--set", "data.limit=3000", "--set", "cv.folds=3", "--set", FEW)
# Another version in `models/current`, so that `register` has something to do; prints its number.
VARIANT = """
import json, sys
from pathlib import Path
from my_project import gate
from my_project.settings import PROJECT
path = Path("models/current/metadata.json")
metadata = {**json.loads(path.read_text()), "model_version": sys.argv[1]}
path.write_text(json.dumps(metadata))
if sys.argv[2:]:
    print(gate.Registry(PROJECT, gate.load).register(gate.LOADER).number)
"""


@pytest.fixture(scope="module")
def project(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose first model serves and whose registry holds a second."""
    folder = tmp_path_factory.mktemp("interrupted") / SLUG
    shutil.copytree(mlops_project.path, folder, symlinks=True)
    project = Project(folder, mlops_project.environment)
    project.run(SLUG, "run", *SMALL)
    project.run("python", "-c", VARIANT, "second", "register")
    return project


def started(project: Project, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(project.bin / SLUG), *command],
        cwd=project.path,
        env=clean_environment(
            PYTHONPATH=str(project.path / "src"),
            PATH=os.pathsep.join([str(project.bin), os.environ["PATH"]]),
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def contents(folder: Path) -> dict[str, str]:
    """What lies in a folder, by the hash of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def require_whole(project: Project) -> None:
    """Every file that has a name is whole, and both models have all of theirs."""
    for place in ("data", "models", "reports"):
        for path in (project.path / place).rglob("*.json"):
            if not any(part.startswith(".new-") for part in path.parts):
                json.loads(path.read_text("utf-8"))
    for name in ("current", "champion"):
        folder = project.path / "models" / name
        files = {path.name for path in folder.iterdir()}
        assert {"metadata.json", "encoder.json", "lookups.json", "model.onnx"} <= files, name
    report = (project.path / "reports/report.html").read_text("utf-8")
    assert report.rstrip().endswith("</html>")


def champion(project: Project) -> dict:
    return json.loads(project.run(SLUG, "champion", "--json").stdout)


def kill_in(project: Project, stage: str, seconds: float) -> None:
    """Start a command, and end all of its processes at once after so many seconds."""
    command = [stage, *SMALL]
    if stage == "register":
        project.run("python", "-c", VARIANT, f"killed-{time.time_ns()}")
    if stage == "promote":
        other = 1 if champion(project)["number"] != 1 else 2
        command = [stage, str(other), "--force"]
    process = started(project, *command)
    time.sleep(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert "Traceback" not in said, said


@pytest.mark.parametrize(
    "kills", [1, pytest.param(20, marks=pytest.mark.long)], ids=["once", "often"]
)
def test_killed_at_any_moment_nothing_is_half(project: Project, kills: int) -> None:
    seed = random.randrange(1000)
    print(f"seed {seed}")
    rng = random.Random(seed)
    most = 4.0 if kills == 1 else 15.0
    for stage in ["data", "train", "report", "register", "promote"] * kills:
        kill_in(project, stage, rng.uniform(0.5, most))
        require_whole(project)
    # The alias is the truth, and any command makes the folder follow it.
    served = project.path / "models/champion/metadata.json"
    assert champion(project)["model_version"] == json.loads(served.read_text())["model_version"]


@contextmanager
def small_disk(folder: Path, free: int) -> Iterator[None]:
    """The folder on a disk of its own, with so many bytes to spare."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("Only root can mount a small disk.")
    beside = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, beside)
    size = sum(path.stat().st_size + 8192 for path in beside.rglob("*")) + 2 * free
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mounted, capture_output=True).returncode:
        shutil.rmtree(beside)
        pytest.skip("A small disk cannot be mounted here.")
    try:
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        with (folder / "other-files").open("wb", buffering=0) as other:
            with suppress(OSError):
                while other.write(bytes(4096)):
                    pass
            other.truncate(other.tell() - free)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(beside)


@pytest.mark.parametrize(
    ("stage", "place", "free"), [("train", "models", 16384), ("data", "reports", 0)]
)
def test_on_a_full_disk_the_earlier_stays_and_the_cause_is_said(
    project: Project, stage: str, place: str, free: int
) -> None:
    with small_disk(project.path / place, free=free):
        before = contents(project.path / "models"), contents(project.path / "reports")
        done = project.run(SLUG, stage, *SMALL, check=False)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert before[0] == contents(project.path / "models")
        assert before[1].keys() == contents(project.path / "reports").keys()
        require_whole(project)


def test_of_two_runs_the_second_waits_and_the_next_is_whole(project: Project) -> None:
    """After all that was killed and refused above, too."""
    held = project.path / ".dvc" / "tmp" / "at-work"
    held.write_text("")
    first = started(project, "run", *SMALL)
    while held.read_text("utf-8") != "run":
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.1)
    second = started(project, "run", *SMALL)
    said, also = first.communicate(timeout=600)[0], second.communicate(timeout=600)[0]
    assert (first.returncode, second.returncode) == (0, 0), said + also
    assert "Waiting for `run`, which is at work in this project." in also
    assert also.count("didn't change, skipping") == 5
    require_whole(project)
    version = json.loads((project.path / "models/current/metadata.json").read_text())
    for name in ("ladder", "metrics", "registration"):
        told = json.loads((project.path / f"reports/{name}.json").read_text("utf-8"))
        assert told["model_version"] == version["model_version"], name
    left = [path for path in project.path.rglob(".*") if path.name.startswith(".new-")]
    assert [path for path in left if path.is_dir() or path.parent.name == "models"] == []
