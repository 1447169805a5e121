"""What is decided of a prediction, what it costs, and how unsure it is: a few sums a record.

Cut-offs, intervals and sets are fitted to out-of-fold predictions and kept in the bundle. The service
imports this module, so that it needs numpy only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9  # of the truths, an interval or a set shall hold
ROWS_A_POINT = 50
MOST_POINTS = 20


def decide(predictions: NDArray[np.float64], threshold: float | None = None) -> NDArray[Any]:
    """Class codes as the service decides them, or the values themselves; shape (n,).

    Parameters
    ----------
    predictions : ndarray of shape (n, classes) or (n,)
        Probabilities, or values.
    threshold : float, optional
        Of two classes, from it on the second is decided.
    """
    if predictions.ndim == 1:
        return predictions
    if threshold is None:
        return np.argmax(predictions, axis=1)
    return (predictions[:, 1] >= threshold).astype(np.int64)


def cost_of_rows(
    y: NDArray[Any], decisions: NDArray[Any], costs: Mapping[str, float] | None
) -> NDArray[np.float64]:
    """What the decision of each row costs, shape (n,).

    With `costs` (of two classes) in their currency; else 1 for a wrong class, or the absolute error
    of a number.
    """
    if costs is not None:
        wrongly, missed = (decisions == 1) & (y == 0), (decisions == 0) & (y == 1)
        return costs["false_positive"] * wrongly + costs["false_negative"] * missed
    if np.issubdtype(y.dtype, np.integer):
        return (decisions != y).astype(np.float64)
    return np.asarray(np.abs(y - decisions), dtype=np.float64)


def doubt(row: Sequence[float], costs: Mapping[str, float] | None) -> float:
    """The expected cost of the best decision, from one row's probabilities.

    Parameters
    ----------
    row : sequence of float
        A probability a class.
    costs : mapping or None
        `false_positive` and `false_negative` of two classes; else any wrong class costs 1.
    """
    if costs is None:
        return 1 - max(row)
    return min(costs["false_negative"] * row[1], costs["false_positive"] * (1 - row[1]))


def doubts(
    predictions: NDArray[np.float64],
    costs: Mapping[str, float] | None,
    interval: Mapping[str, Any] | None,
) -> NDArray[np.float64]:
    """`doubt` of each row; of numbers, the width of their interval. Shape (n,)."""
    if interval is not None:
        return np.subtract(*bounds_of(predictions, interval)[::-1])
    return np.array([doubt(row, costs) for row in predictions.tolist()])


def choose_cutoff(doubts: NDArray[np.float64], share: float) -> float | None:
    """The value that at most a share of the rows lie above; None where equal ones are too many.

    It lies half-way between two values that were seen, so that no rounding decides.
    """
    ordered = np.sort(doubts)[::-1]
    steps = np.flatnonzero(ordered[:-1] > ordered[1:]) + 1
    steps = steps[steps <= share * len(ordered)]
    return float(ordered[steps[-1] - 1 : steps[-1] + 1].mean()) if len(steps) else None


def fit_interval(truth: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, Any]:
    """How far the truth lies from predictions of each size: an interval as wide as errors are there.

    Quantiles of out-of-fold errors, by the size of the prediction (Boström and Johansson 2020,
    "Mondrian conformal regressors"), in a straight line between the middles of up to 20 parts.

    Returns
    -------
    dict
        `level`; `at`, rising predictions; `low` and `high`, the offsets there.
    """
    parts = np.array_split(
        np.argsort(values, kind="stable"), min(max(len(values) // ROWS_A_POINT, 1), MOST_POINTS)
    )
    at, kept = np.unique([values[part].mean() for part in parts], return_index=True)
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    errors = (truth - values for values, truth in ((values[p], truth[p]) for p in parts))
    offsets = np.array([np.quantile(each, tails, method="weibull") for each in errors])[kept]
    low, high = offsets.T.tolist()
    return {"level": LEVEL, "at": at.tolist(), "low": low, "high": high}


def bounds_of(
    values: NDArray[np.float64], interval: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lower and the upper bound of each value, shape (n,) each."""
    low, high = (np.interp(values, interval["at"], interval[side]) for side in ("low", "high"))
    return values + low, values + high


def fit_sets(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """The probability from which a class belongs to the set that shall hold the truth.

    The least ambiguous sets (Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued
    Classifiers with Bounded Error Levels").

    Returns
    -------
    dict
        `level` and `at_least`.
    """
    given = probabilities[np.arange(len(y)), y]
    return {
        "level": LEVEL,
        "at_least": float(np.quantile(given, 1 - LEVEL, method="inverted_cdf")),
    }
