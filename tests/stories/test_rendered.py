"""What a fresh project holds is clean before I touch it: code, packaging, workflows, image, deployment."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from projects import ROOT, SLUG, Project, clean_environment, commit, render
from roles import ROLES

pytestmark = pytest.mark.quick

DEPLOYMENTS = ["none", "huggingface", "render", "fly", "kubernetes"]
EVERYWHERE = ["ci.yml", "pages.yml", "release.yml", "update.yml"]
WORKFLOWS = dict.fromkeys(ROLES, EVERYWHERE) | {"mlops": sorted([*EVERYWHERE, "monitor.yml"])}
TOOLS = Path(sys.executable).parent
UV = shutil.which(os.environ.get("UV", "uv"))


def tool(name: str, *arguments: str | Path, cwd: Path) -> str:
    """Run a linter of the test environment; fail with what it says."""
    command = [str(TOOLS / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{name}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", params=ROLES)
def written(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A fresh project of each role, as a repository with one commit."""
    folder = render(template, tmp_path_factory.mktemp("written") / SLUG, role=request.param)
    commit(folder, "Begin")
    return folder


@pytest.mark.parametrize("role", ["cv", "nlp", "mlops"])  # mlops has all modules of tabular
def test_the_code_is_formatted_linted_and_typed(
    default: Callable[[str], Project], role: str
) -> None:
    """The same commands as `make lint`."""
    project = default(role)
    project.run("ruff", "format", "--check", "--no-cache")
    project.run("ruff", "check", "--no-cache")
    project.run("mypy", "--cache-dir", str(project.environment.parent / "mypy"))


def test_yaml_reads_the_same_everywhere(written: Path) -> None:
    rules = "{extends: default, rules: {line-length: disable, document-start: disable, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}, braces: disable}}"
    tool("yamllint", "--strict", "-d", rules, ".", cwd=written)


def test_workflows_are_sound(written: Path) -> None:
    workflows = sorted((written / ".github/workflows").glob("*.yml"))
    role = yaml.safe_load((written / ".copier-answers.yml").read_text("utf-8"))["role"]
    assert [path.name for path in workflows] == WORKFLOWS[role]
    tool("actionlint", "-shellcheck", TOOLS / "shellcheck", *workflows, cwd=written)
    tool("zizmor", "--offline", "--strict-collection", "--quiet", *workflows, cwd=written)
    schema = ("--builtin-schema", "vendor.github-workflows")
    tool("check-jsonschema", *schema, *workflows, cwd=written)


def test_the_workflows_of_this_repository_are_sound() -> None:
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    tool("actionlint", "-shellcheck", TOOLS / "shellcheck", *workflows, cwd=ROOT)
    tool("zizmor", "--offline", "--strict-collection", "--quiet", *workflows, cwd=ROOT)
    tool("shellcheck", ROOT / ".ci/run", cwd=ROOT)


