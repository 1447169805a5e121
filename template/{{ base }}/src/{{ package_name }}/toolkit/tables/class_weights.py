"""Rare classes: weights in training against a threshold by cost, on predictions for rows held out.

Weights that count both classes alike move every probability, and the threshold of 0.5 with them. So do
costs move the threshold, and leave the probabilities what they are (Elkan 2001, "The Foundations of
Cost-Sensitive Learning"). What is compared is therefore the decisions, after recalibration.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, precision_score, recall_score

from ..evaluation.intervals import Units, interval_of_ratio
from ..training.comparison import Comparison
from ..training.decisions import cost_of_rows
from ..training.threshold import cheapest_threshold

RARE = 1 / 3  # from this share on there is little to weigh


def is_rare(y: NDArray[Any]) -> bool:
    """Whether one of two classes, 0 and 1, has less than a third of the rows."""
    return bool(min(np.mean(y), 1 - np.mean(y)) < RARE)


def compare_weights(
    comparison: Comparison,
    plain: str,
    weighted: str,
    y: NDArray[Any],
    costs: Mapping[str, float],
    units: Units,
    seed: int,
) -> dict[str, Any]:
    """Decisions of one model with and without class weights, out of fold.

    What a fold is recalibrated and cut by comes from the other folds: two numbers of a sigmoid (Platt
    1999) and a threshold.

    Parameters
    ----------
    comparison : Comparison
        With the candidates `plain` and `weighted`, on the ladder or beside it.
    y : ndarray of shape (n,)
        The truth of all rows, 1 the positive class.
    costs : mapping
        `false_positive` and `false_negative`.
    units : Units
        Of all rows: what is resampled.

    Returns
    -------
    dict
        `rows` of `way`, `brier`, `recall`, `precision` and
        `cost_per_1000`, and `saved`: `value` and `ci` of what the threshold alone saves against
        recalibrated weights, per 1,000 rows.
    """
    truth = y[comparison.validated]
    fold = np.repeat(np.arange(len(comparison.folds)), [len(rows) for _, rows in comparison.folds])
    given, raw = (comparison.result(name).out_of_fold[:, 1] for name in (plain, weighted))
    calibrated = np.empty_like(raw)
    for number in range(len(comparison.folds)):
        there, other = fold == number, fold != number
        sigmoid = LogisticRegression(C=1e6).fit(_logit(raw[other]), truth[other])
        calibrated[there] = sigmoid.predict_proba(_logit(raw[there]))[:, 1]

    def by_cost(probability: NDArray[np.float64]) -> NDArray[np.bool_]:
        called = np.zeros(len(truth), dtype=bool)
        for number in range(len(comparison.folds)):
            there, other = fold == number, fold != number
            cut = cheapest_threshold(
                truth[other] == 1,
                probability[other],
                costs["false_positive"],
                costs["false_negative"],
            )
            called[there] = probability[there] >= cut
        return called

    ways = {
        "a threshold of 0.5": (given, given >= 0.5),
        "class weights, a threshold of 0.5": (raw, raw >= 0.5),
        "class weights, recalibrated, a threshold by cost": (calibrated, by_cost(calibrated)),
        "a threshold by cost": (given, by_cost(given)),
    }
    spent = {way: cost_of_rows(truth, called, costs) for way, (_, called) in ways.items()}
    *_, weights, threshold = spent.values()
    saved, all_units = 1000 * (weights - threshold), units.take(comparison.validated)
    return {
        "rows": [
            {
                "way": way,
                "brier": float(brier_score_loss(truth, probability)),
                "recall": float(recall_score(truth, called, zero_division=0.0)),
                "precision": float(precision_score(truth, called, zero_division=0.0)),
                "cost_per_1000": float(1000 * spent[way].mean()),
            }
            for way, (probability, called) in ways.items()
        ],
        "saved": {
            "value": float(saved.mean()),
            "ci": interval_of_ratio(saved, np.ones(len(saved)), all_units, seed=seed),
        },
    }


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(probability, 1e-9, 1 - 1e-9)))[:, None]
