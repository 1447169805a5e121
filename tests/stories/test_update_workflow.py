"""The template improves, and once a week that arrives as a pull request, by the rules GitHub has."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import workflow
from projects import SLUG, Project, commit, git
from updates import conflicts, copier, edit, same_tree
from workflow import WITH_WORKFLOWS, Outcome

HELD_BACK = ".github/template-update.patch"
CI = "{{ base }}/.github/workflows/ci.yml.jinja"


@dataclass
class Stage:
    """A template with one release, and a repository of a project on it.

    Attributes
    ----------
    upstream : Path
        The template.
    mine : Path
        The owner's clone.
    origin : Path
        The bare repository on GitHub's side.
    """

    upstream: Path
    mine: Path
    origin: Path
    runs: int = 0

    def release(self, version: str, edits: dict[str, tuple[str, str]]) -> None:
        """Release the template with the text of some files replaced."""
        for name, (old, new) in edits.items():
            edit(self.upstream / "template" / name, old, new)
        commit(self.upstream, version, tag=version)

    def push(self, message: str) -> None:
        """Commit what the owner did, and push it."""
        commit(self.mine, message)
        git(self.mine, "push", "--quiet", "origin", "main")

    def week(self, token: bool = False) -> Outcome:
        """What the next Monday brings; nobody has deleted the branch of the last one."""
        self.runs += 1
        secrets = {"TEMPLATE_UPDATE_TOKEN": WITH_WORKFLOWS} if token else {}
        place = self.mine.parent / f"run-{self.runs}"
        found = workflow.run(self.origin, "update.yml", "schedule", secrets, place)
        assert found.jobs == {"update": "success"}, found.log
        return found

    def merge(self) -> None:
        """Merge the pull request."""
        git(self.mine, "pull", "--quiet", "origin", "template-update")
        git(self.mine, "push", "--quiet", "origin", "main")
        git(self.mine, "push", "--quiet", "origin", "--delete", "template-update")

    def changed(self) -> list[str]:
        """Files the pull request changes."""
        return git(self.origin, "diff", "--name-only", "main", "template-update").splitlines()


@pytest.fixture
def stage(released: Path, tmp_path: Path, project: Project) -> Stage:
    mine, origin = tmp_path / SLUG, tmp_path / "origin.git"
    copier("copy", "--defaults", "--quiet", str(released), str(mine), cwd=tmp_path)
    shutil.copy(project.path / "uv.lock", mine)
    commit(mine, "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(mine), str(origin))
    git(mine, "remote", "add", "origin", str(origin))
    return Stage(released, mine, origin)


def test_an_improvement_arrives_and_a_conflict_is_listed(stage: Stage) -> None:
    edit(stage.mine / "Dockerfile", "FROM python:3.11-slim AS build", "FROM python:3.12 AS build")
    stage.push("Mine")
    readme = ("## Licence", "## Support\n\nAsk in an issue.\n\n## Licence")
    build = ("FROM python:3.11-slim AS build", "FROM python:3.13-slim AS build")
    stage.release(
        "v2.0.0",
        {"{{ base }}/README.md.jinja": readme, "{{ base }}/Dockerfile.jinja": build},
    )
    told = stage.week().pull_request()
    assert told is not None
    assert "release v2.0.0 of the template; it was v1.0.0" in told[1]
    assert "**In conflict.**" in told[1]
    assert "- `Dockerfile`" in told[1]
    assert "- `README.md`" not in told[1]
    assert "Held back" not in told[1]
    assert "**The checks wait.**" in told[1]
    assert stage.changed() == [".copier-answers.yml", "Dockerfile", "README.md"]
    stage.merge()
    assert conflicts(stage.mine) == ["Dockerfile"]
    text = (stage.mine / "Dockerfile").read_text("utf-8")
    assert all(f"FROM python:{version} AS build" in text for version in ("3.12", "3.13-slim"))


def test_what_changes_in_workflows_is_held_back_until_a_token_may_write_it(
    stage: Stage, project: Project, tmp_path: Path
) -> None:
    """Two releases without the token, and one with it: as fresh as any."""
    here = Project(stage.mine, project.environment)
    stage.release("v2.0.0", {CI: ("timeout-minutes: 20", "timeout-minutes: 21")})
    told = stage.week().pull_request()
    assert told is not None
    assert f"git apply --3way {HELD_BACK} && git rm --quiet {HELD_BACK}" in told[1]
    assert "- `.github/workflows/ci.yml`" in told[1]
    assert stage.changed() == [".copier-answers.yml", HELD_BACK]
    stage.merge()
    assert HELD_BACK in here.run(SLUG, "check").stdout
    assert stage.week().pull_request() is None

    stage.release("v3.0.0", {CI: ("timeout-minutes: 30", "timeout-minutes: 31")})
    assert stage.week().pull_request() is not None
    assert stage.changed() == [".copier-answers.yml", HELD_BACK]
    stage.merge()
    patch = (stage.mine / HELD_BACK).read_text("utf-8")
    assert "+    timeout-minutes: 21" in patch
    assert "+    timeout-minutes: 31" in patch
    # Applied by hand it is as the release.
    by_hand = tmp_path / "by-hand"
    git(tmp_path, "clone", "--quiet", str(stage.origin), str(by_hand))
    git(by_hand, "apply", "--3way", HELD_BACK)
    git(by_hand, "rm", "--quiet", HELD_BACK)

    told = stage.week(token=True).pull_request()
    assert told is not None
    assert "\n\n**" not in told[1]  # nothing to be done but to look at it
    stage.merge()
    assert HELD_BACK not in here.run(SLUG, "check").stdout
    copier("copy", "--defaults", "--quiet", str(stage.upstream), "new", cwd=tmp_path)
    for folder in (stage.mine, by_hand):
        shutil.copy(stage.mine / "uv.lock", tmp_path / "new")
        assert same_tree(folder, tmp_path / "new")
