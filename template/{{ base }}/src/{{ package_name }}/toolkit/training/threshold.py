"""The threshold that costs least, decided out of fold."""

import numpy as np
from numpy.typing import NDArray


def cheapest_threshold(
    positive: NDArray[np.bool_],
    probability: NDArray[np.float64],
    false_positive: float,
    false_negative: float,
) -> float:
    """The threshold with the lowest total cost on these rows.

    Every distinct probability is a candidate, so one sort is enough (Elkan 2001, "The Foundations
    of Cost-Sensitive Learning", gives the threshold that calibrated probabilities would have; this
    is its empirical counterpart). Ties go to the one nearest to that theoretical value.
    """
    order = np.argsort(-probability, kind="stable")
    ordered, truth = probability[order], positive[order]
    # After k rows are called positive: false positives so far, and positives still missed.
    false_positives = np.concatenate([[0], np.cumsum(~truth)])
    missed = np.count_nonzero(positive) - np.concatenate([[0], np.cumsum(truth)])
    costs = false_positives * false_positive + missed * false_negative
    # Rows with equal probability are called together; between two values lies the cut.
    boundary = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    # A threshold of 1 would still call a row whose probability is 1.
    above_all = 1.0 if ordered[0] < 1 else np.nextafter(1, 2)
    cuts = np.concatenate([[above_all], (ordered[1:] + ordered[:-1]) / 2, [0.0]])
    cuts, costs = cuts[boundary], costs[boundary]
    theory = false_positive / max(false_positive + false_negative, 1e-12)
    cheapest = np.flatnonzero(costs == costs.min())
    return float(cuts[cheapest[np.argmin(np.abs(cuts[cheapest] - theory))]])
