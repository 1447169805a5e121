"""The model bundle: written aside whole, then swapped into models/current."""

import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError
from ..project.files import NEW, read_json, replace_folder, sha256, write_json
from ..project.settings import Project
from .git import git_commit

BUNDLE = Path("models", "current")
LADDER = Path("reports", "ladder.json")
REFUSED = Path("reports", "ladder-refused.json")  # of a training that put no model in place
PARITY_BOUND = 1e-5
# What `evaluate` found out about the bundle; DVC ignores it, so that the bundle stays train's output.
FINDINGS = "evaluated.json"
UNREVIEWED = {
    "share": 0, "cutoff": None, "costs": None, "on": False, "reason": "it was not planned",
}  # fmt: skip


def served(project: Project) -> Path:
    """The folder of the bundle that answers: `project.served` once it exists, the newest until then."""
    home = project.root / "models" / project.served
    # A swap that was killed half-way, where it takes two renames; whoever writes next undoes it.
    for folder in (home, home.with_name(home.name + ".previous")):
        if folder.exists():
            return folder
    return project.root / BUNDLE


@contextmanager
def replacing(
    root: Path, home: Path = BUNDLE, ladder: dict[str, Any] | None = None
) -> Iterator[Path]:
    """Give a folder to write a bundle into, and put it at `home` when the block ends well.

    Its metadata then has the SHA-256 of the other files. Its ladder, if there is one, is put in place
    with it. If the block raises, the earlier bundle and its ladder stay.
    """
    (root / home).parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=(root / home).parent, prefix=NEW))
    beside = (root / LADDER).with_name(f"{NEW}{LADDER.name}")
    try:
        yield work
        work.chmod(0o755)
        metadata = read_json(work / "metadata.json", "train")
        files = {
            path.relative_to(work).as_posix(): sha256(path)
            for path in sorted(work.rglob("*"))
            if path.is_file() and path.name != "metadata.json"
        }
        write_json(work / "metadata.json", {**metadata, "files": files})
        if ladder is not None:
            write_json(beside, {**ladder, "model_version": metadata["model_version"]})
        replace_folder(work, root / home)
        if ladder is not None:
            beside.replace(root / LADDER)
            (root / REFUSED).unlink(missing_ok=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        beside.unlink(missing_ok=True)


def read_ladder(root: Path) -> Any:
    """The comparison that the model in `models/current` comes from.

    Raises
    ------
    UserError
        If there is none, or a `train` was killed between putting the two in place.
    """
    ladder = read_json(root / LADDER, "train")
    held = read_json(root / BUNDLE / "metadata.json", "train").get("model_version")
    if ladder.get("model_version", held) != held:
        raise UserError(
            f"{LADDER} is of model {ladder['model_version']}, and {BUNDLE} holds {held}: a `train` "
            "was stopped between the two. Run `train` again."
        )
    return ladder


def read_metadata(folder: Path) -> dict[str, Any]:
    """What is known of the bundle at `folder`, with what `evaluate` has found out since.

    Raises
    ------
    UserError
        If there is none.
    """
    metadata: dict[str, Any] = read_json(folder / "metadata.json", "train")
    # A bundle that `dvc pull` brought has none beside it; the reports, which git holds, say the same.
    places = (folder / FINDINGS, folder.resolve().parents[1] / "reports" / "metrics.json")
    found: dict[str, Any] = next(
        (read_json(path, "evaluate") for path in places if path.is_file()), {}
    )
    # Of another version, they are left from a copy that was interrupted.
    if "review" in found and found.get("model_version") == metadata.get("model_version"):
        metadata["review"] = found["review"]
    # What a release before 2.0 wrote had neither, and an interval of one width.
    metadata = {"review": UNREVIEWED, "sets": None, **metadata}
    if isinstance(metadata.get("interval"), list):
        low, high = metadata["interval"]
        metadata["interval"] = {"level": 0.9, "at": [0.0], "low": [low], "high": [high]}
    return metadata


def verified_metadata(folder: Path) -> dict[str, Any]:
    """As `read_metadata`, once each file of the bundle is the one that `train` wrote.

    Raises
    ------
    UserError
        If one was changed, lost or half copied, or is of another version.
    """
    metadata = read_metadata(folder)
    for name, expected in metadata.get("files", {}).items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise UserError(
                f"{path} is not the file that `train` wrote: it was changed, lost or copied in "
                "part. Copy the whole bundle again, or run `train`."
            )
    return metadata


def add_findings(folder: Path, model_version: str, found: dict[str, Any]) -> None:
    """Put what `evaluate` found out into the bundle at `folder`; a service that runs takes it up."""
    write_json(folder / FINDINGS, {"model_version": model_version, **found})
    os.utime(folder / "metadata.json")


def provenance(
    project: Project, packages: Iterable[str], data_sha256: str | None = None
) -> dict[str, Any]:
    """Which data, code and versions a bundle is made from, and the version it gets.

    Parameters
    ----------
    project : Project
        After the data stage.
    packages : iterable of str
        Distributions whose versions are written down.
    data_sha256 : str, optional
        Of the rows that were learnt from; that of the data stage otherwise.
    """
    created = datetime.now(UTC)
    if data_sha256 is None:
        data_sha256 = read_json(project.root / "reports" / "data.json", "data")["sha256"]
    identity = hashlib.sha256(f"{created.isoformat()}{data_sha256}".encode()).hexdigest()
    return {
        "model_version": f"{created:%Y%m%d-%H%M%S}-{identity[:6]}",
        "created_at": created.isoformat(timespec="seconds"),
        "git_commit": git_commit(project.root),
        "data_sha256": data_sha256,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "project": project.slug,
    }


def check_parity(expected: NDArray[Any], served: NDArray[Any], scale: float = 1.0) -> float:
    """Largest difference between the model and its exported form, over held-out rows.

    Parameters
    ----------
    expected, served : ndarray of the same shape
        Probabilities or values.
    scale : float
        What a value is measured in: 1 for probabilities, the target's standard deviation for
        values, since float32 has relative precision.

    Raises
    ------
    UserError
        If the difference exceeds `PARITY_BOUND`; the bundle must then not be used.
    """
    difference = float(np.max(np.abs(expected - served)) / scale)
    if not difference <= PARITY_BOUND:
        raise UserError(
            f"The exported model differs from the trained one by {difference:.1e} (bound "
            f"{PARITY_BOUND:.0e}), so it was not put in place. Leave the chosen model out with "
            "`ladder.skip`, or report the model and the versions in `uv.lock` as a bug."
        )
    return difference
