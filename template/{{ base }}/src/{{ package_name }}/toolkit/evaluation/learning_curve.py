"""The learning curve: would more rows help?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import get_scorer
from sklearn.utils import _safe_indexing

from ..splitting.folds import Fold
from ..training.comparison import Candidate, refit

SHARES = (0.1, 0.3, 1.0)
MOST_SCORED = 20_000


def learning_curve(
    x: Any,
    y: NDArray[Any],
    fold: Fold,
    candidates: Sequence[Candidate],
    candidate: Candidate,
    metric: str,
    seed: int,
    encoder: BaseEstimator | None = None,
) -> list[dict[str, Any]]:
    """Scores of a candidate as its training rows grow, on one fold.

    Parameters
    ----------
    x : DataFrame or ndarray of length n
        The rows.
    y : ndarray of shape (n,)
        Class codes (integers), or values.
    fold : (train, validation) index pair
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
        `n`, `train` (score on the rows trained on, at most 20,000 of them), `validation`.
    """
    rows, held_out = fold
    scorer, rng = get_scorer(metric), np.random.default_rng(seed)
    points = []
    for share in SHARES:
        size = min(len(rows), max(20, int(share * len(rows))))
        picked = np.sort(rng.choice(rows, size, replace=False))
        if len(np.unique(y[picked])) < 2:
            continue
        given, valid = _safe_indexing(x, picked), _safe_indexing(x, held_out)
        fitted = None
        if encoder is not None:
            fitted = clone(encoder).fit(given, y[picked])
            given, valid = fitted.transform(given), fitted.transform(valid)
        try:
            model = refit(candidate, candidates, fitted, given, y[picked])
        except ValueError:
            continue  # too few rows of a class for this candidate
        # A class that these few rows lack cannot be answered, nor judged.
        classes = np.issubdtype(y.dtype, np.integer)
        fair = np.flatnonzero(np.isin(y[held_out], y[picked])) if classes else slice(None)
        points.append(
            {
                "n": len(picked),
                "train": float(scorer(model, given[:MOST_SCORED], y[picked][:MOST_SCORED])),
                "validation": float(scorer(model, valid[fair], y[held_out][fair])),
            }
        )
    return points
