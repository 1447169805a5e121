"""The template improves, I have made the project mine, and `copier update` brings both together."""

import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from owners import OWNERS, improve, is_improved, is_mine, make_mine
from projects import PACKAGE, ROOT, SLUG, Project, commit, git, render
from roles import ROLES
from updates import conflicts, copier, edit, same_tree

COPY = ("copy", "--defaults", "--quiet")
LONG = pytest.mark.long
HOSTILE = """A "quoted" 'name' \\ {{ 7 * 7 }} # : é"""


def begin(released: Path, folder: Path, role: str) -> Path:
    """A project of a role as its owner made it, committed."""
    copier(*COPY, "--data", f"role={role}", str(released), str(folder), cwd=released.parent)
    make_mine(folder, role)
    commit(folder, "Make it mine")
    return folder


# Of tabular, in the gate, the story below tells.
@pytest.mark.parametrize("role", ROLES[1:])
def test_every_place_an_owner_edits_meets_a_release_without_a_conflict(
    released: Path, tmp_path: Path, role: str
) -> None:
    """Settings, features, models, prose, files, jobs; a move, a question, an action, pins, a date."""
    mine = begin(released, tmp_path / "mine", role)
    assert is_mine(mine, role)
    improve(released)
    edit(released / "copier.yml", 'default: "2026-11-22"', 'default: "2027-01-31"')
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=mine)

    assert conflicts(mine) == []
    assert is_mine(mine, role)
    assert is_improved(mine)
    assert "2027-01-31" in (mine / "pyproject.toml").read_text("utf-8")
    assert "_commit: v2.0.0" in (mine / ".copier-answers.yml").read_text("utf-8")


@pytest.mark.parametrize("role", ["tabular", *(pytest.param(r, marks=LONG) for r in ROLES[1:])])
def test_what_comes_out_works(
    released: Path, tmp_path: Path, default: Callable[[str], Project], role: str
) -> None:
    """With packages of the owner's, the lock and the requirements that follow, and all the edits."""
    at_hand = default(role)
    mine = Project(begin(released, tmp_path / "mine", role), at_hand.environment)
    shutil.copy(at_hand.path / "uv.lock", mine.path)
    mine.uv("add", "--no-sync", "--quiet", "humanize")
    mine.uv("add", "--no-sync", "--quiet", "--group", "own", "iniconfig")
    write_requirements(mine)
    commit(mine.path, "Packages of mine")
    improve(released)
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=mine.path)
    assert set(conflicts(mine.path)) <= {"requirements/serving.txt"}
    mine.uv("lock", "--quiet", "--upgrade")
    write_requirements(mine)

    assert conflicts(mine.path) == []
    assert is_mine(mine.path, role)
    assert is_improved(mine.path)
    packages = tomllib.loads((mine.path / "pyproject.toml").read_text("utf-8"))
    assert "humanize" in str(packages["project"]["dependencies"])
    assert "iniconfig" in str(packages["dependency-groups"]["own"])
    assert "\nhumanize==" in (mine.path / "requirements/serving.txt").read_text("utf-8")
    commit(mine.path, "Updated")
    mine.run(SLUG, "run", *(part for pair in OWNERS[role].small for part in ("--set", pair)))
    mine.run("pytest", "-q", "-x", "-p", "no:cacheprovider")


def write_requirements(project: Project) -> None:
    """What `make requirements` does, with the uv of these tests."""
    uv = shutil.which(os.environ.get("UV", "uv"))
    command = ["make", "requirements", f"UV={uv}"]
    subprocess.run(command, cwd=project.path, check=True, capture_output=True)


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
    mine = begin(released, tmp_path / "mine", "tabular")

    copier("update", "--defaults", "--quiet", "--data", "deploy=fly", cwd=mine)

    assert is_mine(mine, "tabular")

    assert (mine / "fly.toml").exists()
    assert "`fly deploy`" in (mine / "README.md").read_text("utf-8")
    assert conflicts(mine) == []


