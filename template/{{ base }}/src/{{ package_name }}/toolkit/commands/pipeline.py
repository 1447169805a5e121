"""The stages in order, through DVC: what is up to date is not done again."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..project import yaml_files
from ..project.errors import UserError
from ..project.files import alone, folder_state, sha256, write_text
from ..project.settings import Project

INPUTS = Path("reports", "inputs.yaml")
HEADER = "# Written by each run, so that DVC sees what params.yaml does not say.\n"


def run(project: Project, overrides: Sequence[str], force: bool) -> None:
    """Bring all stages up to date.

    Raises
    ------
    UserError
        If a stage fails; it has said why itself.
    """
    with alone(project.root, "run") as lock:
        write_inputs(project, overrides)
        _set_scm(project.root)
        done = _dvc(project.root, "repro", *(["--force"] if force else []), lock=lock)
    if done.returncode:
        raise UserError("The run stopped; the message above says why. What was done is kept.")


def record(root: Path, stage: str) -> None:
    """Tell DVC that a stage was run by hand, so that `run` does not repeat it.

    Raises
    ------
    UserError
        If DVC cannot write that down; it has said why itself.
    """
    _set_scm(root)
    if _dvc(root, "commit", "--force", "--quiet", stage).returncode:
        raise UserError(
            f"`{stage}` is done and its results are in place, but DVC could not record them; the "
            "message above says why. Without the record, `run` does the stage again."
        )


def changed(root: Path) -> list[str]:
    """What changed since the results were made: files, and keys of `params.yaml`.

    Raises
    ------
    UserError
        If DVC cannot tell.
    """
    _set_scm(root)
    done = _dvc(root, "status", "--json", capture=True)
    if done.returncode:
        raise UserError(
            f"DVC cannot compare the results with what made them: {done.stderr.strip()}"
        )
    found: set[str] = set()
    for stage in json.loads(done.stdout).values():
        for changes in stage:
            kinds = changes.values() if isinstance(changes, dict) else ({changes: ""},)
            for entries in kinds:
                for name, what in entries.items():
                    found.update(what if isinstance(what, dict) else [name])
    return sorted(found)


def write_inputs(project: Project, overrides: Sequence[str]) -> None:
    """Write down the overrides and the state of the data's source.

    A file is known by its hash, a folder by the names, sizes and times of its files, with the files
    that other settings of the data name. A database cannot be known, so its query runs again each
    time.
    """
    root, data = project.root, project.params(overrides).data
    source: dict[str, str] = {"source": str(data.source)}
    if source["source"] == "sql":
        source["read_at"] = datetime.now(UTC).isoformat()
    elif data.path and (root / data.path).is_file():
        source |= {"path": data.path, "sha256": sha256(root / data.path)}
    elif data.path and source["source"] == "folder":
        source |= {"path": data.path, "state": folder_state(root / data.path)}
        named = {name: root / text for name, text in data if isinstance(text, str) and text}
        source |= {name: sha256(file) for name, file in named.items() if file.is_file()}
    content = {"overrides": list(overrides), "data": source}
    write_text(root / INPUTS, HEADER + yaml_files.dump(content))


def recorded_overrides(root: Path) -> list[str]:
    """The overrides of the run that is under way."""
    content = yaml_files.load((root / INPUTS).read_text("utf-8"))
    return [str(pair) for pair in content["overrides"]]


def _set_scm(root: Path) -> None:
    """DVC refuses a folder outside git unless it is told that there is none."""
    local = root / ".dvc" / "config.local"
    told = local.is_file() and "no_scm" in local.read_text("utf-8")
    outside = not (root / ".git").exists()
    if outside != told:
        what = ["core.no_scm", "true"] if outside else ["--unset", "core.no_scm"]
        _dvc(root, "config", "--local", "--quiet", *what)


def _dvc(
    root: Path, *arguments: str, capture: bool = False, lock: int | None = None
) -> subprocess.CompletedProcess[str]:
    # The stages call this project's command; it lies beside the interpreter.
    folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([folder, os.environ.get("PATH", "")]),
        "DVC_NO_ANALYTICS": "true",
    }
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(
        command,
        cwd=root,
        env=environment,
        text=True,
        stdout=subprocess.PIPE if capture else sys.stderr,
        stderr=subprocess.PIPE if capture else None,
        # Killed, `run` leaves DVC at work: the next command waits for that, too.
        pass_fds=(lock,) if lock is not None and os.name == "posix" else (),
    )
