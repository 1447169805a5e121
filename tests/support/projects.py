"""A template and a project as a user has them: folders, and commands run in them."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import copier
import jinja_once

ROOT = Path(__file__).resolve().parent.parent.parent
SLUG, PACKAGE = "my-project", "my_project"  # of the default answers
# A run of a minute: the flights of two weeks, and the quick rungs.
FEW_FLIGHTS = (
    "--set", "data.limit=12000", "--set", "cv.folds=3", "--set",
    "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, soft vote]",
)  # fmt: skip
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, as somebody; return what it printed."""
    done = subprocess.run(
        ["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, message: str, tag: str | None = None) -> None:
    """Commit everything in a folder, which becomes a repository if it is none."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    if tag:
        git(folder, "tag", tag)


def copy_template(destination: Path) -> Path:
    """Copy what git would take from this checkout, uncommitted work included."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return destination


jinja_once.install()  # Copier compiles a source again for each part of each path


def render(template: Path, destination: Path, **answers: str) -> Path:
    """Do what `copier copy --defaults --data ...` does."""
    copier.run_copy(
        str(template), destination, data=answers, defaults=True, quiet=True, vcs_ref="HEAD"
    )
    return destination


# Tests run side by side, one on each core: threads of a process would wait for those of another, which
# costs a fifth more of both.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def clean_environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without its virtual environment and make, and with `extra`."""
    own = (
        "VIRTUAL_ENV",
        "PYTHONPATH",
        "UV_PROJECT_ENVIRONMENT",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
    )
    kept = {name: value for name, value in os.environ.items() if name not in own}
    return {**ONE_THREAD, **kept, **extra}


def wheels() -> dict[str, str]:
    """Where uv finds wheels that pip is told to look for: a torch without CUDA, above all."""
    return {"UV_FIND_LINKS": links} if (links := os.environ.get("PIP_FIND_LINKS")) else {}


@dataclass(frozen=True)
class Project:
    """A rendered project and the virtual environment it is run in."""

    path: Path
    environment: Path

    @property
    def bin(self) -> Path:
        """Where the environment's commands are."""
        return self.environment / ("Scripts" if os.name == "nt" else "bin")

    def run(self, *command: str, check: bool = True, **env: str) -> subprocess.CompletedProcess:
        """Run a command of the environment in the project's folder, on the project's own source.

        `project.run("my-project", "train")` is what `uv run my-project train` runs. Output is
        captured as text, and shown by the failure when `check` is on.
        """
        variables = clean_environment(
            PATH=os.pathsep.join([str(self.bin), os.environ["PATH"]]),
            PYTHONPATH=str(self.path / "src"),
            PYTHONDONTWRITEBYTECODE="1",
            **env,
        )
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.path,
            env=variables,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"{command} exits {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def uv(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run uv in the project's folder, with the shared environment."""
        done = subprocess.run(
            [os.environ.get("UV", "uv"), *arguments],
            cwd=self.path,
            env=clean_environment(UV_PROJECT_ENVIRONMENT=str(self.environment), **wheels()),
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"uv {arguments} exits {done.returncode}\n{done.stderr}")
        return done
