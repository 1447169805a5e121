"""The template improves, I have made the project mine, and `copier update` brings both together."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from projects import PACKAGE, SLUG, Project, commit, copy_template, git
from roles import ROLES

HOSTILE = """A "quoted" 'name' \\ {{ 7 * 7 }} # : é"""


def copier(*arguments: str, cwd: Path) -> None:
    """Run Copier's command line, without `--trust`."""
    done = subprocess.run(
        [sys.executable, "-m", "copier", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name} does not have {old!r} once"
    path.write_text(text.replace(old, new), "utf-8")


def conflicts(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and ".git" not in path.relative_to(folder).parts
        and (path.suffix == ".rej" or b"<<<<<<< " in path.read_bytes())
    ]


def same_tree(one: Path, other: Path) -> bool:
    """Whether git would store the same of both folders; it is told what differs."""
    for folder in (one, other):
        commit(folder, "Now")
    trees = [git(folder, "rev-parse", "HEAD^{tree}") for folder in (one, other)]
    if trees[0] != trees[1]:
        listed = [set(git(folder, "ls-files").splitlines()) for folder in (one, other)]
        print("differ in", sorted(listed[0] ^ listed[1]))
    return trees[0] == trees[1]


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A clone of the template whose first release is what is here."""
    upstream = copy_template(tmp_path / "upstream")
    commit(upstream, "First release", tag="v1.0.0")
    return upstream


def test_an_update_keeps_my_edits_and_brings_the_improvements(
    released: Path, tmp_path: Path, project: Project
) -> None:
    mine = tmp_path / "my-project"
    copier("copy", "--defaults", "--quiet", str(released), str(mine), cwd=tmp_path)
    commit(mine, "Begin")

    # I write my prose, my settings, a feature and a test, delete what I do not need ...
    readme = mine / "README.md"
    text = readme.read_text("utf-8")
    start = text.index("<!-- owner: Say who decides")
    end = text.index("## Results")
    readme.write_text(text[:start] + "Dispatchers call a second crew.\n\n" + text[end:], "utf-8")
    edit(mine / "params.yaml", "test_size: 0.2", "test_size: 0.3")
    edit(mine / "params.yaml", "false_negative: 5", "false_negative: 50")
    features = mine / "src" / PACKAGE / "features.py"
    features.write_text(features.read_text("utf-8") + "\n\nMINE = 1\n", "utf-8")
    (mine / "compose.yaml").unlink()
    (mine / "notes.md").write_text("My own file.\n")
    run_block = "<!-- results:start -->\nAUC 0.70\n<!-- results:end -->"
    text = readme.read_text("utf-8")
    before, rest = text.split("<!-- results:start -->")
    readme.write_text(before + run_block + rest.split("<!-- results:end -->")[1], "utf-8")
    commit(mine, "Make it mine")

    # ... while the template moves an action, adds a section and a module, and a new date.
    base = released / "template" / "{{ base }}"
    edit(base / "README.md.jinja", "## Licence", "## Support\n\nAsk in an issue.\n\n## Licence")
    edit(base / ".github/workflows/update.yml.jinja", "17 5 * * 1", "18 6 * * 2")
    edit(base / "compose.yaml.jinja", "restart: unless-stopped", "restart: always")
    (base / "src/{{ package_name }}/improved.py").write_text('"""New in this release."""\n')
    edit(released / "copier.yml", 'default: "2026-11-22"', 'default: "2027-01-31"')
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=mine)

    assert conflicts(mine) == []
    text = readme.read_text("utf-8")
    assert "Dispatchers call a second crew." in text
    assert run_block in text
    assert "Ask in an issue." in text
    params = yaml.safe_load((mine / "params.yaml").read_text("utf-8"))
    assert params["split"]["test_size"] == 0.3
    assert params["costs"]["false_negative"] == 50
    assert features.read_text("utf-8").endswith("MINE = 1\n")
    assert not (mine / "compose.yaml").exists()
    assert (mine / "notes.md").read_text() == "My own file.\n"
    assert "18 6 * * 2" in (mine / ".github/workflows/update.yml").read_text("utf-8")
    assert (mine / "src" / PACKAGE / "improved.py").exists()
    assert "2027-01-31" in (mine / "pyproject.toml").read_text("utf-8")
    assert "_commit: v2.0.0" in (mine / ".copier-answers.yml").read_text("utf-8")

    # What came out is a project that works.
    done = Project(mine, project.environment).run(SLUG, "data", "--set", "data.limit=500")
    assert "rows are split" in done.stdout


@pytest.mark.parametrize("role", ROLES)
def test_edits_of_any_role_are_kept(released: Path, tmp_path: Path, role: str) -> None:
    """I add a feature and change the seed; the template adds to the same role's module."""
    mine = tmp_path / "mine"
    copy = ("copy", "--defaults", "--quiet", "--data", f"role={role}")
    copier(*copy, str(released), str(mine), cwd=tmp_path)
    commit(mine, "Begin")
    edit(mine / "params.yaml", "\nseed: 0", "\nseed: 7")
    evaluate = mine / "src" / PACKAGE / "evaluate.py"
    evaluate.write_text(evaluate.read_text("utf-8") + "\n\nMINE = 1\n", "utf-8")
    (mine / "tests/test_mine.py").write_text("def test_mine():\n    pass\n")
    commit(mine, "Make it mine")
    for path in (released / "template").glob("*/src/*/evaluate.py"):
        text = path.read_text("utf-8")
        path.write_text(text.replace('"""\n', '"""\n\n# Improved.\n', 1), "utf-8")
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=mine)

    assert conflicts(mine) == []
    assert "\nseed: 7" in (mine / "params.yaml").read_text("utf-8")
    text = evaluate.read_text("utf-8")
    assert "# Improved." in text
    assert text.endswith("MINE = 1\n")
    assert (mine / "tests/test_mine.py").exists()


