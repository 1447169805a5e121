"""I keep data and models beside the code: nothing is done twice, and what was deleted comes back as it was."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bucket import Bucket, bucket
from projects import FEW_FLIGHTS, SLUG, Project, commit, git, render
from roles import ROLES

STAGES = ["data", "train", "evaluate", "report", "register"]


@pytest.fixture(scope="module")
def kept(ran_mlops: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in git after `run`, everything that git takes committed."""
    folder = tmp_path_factory.mktemp("kept") / SLUG
    shutil.copytree(ran_mlops.path, folder, symlinks=True)
    return Project(folder, ran_mlops.environment)


def state(project: Project) -> dict[str, int]:
    """When each file of the project was written, in nanoseconds, those of git and DVC left out."""
    own = (project.path / ".git", project.path / ".dvc")
    return {
        str(path.relative_to(project.path)): path.stat().st_mtime_ns
        for path in project.path.rglob("*")
        if path.is_file() and not any(path.is_relative_to(folder) for folder in own)
    }


@pytest.fixture(params=["dvc repro", "run"])
def again(kept: Project, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Bring all stages up to date by one of the two ways; give what was said."""

    def do() -> str:
        command = ("dvc", "repro") if request.param == "dvc repro" else (SLUG, "run", *FEW_FLIGHTS)
        done = kept.run(*command)
        return done.stdout + done.stderr

    return do


def test_what_is_up_to_date_is_not_done_again(kept: Project, again: Callable[..., str]) -> None:
    """`run` may write what it was told, in the same bytes; no stage may write anything."""
    before = state(kept)
    said = again()
    for stage in STAGES:
        assert f"Stage '{stage}' didn't change, skipping" in said
    assert "Running stage" not in said
    after = state(kept)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {"reports/inputs.yaml"}
    assert git(kept.path, "status", "--porcelain") == ""


def test_one_changed_setting_is_done_again_from_its_stage_on(kept: Project, tmp_path: Path) -> None:
    """The other way round: an equal file is not enough, DVC looks at what it depends on."""
    folder = tmp_path / SLUG
    shutil.copytree(kept.path, folder, symlinks=True)
    project = Project(folder, kept.environment)
    text = (folder / "params.yaml").read_text("utf-8")
    (folder / "params.yaml").write_text(text.replace("least_rows: 500", "least_rows: 501"))
    said = project.run("dvc", "repro").stdout
    assert "Running stage 'register'" in said
    assert said.count("didn't change, skipping") == len(STAGES) - 1


def contents(project: Project) -> dict[str, str]:
    """What DVC keeps: the hash of every file by its name."""
    stages = yaml.safe_load((project.path / "dvc.yaml").read_text("utf-8"))["stages"]
    outs = [out for stage in stages.values() for out in stage.get("outs", []) if _is_cached(out)]
    places = [project.path / (out if isinstance(out, str) else next(iter(out))) for out in outs]
    files = [
        path for place in places for path in ([place] if place.is_file() else place.rglob("*"))
    ]
    return {
        str(path.relative_to(project.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file() and path.name != "evaluated.json"  # which the reports say too
    }


def _is_cached(out: str | dict) -> bool:
    return isinstance(out, str) or next(iter(out.values())).get("cache", True)


def answers(project: Project) -> str:
    """What the newest model says of the test rows."""
    project.run(SLUG, "predict", "data/test.parquet", "--output", "answers.csv")
    try:
        return (project.path / "answers.csv").read_text("utf-8")
    finally:
        (project.path / "answers.csv").unlink()


def lose_and_fetch(project: Project, **env: Any) -> None:
    """Delete what git does not hold, the cache too; everything comes back, byte for byte."""
    before, said = contents(project), answers(project)
    assert {"data/train.parquet", "data/schema.json", "models/current/model.onnx"} <= set(before)
    for name in ("data", "models", ".dvc/cache"):
        shutil.rmtree(project.path / name)
    project.run("dvc", "pull", **env)
    assert contents(project) == before
    assert answers(project) == said
    assert "didn't change" in project.run("dvc", "repro", "report").stdout


def test_what_was_pushed_beside_the_project_comes_back(kept: Project) -> None:
    kept.run("dvc", "push")
    beside = kept.path.parent / f"{SLUG}-dvc"
    assert list(beside.rglob("*.dir")), "models/current is a folder"
    lose_and_fetch(kept)


def test_a_clone_gets_what_its_commit_names(kept: Project, tmp_path: Path) -> None:
    """Somebody else: only git's files and the remote."""
    kept.run("dvc", "push")
    (tmp_path / f"{SLUG}-dvc").symlink_to(kept.path.parent / f"{SLUG}-dvc")
    git(tmp_path, "clone", "--quiet", str(kept.path), SLUG)
    clone = Project(tmp_path / SLUG, kept.environment)
    clone.run("dvc", "pull")
    assert contents(clone) == contents(kept)
    assert answers(clone) == answers(kept)


@pytest.fixture(scope="module")
def s3(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    with bucket(tmp_path_factory.mktemp("s3"), mlops_project) as made:
        yield made


def test_a_bucket_holds_the_same_when_told(kept: Project, s3: Bucket) -> None:
    """Address by setting, credentials from the environment; the file beside the project is not asked."""
    shutil.rmtree(kept.path.parent / f"{SLUG}-dvc", ignore_errors=True)
    told = {"url": f"s3://{s3.name}/{SLUG}", "endpointurl": s3.endpoint}
    for option, value in told.items():
        kept.run("dvc", "remote", "modify", "--local", "storage", option, value)
    try:
        kept.run("dvc", "push", **s3.credentials)
        wrong = kept.run(
            "dvc", "status", "--cloud", check=False,
            **{**s3.credentials, "AWS_SECRET_ACCESS_KEY": "wrong"},
        )  # fmt: skip
        assert wrong.returncode != 0
        kept.run(SLUG, "run", *FEW_FLIGHTS)  # leaves the owner's settings as they are
        lose_and_fetch(kept, **s3.credentials)
        assert not (kept.path.parent / f"{SLUG}-dvc").exists()
        assert git(kept.path, "status", "--porcelain") == ""
    finally:
        (kept.path / ".dvc/config.local").unlink()


@pytest.mark.parametrize("role", ROLES)
def test_what_git_ignores_is_kept_by_dvc(
    role: str, template: Path, mlops_project: Project, tmp_path: Path
) -> None:
    """In every role; else a clone would lack it. Generated samples are made anew instead."""
    project = Project(render(template, tmp_path / SLUG, role=role), mlops_project.environment)
    commit(project.path, "Begin")
    listed = project.run("dvc", "remote", "list", COLUMNS="1000").stdout.split()
    assert listed[0] == "storage"
    assert Path(os.path.normpath(listed[1])) == tmp_path / f"{SLUG}-dvc"
    stages = yaml.safe_load((project.path / "dvc.yaml").read_text("utf-8"))["stages"]
    uncached = [
        next(iter(out))
        for stage in stages.values()
        for kind in ("outs", "metrics")
        for out in stage.get(kind, [])
        if not _is_cached(out)
    ]
    ignored = subprocess.run(
        ["git", "check-ignore", *uncached], cwd=project.path, capture_output=True, text=True
    ).stdout.split()
    assert set(ignored) <= {"data/sample"}
