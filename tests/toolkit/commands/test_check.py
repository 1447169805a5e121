"""The readiness check: a finished project passes, and each thing missing is named."""

import hashlib
import json
import shutil
import subprocess
from types import SimpleNamespace

import finished_run
import pytest
import yaml

from toolkit.commands import check
from toolkit import report

PARAMS = SimpleNamespace(data=SimpleNamespace(source="file"))
GIT = shutil.which("git")


def git(root, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run([GIT, "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def fill(path):
    path.write_text(report.blocks.OWNER.sub("My words.", path.read_text("utf-8")), "utf-8")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project that a reviewer may see."""
    if GIT is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(report, "draw_inline", lambda *content: {})
    root = finished_run.write(tmp_path, finished_run.binary())
    files = {
        "pyproject.toml": '[project]\ndescription = "Who will leave"\n',
        "DATA.md": "From the billing system.",
        "LICENSE": "MIT",
        "uv.lock": "version = 1",
        "params.yaml": "seed: 0\ncosts: {false_positive: 1}\n",
        "tests/test_mine.py": "def test_mine(): ...",
        ".github/workflows/ci.yml": "on: push",
        "reports/figures/ladder.png": "png",
        "src/features.py": "x = 1",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    readme = root / "README.md"
    readme.write_text(readme.read_text("utf-8") + "https://me-mine.hf.space\n", "utf-8")
    report.run(root)
    for path in [root / "MODEL_CARD.md", *(root / "docs" / "decisions").glob("0*.md")]:
        fill(path)
    digest = hashlib.md5((root / "src/features.py").read_bytes()).hexdigest()
    stage = {
        "deps": [{"path": "src/features.py", "hash": "md5", "md5": digest}],
        "params": {"params.yaml": {"seed": 0, "costs.false_positive": 1}},
    }
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"train": stage}}), "utf-8")
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "Run")
    git(root, "remote", "add", "origin", "https://example.com/me/mine.git")
    return root


def failing(root, params=PARAMS):
    return {item.name: item.advice for item in check.run(root, params) if item.status != "pass"}


def test_a_finished_project_passes(project):
    assert failing(project) == {}
    assert "Ready for a reviewer." in check.format_table(check.run(project, PARAMS))


def drop(name):
    return lambda root: (root / name).unlink()


def write(name, text):
    return lambda root: (root / name).write_text(text, "utf-8")


def metrics(**changes):
    def change(root):
        path = root / "reports" / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")

    return change


def failed_leak(root):
    path = root / "reports" / "data.json"
    data = json.loads(path.read_text("utf-8"))
    data["leaks"][0] |= {"status": "failed", "remedy": "Drop the column."}
    path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize(
    ("item", "break_it", "words"),
    [
        ("run finished", drop("reports/report.html"), "reports/report.html"),
        ("results current", drop("dvc.lock"), "Run `run`"),
        ("results current", write("params.yaml", "seed: 1\ncosts: {false_positive: 1}"), "seed"),
        ("results current", write("params.yaml", "seed: 0"), "costs.false_positive"),
        ("results current", write("src/features.py", "x = 2"), "src/features.py"),
        (
            "beats the baseline",
            metrics(gain={"roc_auc": {"value": 0.0, "ci": [-0.1, 0.1]}}),
            "zero",
        ),
        ("beats the baseline", metrics(gain={}), "not been measured"),
        ("no leak found", failed_leak, "Drop the column."),
        ("test set opened once", metrics(test_openings=3), "3 times"),
        ("README in your words", write("README.md", "<!-- owner: Say why. -->"), "Say why."),
        ("README in your words", drop("README.md"), "README.md is not there"),
        (
            "model card in your words",
            write("MODEL_CARD.md", "<!-- owner: Say who. -->"),
            "Say who.",
        ),
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
def test_what_is_missing_is_named(project, item, break_it, words):
    break_it(project)
    assert words in failing(project)[item]


def test_the_sample_is_advice_and_not_a_failure(project):
    sample = SimpleNamespace(data=SimpleNamespace(source="sample"))
    items = {item.name: item for item in check.run(project, sample)}
    assert items["own data"].status == "advice"
    assert items["own data"].passed


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    items = check.run(tmp_path, PARAMS)
    assert not all(item.passed for item in items)
    assert all(item.advice for item in items if item.status != "pass")
    assert json.dumps([item.to_json() for item in items])
