"""Checks of our own numbers: what a random split, and wider blocks, would have reported."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.dataset import ImageDataset
from ..splitting.folds import make_folds
from ..training.comparison import Candidate, Scoring, cross_validate

# With fewer, folds of blocks differ more than splits do.
WIDE_BLOCKS = 20


def other_splits(
    dataset: ImageDataset,
    candidate: Candidate,
    scoring: Scoring,
    ladder: dict[str, Any],
    seed: int,
) -> dict[str, Any] | None:
    """Scores of one candidate in cross-validation, by what is kept on one side of a fold.

    Parameters
    ----------
    dataset : ImageDataset
        The training images; those for the test are not used.
    candidate : Candidate
    scoring : Scoring
    ladder : dict
        The content of `reports/ladder.json`, which has the scores under the blocks that are used.
    seed : int

    Returns
    -------
    dict or None
        `rung`, `metric` and by split `block` (1: single images), `mean` and `ci`. None without blocks.
    """
    block, count = dataset.block, int(ladder["folds"])
    if block is None:
        return None
    own = next(rung for rung in ladder["rungs"] if rung["name"] == candidate.name)
    wide = int(dataset.numbers.max() + 1) // WIDE_BLOCKS

    def scored(size: int) -> dict[str, Any]:
        groups: NDArray[np.intp] | None = None if size == 1 else dataset.numbers // size
        folds = make_folds(dataset.y, count, classes=True, groups=groups, seed=seed)
        found = cross_validate([candidate], dataset.positions, dataset.y, folds, scoring)
        rung = found.to_json(found.results[0], "")["rungs"][0]
        return {"block": size, "mean": rung["mean"], "ci": rung["ci"]}

    rows = [scored(1), {"block": block, "mean": own["mean"], "ci": own["ci"]}]
    if wide > block:
        rows.append(scored(wide))
    return {"rung": candidate.name, "metric": ladder["metric"], "rows": rows}
