"""One environment a role, shared by the stories and the toolkit's tests: a project is installed once.

It lies in `.cache/environments/<role>` and is brought up to date at the start of every session, which
takes a second when nothing has changed. Processes that run side by side wait for one another.
"""

import shutil
from pathlib import Path

from filelock import FileLock
from projects import ROOT, SLUG, Project, render

HOME = ROOT / ".cache" / "environments"
# What a role's stories need beyond a plain `uv sync`.
EXTRAS = {"nlp": ("--all-extras",), "mlops": ("--extra", "s3")}


def installed(role: str, template: Path, session: str) -> Project:
    """A role's default project, rendered and installed once a session; not to be changed.

    Installing compiles to bytecode, since the commands run in the stories leave none: without it,
    each of them would compile all its libraries again.

    Parameters
    ----------
    role : str
    template : Path
        A clean repository with the template.
    session : str
        The same for all processes of a session; the first of them installs.
    """
    place = HOME / role
    project = Project(place / SLUG, place / "venv")
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / "lock"):
        mark = place / "session"
        if not (mark.exists() and mark.read_text("utf-8") == session):
            shutil.rmtree(project.path, ignore_errors=True)
            render(template, project.path, role=role)
            project.uv("sync", "--quiet", "--compile-bytecode", *EXTRAS.get(role, ()))
            mark.write_text(session, "utf-8")
    return project


def copy_of(project: Project, folder: Path) -> Project:
    """A copy of a project that may be changed, in the same environment."""
    shutil.copytree(project.path, folder, symlinks=True)
    return Project(folder, project.environment)
