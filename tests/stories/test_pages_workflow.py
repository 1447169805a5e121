"""I push to main: my site is published once Pages is switched on, and until then I am told which click."""

import shutil
from pathlib import Path

import pytest
import workflow
from projects import SLUG, Project, commit, git
from updates import edit

SLOW = "random forest, histogram gradient boosting, dense network, tuned LightGBM, soft vote"


@pytest.fixture
def origin(project: Project, tmp_path: Path) -> Path:
    """The bare repository of a project whose run takes a minute."""
    mine = tmp_path / SLUG
    shutil.copytree(project.path, mine, symlinks=True)
    edit(mine / "params.yaml", "limit: null", "limit: 6000")
    edit(mine / "params.yaml", "skip: []", f"skip: [{SLOW}]")
    commit(mine, "Begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(mine), "origin.git")
    return tmp_path / "origin.git"


@pytest.mark.parametrize("pages", [None, "legacy"])
def test_until_pages_is_on_it_is_green_and_says_which_click(
    origin: Path, tmp_path: Path, pages: str | None
) -> None:
    found = workflow.run(origin, "pages.yml", "push", {}, tmp_path / "run", pages=pages)
    assert found.jobs == {"ready": "success"}, found.log
    (said,) = (line for line in found.log.splitlines() if "Summary - " in line)
    assert "One click: open https://" in said
    assert "/settings/pages and choose Source > GitHub Actions" in said


@pytest.mark.long
def test_once_it_is_on_the_site_of_this_commit_is_published(origin: Path, tmp_path: Path) -> None:
    found = workflow.run(origin, "pages.yml", "push", {}, tmp_path / "run", pages="workflow")
    assert found.jobs == dict.fromkeys(("ready", "build", "publish"), "success"), found.log
    published = tmp_path / "run" / "published"
    for name in ("index.html", "reports/report.html", "try/index.html", "try/model.onnx"):
        assert (published / name).is_file(), name
    assert not [path for path in published.rglob("*") if path.suffix in (".parquet", ".csv")]