def test_the_workflows_run_what_make_runs(written: Path) -> None:
    """Every check of CI is a command the Makefile has, so that it can be repeated at a desk."""
    make = (written / "Makefile").read_text("utf-8").replace("$(UV)", "uv")
    steps = yaml.safe_load((written / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    commands = [step["run"] for step in steps["code"]["steps"] if "uv " in step.get("run", "")]
    assert len(commands) >= 5
    for command in commands:
        assert command in make, command


def test_an_image_is_asked_before_it_is_published(written: Path) -> None:
    """By the steps with which CI asks it."""
    files = (written / ".github/workflows" / name for name in ("ci.yml", "release.yml"))
    ci, release = (yaml.safe_load(path.read_text("utf-8"))["jobs"] for path in files)
    steps = [step.get("run", "") for step in release["image"]["steps"]]
    asked = next(step["run"] for step in ci["model"]["steps"] if "pytest" in step.get("run", ""))
    [build] = [place for place, run in enumerate(steps) if "docker build" in run]
    [publish] = [place for place, run in enumerate(steps) if "docker push" in run]
    assert build < steps.index(asked) < publish


def test_the_image_and_compose_files_are_sound(written: Path) -> None:
    tool("hadolint", "Dockerfile", cwd=written)
    schema = ("--builtin-schema", "vendor.compose-spec")
    tool("check-jsonschema", *schema, "compose.yaml", cwd=written)
    text = (written / "Dockerfile").read_text("utf-8")
    assert "USER 10001" in text
    assert "HEALTHCHECK" in text
    assert "syntax=" not in text


@pytest.mark.parametrize("deploy", DEPLOYMENTS)
def test_each_deployment_is_one_room_and_nothing_of_the_others(
    fresh: Callable[..., Project], deploy: str
) -> None:
    folder = fresh(deploy=deploy).path
    own = {
        "none": set(),
        "huggingface": {"deploy/huggingface/Dockerfile", "deploy/huggingface/README.md"},
        "render": {"render.yaml"},
        "fly": {"fly.toml"},
        "kubernetes": {
            f"deploy/kubernetes/{name}.yaml" for name in ("deployment", "kustomization", "service")
        },
    }
    every = set[str]().union(*own.values())
    assert {name for name in every if (folder / name).exists()} == own[deploy]
    image = f"ghcr.io/your-github-name/{SLUG}"
    assert all(deploy == "none" for name in own[deploy] if not (folder / name).exists())
    if deploy != "none":
        assert any(image in (folder / name).read_text("utf-8") for name in own[deploy])
        assert image in (folder / ".github/workflows/release.yml").read_text("utf-8")
    if deploy == "kubernetes":
        manifests = [folder / "deploy/kubernetes" / f"{n}.yaml" for n in ("deployment", "service")]
        tool("kubernetes-validate", "--strict", *manifests, cwd=folder)
    if deploy == "huggingface":
        tool("hadolint", "--ignore", "DL3007", "deploy/huggingface/Dockerfile", cwd=folder)
    assert "\n\n\n" not in (folder / "README.md").read_text("utf-8")


def serving(folder: Path) -> dict[str, list[tuple[Version, str]]]:
    """Return the versions and markers of requirements/serving.txt by canonical name."""
    found: dict[str, list[tuple[Version, str]]] = {}
    text = (folder / "requirements/serving.txt").read_text("utf-8").replace("\\\n", "")
    for line in text.splitlines():
        requirement = Requirement(line.split("--hash")[0])
        assert line.count("--hash=sha256:") >= 1, line
        ((operator, version),) = ((s.operator, s.version) for s in requirement.specifier)
        assert operator == "=="
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append((Version(version), str(requirement.marker or "")))
    return found


def test_the_image_installs_pinned_hashed_packages_from_no_named_place(written: Path) -> None:
    text = (written / "requirements/serving.txt").read_text("utf-8")
    for trace in (":/", "index", "find-links", "/", "@", "#"):
        assert trace not in text, trace
    wanted = tomllib.loads((written / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = serving(written)
    for line in wanted["dependencies"]:
        requirement = Requirement(line)
        versions = [version for version, _ in pinned[canonicalize_name(requirement.name)]]
        assert all(version in requirement.specifier for version in versions), line
    training = {"pandas", "scikit-learn", "lightgbm", "mlflow-skinny", "dvc", "duckdb", "skops"}
    assert not training & set(pinned)


def test_the_image_installs_what_the_lock_resolved(fresh: Callable[..., Project]) -> None:
    """`make requirements` in a fresh project changes nothing: the file shipped is current."""
    folder = fresh().path
    shipped = (folder / "requirements/serving.txt").read_text("utf-8")
    make("requirements", cwd=folder)
    assert (folder / "requirements/serving.txt").read_text("utf-8") == shipped, "`make generate`"


def make(*arguments: str, cwd: Path) -> str:
    """Run make with the uv that runs these tests, wherever it is."""
    done = subprocess.run(
        ["make", f"UV={UV}", *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_python_versions_agree(written: Path) -> None:
    wanted = tomllib.loads((written / "pyproject.toml").read_text("utf-8"))["project"]
    image = (written / "Dockerfile").read_text("utf-8").split("FROM python:")[1].split("-")[0]
    assert Version(image) in SpecifierSet(wanted["requires-python"])


def test_every_make_target_is_the_command_of_the_same_name(written: Path) -> None:
    """`make X` and `uv run SLUG X` are the same thing."""
    for stage in (
        "run",
        "data",
        "train",
        "evaluate",
        "report",
        "serve",
        "bench",
        "check",
        "predict",
    ):
        command = make("--dry-run", stage, "ARGS=--help", cwd=written)
        assert command == f"{UV} run {SLUG} {stage} --help"


def test_make_fetches_uv_where_there_is_none(written: Path) -> None:
    commands = subprocess.run(
        [str(shutil.which("make")), "--dry-run", "setup"],
        cwd=written,
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert commands == [
        "python3 -m venv .uv",
        ".uv/bin/python -m pip install --quiet uv",
        ".uv/bin/uv sync",
    ]


def test_the_example_environment_is_what_the_code_reads(written: Path) -> None:
    names = {
        line.removeprefix("# ").split("=")[0]
        for line in (written / ".env.example").read_text("utf-8").splitlines()
        if "=" in line and line.removeprefix("# ")[:3].isupper()
    }
    read = set()
    for path in (written / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Environment"):
                read |= {ast.unparse(n.target) for n in node.body if isinstance(n, ast.AnnAssign)}
    assert names == {name.upper() for name in read}


def test_what_the_stages_make_is_not_committed(written: Path) -> None:
    shutil.copytree(written, written.parent / "used", dirs_exist_ok=True)
    used = written.parent / "used"
    for name in ("data/train.parquet", "models/current/model.onnx", "mlflow.db", ".env", ".venv/x"):
        (used / name).parent.mkdir(parents=True, exist_ok=True)
        (used / name).write_text("x")
    (used / "reports").mkdir()
    (used / "reports/metrics.json").write_text("{}")
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=used, capture_output=True, text=True, check=True
    ).stdout
    assert status.split() == ["??", "reports/"]
