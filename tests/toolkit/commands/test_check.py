"""The readiness check: a finished project passes, and each thing missing is named."""

import json
import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tabular.settings import PROJECT
from toolkit.commands import check, pipeline, release

PARAMS = SimpleNamespace(data=SimpleNamespace(source="file"))
GIT = shutil.which("git")
REPORTS = {
    "reports/data.json": {"leaks": [{"check": "single-feature", "status": "passed", "detail": ""}]},
    "reports/ladder.json": {"metric": "roc_auc"},
    "reports/metrics.json": {
        "primary": {"metric": "roc_auc"},
        "gain": {"roc_auc": {"value": 0.2, "ci": [0.1, 0.3]}},
        "test_openings": 1,
    },
    "models/current/metadata.json": {"model_version": "v1"},
}
FILES = {
    "README.md": "Mine, at https://me-mine.hf.space\n",
    "MODEL_CARD.md": "Mine.",
    "DATA.md": "From the billing system.",
    "docs/decisions/0001-metric.md": "Argued.",
    "reports/report.html": "<html>",
    "reports/figures/ladder.png": "png",
    "pyproject.toml": '[project]\ndescription = "Who will leave"\n',
    "LICENSE": "MIT",
    "uv.lock": "version = 1",
    "tests/test_mine.py": "def test_mine(): ...",
    ".github/workflows/ci.yml": "on: push",
}


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([GIT, "-C", str(root), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project that a reviewer may see."""
    if GIT is None:
        pytest.skip("git is not installed")
    written = {**FILES, **{name: json.dumps(content) for name, content in REPORTS.items()}}
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "dvc.lock").write_text("stages: {}", "utf-8")
    monkeypatch.setattr(pipeline, "changed", lambda root: [])
    monkeypatch.setattr(release, "changed", list)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "Run")
    git(tmp_path, "remote", "add", "origin", "https://example.com/me/mine.git")
    return tmp_path


def look(root, params=PARAMS):
    return check.run(replace(PROJECT, root=root), params)


def failing(root):
    return {item.name: item.advice for item in look(root) if item.status != "pass"}


def test_a_finished_project_passes(root):
    assert failing(root) == {}
    assert "Ready for a reviewer." in check.format_table(look(root))


def drop(name):
    return lambda root: (root / name).unlink()


def write(name, text):
    return lambda root: (root / name).write_text(text, "utf-8")


def change(name, **values):
    content = {**REPORTS[name], **values}
    return lambda root: (root / name).write_text(json.dumps(content), "utf-8")


NO_GAIN = {"roc_auc": {"value": 0.0, "ci": [-0.1, 0.1]}}
LEAK = {"check": "single-feature", "status": "failed", "detail": "", "remedy": "Drop the column."}


@pytest.mark.parametrize(
    ("item", "break_it", "words"),
    [
        ("run finished", drop("reports/report.html"), "reports/report.html"),
        ("results current", drop("dvc.lock"), "Run `run`"),
        ("beats the baseline", change("reports/metrics.json", gain=NO_GAIN), "zero"),
        ("beats the baseline", change("reports/metrics.json", gain={}), "not been measured"),
        ("no leak found", change("reports/data.json", leaks=[LEAK]), "Drop the column."),
        ("test set opened once", change("reports/metrics.json", test_openings=3), "3 models"),
        ("README in your words", write("README.md", "<!-- owner: Say why. -->"), "Say why."),
        ("README in your words", drop("README.md"), "README.md is not there"),
        ("model card in your words", write("MODEL_CARD.md", "<!-- owner: Say. -->"), "Say."),
        ("datasheet in your words", drop("DATA.md"), "DATA.md is not there"),
        (
            "decisions argued",
            write("docs/decisions/0002-split.md", "<!-- owner: Argue. -->"),
            "0002-split.md: 1 section",
        ),
        ("introduced", write("pyproject.toml", 'authors = "Your Name"'), "Your Name"),
        ("published", lambda root: git(root, "remote", "remove", "origin"), "git push"),
        ("git history", lambda root: shutil.rmtree(root / ".git"), "git init"),
        (
            "results committed",
            lambda root: git(root, "rm", "-q", "--cached", "MODEL_CARD.md"),
            "MODEL",
        ),
        ("versions locked", drop("uv.lock"), "uv lock"),
        ("versions locked", lambda root: git(root, "rm", "-q", "--cached", "uv.lock"), "Commit"),
        ("tests", write("tests/test_mine.py", "# none"), "Write a test"),
        ("automated", drop(".github/workflows/ci.yml"), "workflow"),
        ("licence", drop("LICENSE"), "LICENSE"),
        ("live link", write("README.md", "no link"), "free host"),
    ],
)
def test_what_is_missing_is_named(root, item, break_it, words):
    break_it(root)
    assert words in failing(root)[item]


def test_what_changed_since_the_run_is_named(root, monkeypatch):
    monkeypatch.setattr(pipeline, "changed", lambda root: ["costs.false_positive", "src/a.py"])
    assert "costs.false_positive, src/a.py changed" in failing(root)["results current"]


def test_toolkit_files_that_differ_from_the_release_are_advice(root, monkeypatch):
    (root / release.ANSWERS).write_text("_commit: v1.2.0\n", "utf-8")
    monkeypatch.setattr(release, "changed", lambda: ["training/scoring.py"])
    (item,) = [item for item in look(root) if item.name == "template release"]
    assert item.status == "advice"
    assert "v1.2.0" in item.advice
    assert "training/scoring.py" in item.advice


def test_what_an_owner_edits_in_the_toolkit_is_known(tmp_path):
    (tmp_path / "a.py").write_text("1\n", "utf-8")
    (tmp_path / "b.py").write_text("2\n", "utf-8")
    assert release.changed(tmp_path) == []  # no digests: nothing is known of the release
    known = [release.digest(path, tmp_path) for path in release.files(tmp_path)]
    (tmp_path / release.DIGESTS).write_text(json.dumps(known), "utf-8")
    assert release.changed(tmp_path) == []
    (tmp_path / "a.py").write_text("3\n", "utf-8")
    assert release.changed(tmp_path) == ["a.py"]


def test_the_sample_is_advice_and_not_a_failure(root):
    sample = SimpleNamespace(data=SimpleNamespace(source="sample"))
    items = {item.name: item for item in look(root, sample)}
    assert items["own data"].status == "advice"
    assert items["own data"].passed


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    items = look(tmp_path)
    assert not all(item.passed for item in items)
    assert all(item.advice for item in items if item.status != "pass")
    assert json.dumps([item.to_json() for item in items])
