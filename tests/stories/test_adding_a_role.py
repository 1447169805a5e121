"""I add a role: I do what docs/adding-a-role.md says, block by block, and have a project that works."""

import csv
import filecmp
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import unreached
from projects import ROOT, SLUG, Project, commit, copy_template, render
from roles import ROLES
from service import serving

PAGE = ROOT / "docs" / "adding-a-role.md"
# A file's path, in code, says where the next block goes; with `below`, into it and not instead of it.
PLACE = re.compile(r"^(?:In )?`(?P<path>[^`]+)`(?:, below `(?P<line>[^`]+)`)?:$")
FENCE = re.compile(r"^(?P<fence>```+)\w*$")
LINES = 330  # of blocks: a frame that demands more is too demanding
# What `make generate` does, but for what it installs.
GENERATE = "import generate; generate.write_sources()"


def blocks(page: str) -> list[tuple[str, str | None, str]]:
    """The page's blocks: the file, the line below which it goes (None: the whole file), the text."""
    found, place, lines = [], None, iter(page.splitlines())
    for line in lines:
        if named := PLACE.match(line):
            assert place is None, f"no block follows {place}"
            place = named
        elif fence := FENCE.match(line):
            assert place is not None, f"a block is of no file: {next(lines)}"
            text = "".join(f"{inner}\n" for inner in iter(lines.__next__, fence["fence"]))
            found.append((place["path"], place["line"], text))
            place = None
    assert place is None
    return found


def apply(template: Path) -> None:
    """Do what the page says."""
    for name, line, text in blocks(PAGE.read_text("utf-8")):
        path = template / name
        if line is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        else:
            before = path.read_text("utf-8")
            (whole,) = re.findall(rf"^ *{re.escape(line)}\n", before, re.MULTILINE)[:1]
            path.write_text(before.replace(whole, whole + text, 1), "utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with the role."""
    folder = copy_template(tmp_path_factory.mktemp("extended") / "mlstart")
    apply(folder)
    subprocess.run([sys.executable, "-c", GENERATE], cwd=folder / "scripts", check=True)
    commit(folder, "A fifth role")
    return folder


@pytest.fixture(scope="module")
def toy(extended: Path, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of the role after its first run, in the environment of another role."""
    folder = render(extended, tmp_path_factory.mktemp("toy") / SLUG, role="toy")
    made = Project(folder, project.environment)
    made.run(SLUG, "run")
    return made


def test_the_blocks_are_few() -> None:
    assert sum(text.count("\n") for _, _, text in blocks(PAGE.read_text("utf-8"))) <= LINES


def test_the_role_runs_and_reports(toy: Project) -> None:
    metrics = json.loads((toy.path / "reports/metrics.json").read_text("utf-8"))
    assert metrics["chosen_rung"] == "line"
    assert metrics["gain"]["r2"]["ci"][0] > 0
    assert "r2" not in (toy.path / "README.md").read_text("utf-8")
    for name in ("README.md", "MODEL_CARD.md", "docs/decisions/0003-model.md"):
        assert "Written by the first run" not in (toy.path / name).read_text("utf-8"), name
    again = toy.run(SLUG, "run")
    assert again.stderr.count("didn't change, skipping") == 4
    items = {item["name"]: item for item in json.loads(toy.run(SLUG, "check", "--json").stdout)}
    for name in ("run finished", "results current", "beats the baseline", "no leak found", "tests"):
        assert items[name]["status"] == "pass", items[name]
    assert items["own data"]["status"] == "advice"


def test_the_service_answers_what_predict_writes(toy: Project, tmp_path: Path) -> None:
    """By the role's own test, which its CI runs."""
    with serving(toy) as service:
        done = toy.run("pytest", "-q", "-p", "no:cacheprovider", SERVICE_URL=service.address)
        assert "1 passed" in done.stdout
        status, answer = service.post("/predict", {**service.example(), "bmi": "heavy"})
        assert status == 422
        assert "bmi" in str(answer)
    broken, output = tmp_path / "broken.csv", tmp_path / "out.csv"
    broken.write_text("age,bmi\n0.1,\n", "utf-8")
    toy.run(SLUG, "predict", str(broken), "--output", str(output))
    (row,) = csv.DictReader(output.open(encoding="utf-8"))
    assert (row["prediction"], row["error"]) == ("", "A number is missing.")


def test_the_code_is_clean_and_the_toolkit_has_nothing_to_spare(toy: Project) -> None:
    toy.run("ruff", "format", "--check", "--no-cache")
    toy.run("ruff", "check", "--no-cache")
    toy.run("mypy", "--cache-dir", str(toy.environment.parent / "mypy"))
    assert unreached(toy.path) == set()


def test_the_other_roles_do_not_change(template: Path, extended: Path, tmp_path: Path) -> None:
    for role in ROLES:
        before = render(template, tmp_path / "before" / role, role=role)
        after = render(extended, tmp_path / "after" / role, role=role)
        names = {p.relative_to(before) for p in before.rglob("*") if p.is_file()}
        assert names == {p.relative_to(after) for p in after.rglob("*") if p.is_file()}
        # The answers name the template's folder and commit.
        other = {Path(".copier-answers.yml")} | {p for p in names if p.name == "digests.json"}
        differing = filecmp.cmpfiles(before, after, map(str, names - other), shallow=False)[1:]
        assert differing == ([], []), role
