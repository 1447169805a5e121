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
# A path says which file the next block is; a line, beside which line of the file it goes.
PLACE = re.compile(r"^(?:In )?`(?P<path>[^`]+)`(?:, (?P<side>above|below) `(?P<line>.+)`)?:$")
FENCE = re.compile(r"^(?P<fence>```+)\w*$")
LINES = 340  # of blocks, without blank ones: a frame that demands more is too demanding
# What `make generate` does for this role, but for what it installs.
GENERATE = """
import sys, generate
from pathlib import Path
generate.roles = lambda: ["toy"]
generate.write_sources({"toy": Path(sys.argv[1])})
"""


def blocks(page: str) -> list[tuple[re.Match[str], str]]:
    """The page's blocks, each with the place it goes to."""
    found: list[tuple[re.Match[str], str]] = []
    place: re.Match[str] | None = None
    lines = iter(page.splitlines())
    for line in lines:
        if named := PLACE.match(line):
            assert place is None, f"no block follows: {place[0]}"
            place = named
        elif fence := FENCE.match(line):
            assert place is not None, f"a block is of no file: {next(lines)}"
            text = "".join(f"{inner}\n" for inner in iter(lines.__next__, fence["fence"]))
            found.append((place, text))
            place = None
    assert place is None
    return found


def apply(template: Path) -> None:
    """Do what the page says."""
    for place, text in blocks(PAGE.read_text("utf-8")):
        path = template / place["path"]
        if place["line"] is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        else:
            before = path.read_text("utf-8")
            (beside,) = re.findall(rf"^ *{re.escape(place['line'])}\n", before, re.MULTILINE)
            both = text + beside if place["side"] == "above" else beside + text
            path.write_text(before.replace(beside, both), "utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with the role."""
    folder = copy_template(tmp_path_factory.mktemp("extended") / "mlstart")
    apply(folder)
    command = [sys.executable, "-c", GENERATE, str(folder.parent / "toy")]
    subprocess.run(command, cwd=folder / "scripts", check=True)
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
    lines = [line for _, text in blocks(PAGE.read_text("utf-8")) for line in text.splitlines()]
    assert len(list(filter(None, lines))) <= LINES


def test_every_word_is_included_by_the_base() -> None:
    base = ROOT / "template" / "{{ base }}"
    texts = [path.read_text("utf-8") for path in base.rglob("*.jinja")]
    for place, _ in blocks(PAGE.read_text("utf-8")):
        folder, _, name = place["path"].rpartition("/")
        assert not folder.endswith("_words") or any(f'"{name}"' in text for text in texts), name


def test_the_role_runs_and_reports(toy: Project) -> None:
    metrics = json.loads((toy.path / "reports/metrics.json").read_text("utf-8"))
    assert metrics["chosen_rung"] == "a line"
    assert metrics["gain"]["r2"]["ci"][0] > 0
    assert "scores a test R² of 0.4" in (toy.path / "README.md").read_text("utf-8")
    for name in ("README.md", "MODEL_CARD.md", "docs/decisions/0003-model.md"):
        assert "Written by the first run" not in (toy.path / name).read_text("utf-8"), name
    again = toy.run(SLUG, "run")
    assert again.stderr.count("didn't change, skipping") == 4
    items = {item["name"]: item for item in json.loads(toy.run(SLUG, "check", "--json").stdout)}
    for name in ("run finished", "results current", "beats the baseline", "no leak found", "tests"):
        assert items[name]["status"] == "verified", items[name]
    assert items["own data"]["status"] == "failed"
    assert not [item["name"] for item in items.values() if "is not there" in item["advice"]]


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


def test_the_template_keeps_its_own_rules(extended: Path) -> None:
    """One folder and one hidden answer, no path twice, every role in the tests' list."""
    rules = "render_every_role or one_folder or same_path"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", rules]
    story = "tests/stories/test_repository.py"
    done = subprocess.run([*command, story], cwd=extended, capture_output=True, text=True)
    assert "3 passed" in done.stdout, done.stdout


def files(project: Path) -> set[str]:
    """All but those that name the template's commit, or digests of every role's toolkit."""
    paths = {path for path in project.rglob("*") if path.is_file()}
    other = {".copier-answers.yml", "digests.json"}
    return {path.relative_to(project).as_posix() for path in paths if path.name not in other}


def test_the_other_roles_do_not_change(template: Path, extended: Path, tmp_path: Path) -> None:
    for role in ROLES:
        before = render(template, tmp_path / "before" / role, role=role)
        after = render(extended, tmp_path / "after" / role, role=role)
        names = files(before)
        assert names == files(after)
        assert filecmp.cmpfiles(before, after, names, shallow=False)[1:] == ([], []), role