def test_an_untouched_project_is_no_longer_operated(released: Path, tmp_path: Path) -> None:
    """All that operating brought leaves, subjects of the toolkit and words of shared files included."""
    for role in ("tabular", "mlops"):
        copier(*COPY, "--data", f"role={role}", str(released), role, cwd=tmp_path)
    commit(tmp_path / "mlops", "Begin")

    copier("update", "--defaults", "--quiet", "--data", "role=tabular", cwd=tmp_path / "mlops")

    assert conflicts(tmp_path / "mlops") == []
    assert same_tree(tmp_path / "mlops", tmp_path / "tabular")


def test_an_edited_project_is_operated_and_no_longer(released: Path, tmp_path: Path) -> None:
    """Operating is added to what a tabular project is, and taken from it; what its owner made stays."""
    mine = begin(released, tmp_path / "mine", "tabular")
    for role, operated in (("mlops", True), ("tabular", False)):
        copier("update", "--defaults", "--quiet", "--data", f"role={role}", cwd=mine)
        assert conflicts(mine) == []
        assert is_mine(mine, role)
        assert (mine / "src" / PACKAGE / "monitor.py").exists() is operated
        commit(mine, role)


def test_another_role_is_refused_with_the_way_out(released: Path, tmp_path: Path) -> None:
    """What an owner wrote in one role's modules has no place in another's."""
    mine = tmp_path / "mine"
    copier(*COPY, str(released), str(mine), cwd=tmp_path)
    commit(mine, "Begin")
    said = refused(mine, "--data", "role=nlp")
    assert f"`copier copy --data role=nlp {released} FOLDER`" in said
    assert not git(mine, "status", "--porcelain", "--ignored")
    for before, after in itertools.permutations(ROLES, 2):
        if {before, after} != {"tabular", "mlops"}:
            there = tmp_path / f"{before}-{after}"
            there.mkdir()
            (there / ".copier-answers.yml").write_text(f"role: {before}\n", "utf-8")
            with pytest.raises(ValueError, match=f"cannot change from {before} to {after}"):
                render(released, there, role=after)
            assert [path.name for path in there.iterdir()] == [".copier-answers.yml"]


def test_an_update_that_cannot_be_says_so_and_changes_nothing(
    released: Path, tmp_path: Path
) -> None:
    """What the README answers: a dirty tree, no git, no network."""
    mine = tmp_path / "mine"
    copier(*COPY, str(released), str(mine), cwd=tmp_path)
    assert "only supported in git-tracked subprojects" in refused(mine)
    commit(mine, "Begin")
    (mine / "notes.md").write_text("Mine.\n", "utf-8")
    assert "Destination repository is dirty" in refused(mine)
    (mine / "notes.md").unlink()
    edit(mine / ".copier-answers.yml", str(released), "https://nowhere.invalid/mlstart.git")
    commit(mine, "From a place that is away")
    assert "Could not resolve" in refused(mine)
    readme = (ROOT / "README.md").read_text("utf-8")
    for words in (
        "Destination repository is dirty",
        "git-tracked subprojects",
        "Could not resolve",
    ):
        assert words in readme


def refused(project: Path, *answers: str) -> str:
    """What Copier says when it does not update; the project is as before."""
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    command = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet", *answers]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode != 0
    after = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert {path for path in before if ".git/" not in str(path)} <= set(after)
    assert all(after[path] == text for path, text in before.items() if ".git/" not in str(path))
    return done.stderr


def test_a_project_from_a_relative_path_can_be_updated(released: Path, tmp_path: Path) -> None:
    copier("copy", "--defaults", "--quiet", ".", str(tmp_path / "mine"), cwd=released)
    commit(tmp_path / "mine", "Begin")
    readme = released / "template" / "{{ base }}" / "README.md.jinja"
    edit(readme, "## Licence", "## Support\n\nAsk in an issue.\n\n## Licence")
    commit(released, "Second release", tag="v2.0.0")

    copier("update", "--defaults", "--quiet", cwd=tmp_path / "mine")

    assert "Ask in an issue." in (tmp_path / "mine" / "README.md").read_text("utf-8")