def test_lines_both_changed_are_marked_and_nothing_is_lost(released: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my-project"
    copier("copy", "--defaults", "--quiet", str(released), str(mine), cwd=tmp_path)
    edit(mine / "Dockerfile", "FROM python:3.11-slim AS build", "FROM python:3.12-slim AS build")
    commit(mine, "My Python")
    dockerfile = released / "template" / "{{ base }}" / "Dockerfile.jinja"
    edit(dockerfile, "FROM python:3.11-slim AS build", "FROM python:3.13-slim AS build")
    commit(released, "Another Python", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=mine)

    assert conflicts(mine) == ["Dockerfile"]
    text = (mine / "Dockerfile").read_text("utf-8")
    assert "python:3.12-slim AS build" in text
    assert "python:3.13-slim AS build" in text


def test_an_untouched_project_becomes_a_fresh_one(released: Path, tmp_path: Path) -> None:
    """An update of a project nobody edited equals a new render, whatever its name is."""
    answers = ("--data", f"project_name={HOSTILE}", "--data", "deploy=kubernetes")
    copy = ("copy", "--defaults", "--quiet", *answers)
    copier(*copy, str(released), "updated", cwd=tmp_path)
    updated = tmp_path / "updated"
    commit(updated, "Begin")
    readme = released / "template" / "{{ base }}" / "README.md.jinja"
    edit(readme, "## Licence", "## Support\n\nAsk in an issue.\n\n## Licence")
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=updated)
    copier(*copy, str(released), "new", cwd=tmp_path)

    assert same_tree(updated, tmp_path / "new")


def test_an_answer_can_be_changed_later(released: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my-project"
    copier("copy", "--defaults", "--quiet", str(released), str(mine), cwd=tmp_path)
    commit(mine, "Begin")

    copier("update", "--defaults", "--quiet", "--data", "deploy=fly", cwd=mine)

    assert (mine / "fly.toml").exists()
    assert "`fly deploy`" in (mine / "README.md").read_text("utf-8")
    assert conflicts(mine) == []


@pytest.mark.parametrize(("before", "after"), [("tabular", "nlp"), ("cv", "mlops")])
def test_another_role_takes_the_place_of_the_first(
    released: Path, tmp_path: Path, before: str, after: str
) -> None:
    """One role's modules and subjects of the toolkit leave, the other's come; nothing stays behind."""
    copy = ("copy", "--defaults", "--quiet", "--data")
    copier(*copy, f"role={before}", str(released), "changed", cwd=tmp_path)
    commit(tmp_path / "changed", "Begin")

    update = ("update", "--defaults", "--quiet", "--data", f"role={after}")
    copier(*update, cwd=tmp_path / "changed")
    copier(*copy, f"role={after}", str(released), "new", cwd=tmp_path)

    assert conflicts(tmp_path / "changed") == []
    assert same_tree(tmp_path / "changed", tmp_path / "new")


def test_a_project_from_a_relative_path_can_be_updated(released: Path, tmp_path: Path) -> None:
    copier("copy", "--defaults", "--quiet", ".", str(tmp_path / "mine"), cwd=released)
    commit(tmp_path / "mine", "Begin")
    readme = released / "template" / "{{ base }}" / "README.md.jinja"
    edit(readme, "## Licence", "## Support\n\nAsk in an issue.\n\n## Licence")
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=tmp_path / "mine")

    assert "Ask in an issue." in (tmp_path / "mine" / "README.md").read_text("utf-8")
