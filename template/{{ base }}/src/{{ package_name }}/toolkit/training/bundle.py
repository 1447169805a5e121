"""The model bundle: written aside whole, then swapped into models/current."""

import hashlib
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
from ..project.files import read_json, replace_folder
from ..project.settings import Project
from .git import git_commit

BUNDLE = Path("models", "current")
LADDER = Path("reports", "ladder.json")
PARITY_BOUND = 1e-5


def served(project: Project) -> Path:
    """The folder of the bundle that answers: `project.served` once it exists, the newest until then."""
    home = project.root / "models" / project.served
    # A swap that was killed half-way, where it takes two renames; whoever writes next undoes it.
    for folder in (home, home.with_name(home.name + ".previous")):
        if folder.exists():
            return folder
    return project.root / BUNDLE


@contextmanager
def replacing(root: Path, home: Path = BUNDLE) -> Iterator[Path]:
    """Give a folder to write a bundle into, and put it at `home` when the block ends well.

    If the block raises, the earlier bundle stays.
    """
    (root / home).parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=(root / home).parent, prefix=".new-"))
    try:
        yield work
        work.chmod(0o755)
        replace_folder(work, root / home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


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
