"""How many models have been judged on a test set, and where the outcome lies."""

from datetime import UTC, datetime
from pathlib import Path

from ..project.files import read_json, sha256, write_json
from ..training.git import git_commit

METRICS = Path("reports", "metrics.json")
FIGURES = Path("reports", "figures")
OPENINGS = Path("reports", "test_openings.json")


def count_opening(root: Path, test_set: Path, model_version: str) -> tuple[int, int]:
    """Write down that a model is judged on the file `test_set` now.

    Looking at the same model again teaches nothing new, so that it is no further opening.

    Parameters
    ----------
    root : Path
        The project's folder.
    test_set : Path
        Known by its content: other rows are another test set.
    model_version : str
        The model that is judged.

    Returns
    -------
    models : int
        How many different models have been judged on these rows.
    looks : int
        How often the rows have been looked at, the same model again included.
    """
    path = root / OPENINGS
    content = read_json(path, "evaluate") if path.exists() else {"test_sets": {}}
    opened = content["test_sets"].setdefault(sha256(test_set), [])
    opened.append(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "model_version": model_version,
            "git_commit": git_commit(root),
        }
    )
    write_json(path, content)
    return len({each["model_version"] for each in opened}), len(opened)


def last_opened(root: Path) -> str:
    """The SHA-256 of the test set that a model was judged on last; empty before the first time."""
    sets = read_json(root / OPENINGS, "evaluate")["test_sets"] if (root / OPENINGS).exists() else {}
    return str(max(sets, key=lambda key: sets[key][-1]["at"], default=""))
