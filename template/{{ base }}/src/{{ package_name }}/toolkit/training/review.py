"""The confidence under which an answer goes to a person, and what that brings."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SHARE_OF_MISTAKES = 0.5
MOST_SENT = 0.1


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


def outcome(
    floor: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> dict[str, Any]:
    """What the floor sends to a person on these rows, and how right the answers on each side are.

    Returns
    -------
    dict
        `floor`, the `share` of rows under it, the share of all `mistakes` among them, and
        `accuracy_of_those` and `accuracy_of_the_rest`; null where there is no such row.
    """
    sent = confidence < floor
    return {
        "floor": floor,
        "share": float(sent.mean()),
        "mistakes": None if right.all() else float(sent[~right].mean()),
        "accuracy_of_those": float(right[sent].mean()) if sent.any() else None,
        "accuracy_of_the_rest": float(right[~sent].mean()) if (~sent).any() else None,
    }
