"""What is decided out of fold: the threshold that costs least, and when an answer goes to a person."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHARE_OF_MISTAKES = 0.5
MOST_SENT = 0.1


def total_cost(
    positive: NDArray[np.bool_],
    probability: NDArray[np.float64],
    threshold: float,
    false_positive: float,
    false_negative: float,
) -> float:
    """Cost of calling positive what reaches the threshold.

    Parameters
    ----------
    positive : ndarray of shape (n,), bool
        The truth.
    probability : ndarray of shape (n,), float64
        Predicted probability of the positive class.
    threshold : float
        From it on, the answer is positive.
    false_positive, false_negative : float
        Cost of one such error, in the currency of `params.yaml`.
    """
    called = probability >= threshold
    wrongly = np.count_nonzero(called & ~positive) * false_positive
    missed = np.count_nonzero(~called & positive) * false_negative
    return float(wrongly + missed)


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


def confidence_floor(
    setting: Literal["auto"] | float, answers: NDArray[np.float64], y: NDArray[np.int64]
) -> float:
    """The floor that `review.confidence_floor` asks for.

    `auto` lets half of the mistakes on these rows fall under it, but no more than a tenth of all
    rows: how certain a model is when it errs differs from model to model, so that no number fits
    all. Without a mistake it is the lowest confidence seen. A mistake is a likeliest class that is
    not the true one, whatever errors cost.

    Parameters
    ----------
    setting : "auto" or float
        A number is taken as it is.
    answers : ndarray of shape (n, classes), float64
        Out-of-fold probabilities; the highest of a row is its confidence.
    y : ndarray of shape (n,)
        Class codes.
    """
    if setting != "auto":
        return float(setting)
    confidence, right = answers.max(axis=1), np.argmax(answers, axis=1) == y
    if right.all():
        return float(confidence.min())
    # Just above the mistake it is taken from: of one mistake, all of it.
    middle = np.nextafter(np.quantile(confidence[~right], SHARE_OF_MISTAKES, method="higher"), 2)
    return float(min(middle, np.quantile(confidence, MOST_SENT, method="higher")))
