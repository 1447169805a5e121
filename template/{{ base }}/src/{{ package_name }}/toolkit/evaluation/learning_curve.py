"""The learning curve: would more rows help?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing

from ..project.errors import UserError
from ..splitting.folds import Fold
from ..training.comparison import Candidate, refit
from ..training.scoring import by_scorer

SHARES = (0.1, 0.3, 1.0)
MOST_SCORED = 20_000


def learning_curve(
    x: Any,
    y: NDArray[Any],
    folds: Sequence[Fold],
    candidates: Sequence[Candidate],
    candidate: Candidate,
    metric: str,
    seed: int,
    encoder: BaseEstimator | None = None,
) -> list[dict[str, Any]]:
    """Scores of a candidate as its training rows grow, on the last fold of the comparison.

    All points are scored on the same rows, and the last one is fitted as the comparison fitted it:
    the two must agree, see `verdicts.contradictions`.

    Parameters
    ----------
    x : DataFrame or ndarray of length n
        The rows.
    y : ndarray of shape (n,)
        Class codes (integers), or values.
    folds : sequence of (train, validation) index pairs
        Those of the comparison.
    candidates : sequence of Candidate
        Where a vote finds its members.
    candidate : Candidate
    metric : str
        A scikit-learn scorer name.
    seed : int
    encoder : transformer, optional
        Cloned and fitted on the rows of each point.

    Returns
    -------
    list of dict
        `n`, `train` (score on the rows trained on, at most 20,000 of them), `validation`, and how
        many `folds` there were.
    """
    rows, held_out = folds[-1]
    scoring, rng = by_scorer(metric, y), np.random.default_rng(seed)
    classes = np.issubdtype(y.dtype, np.integer)
    # One row of each class, which a small share may lack.
    least = rows[np.unique(y[rows], return_index=True)[1]] if classes else rows[:0]

    def score(model: Any, given: Any, truth: NDArray[Any]) -> float:
        return scoring.score(metric, scoring.predict(model, given), truth)

    points = []
    for share in SHARES:
        size = min(len(rows), max(20, int(share * len(rows))))
        # In the order of the fold, which some candidates heed.
        chosen = np.union1d(rng.choice(rows, size, replace=False), least)
        picked = rows[np.isin(rows, chosen)]
        given, valid = _safe_indexing(x, picked), _safe_indexing(x, held_out)
        fitted = None
        if encoder is not None:
            fitted = clone(encoder).fit(given, y[picked])
            given, valid = fitted.transform(given), fitted.transform(valid)
        # Evenly from all of them: the rows of a file may lie class by class.
        some = np.unique(np.linspace(0, len(picked) - 1, MOST_SCORED).astype(int))
        try:
            model = refit(candidate, candidates, fitted, given, y[picked])
            on_training = score(model, _safe_indexing(given, some), y[picked][some])
            on_others = score(model, valid, y[held_out])
        except (ValueError, UserError):
            continue  # too few rows of a class for this candidate or metric
        points.append(
            {
                "n": len(picked),
                "train": on_training,
                "validation": on_others,
                "folds": len(folds),
            }
        )
    return points
