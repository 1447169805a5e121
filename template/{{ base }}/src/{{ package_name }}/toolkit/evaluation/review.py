"""Whether it pays that a person looks at the predictions in most doubt, and how often intervals hold."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.decisions import bounds_of, choose_cutoff, cost_of_rows, decide, doubts
from .display import interval_of_shares, percent, plural
from .intervals import Units, interval_of_ratio

Json = dict[str, Any]


def plan_review(
    y: NDArray[Any],
    predictions: NDArray[np.float64],
    decided: Mapping[str, Any],
    share: float,
    costs: Mapping[str, float] | None,
    units: Units,
) -> Json:
    """The cut-off that sends a share of these rows to a person, and whether that finds costly ones.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class codes, or values.
    predictions : ndarray of shape (n, classes) or (n,)
        Made out of fold.
    decided : mapping
        `threshold` and `interval`, as in the bundle's metadata.
    share : float
        `review.share`.
    costs : mapping or None
        Of two classes.
    units : Units
        Of the n rows.
    """
    cutoff = choose_cutoff(doubts(predictions, costs, decided["interval"]), share)
    review = {"share": share, "cutoff": cutoff, "costs": costs}
    return judge_review(y, predictions, {**decided, "review": review}, units, "out of fold")


def judge_review(
    y: NDArray[Any],
    predictions: NDArray[np.float64],
    described: Mapping[str, Any],
    units: Units,
    where: str = "on the test set",
) -> Json:
    """The `review` of the bundle's metadata, measured on these rows; parameters as `plan_review`."""
    review = described["review"]
    asked = doubts(predictions, review["costs"], described["interval"])
    marked = np.zeros(len(y), bool) if review["cutoff"] is None else asked > review["cutoff"]
    paid = cost_of_rows(y, decide(predictions, described["threshold"]), review["costs"])
    return {**review, **outcome(marked, paid, units, review["share"], where)}


def outcome(
    marked: NDArray[np.bool_], paid: NDArray[np.float64], units: Units, share: float, where: str
) -> Json:
    """Which part of the cost the marked rows bear: no more than their share would be chance.

    Returns
    -------
    dict
        `marked` (a share of the rows), `yield` (a share of the cost) with its interval `ci`, whether
        review is `on`, and the `reason` where it is not.
    """
    part, total = float(marked.mean()) if len(marked) else 0.0, float(paid.sum())
    found = float(paid[marked].sum()) / total if total else None
    bounds = interval_of_ratio(paid * marked, paid, units) if total and marked.any() else None
    chance = max(part, share)
    reason = None
    if share == 0:
        reason = "`review.share` is 0"
    elif found is None:
        reason = f"{where}, no decision cost anything"
    elif not marked.any():
        reason = f"{where}, no {percent(share)} of the rows stand out: too many are in equal doubt"
    elif bounds is None:
        reason = f"{where}, {plural(units.count, units.name[:-1])} are too few to measure its yield"
    elif bounds[0] <= chance:
        reason = (
            f"{where}, the {percent(part)} of rows it would mark bear {percent(found)} of the cost "
            f"(95% CI {interval_of_shares(bounds)}), which is not clearly more than chance"
        )
    return {
        "marked": part,
        "yield": found,
        "ci": bounds,
        "on": reason is None,
        "reason": reason,
        "where": where,
    }


def covered(
    y: NDArray[Any], predictions: NDArray[np.float64], described: Mapping[str, Any]
) -> tuple[NDArray[np.bool_], NDArray[np.intp] | None]:
    """Whether each row's interval or set of classes holds the truth, and how large the sets are."""
    if described["interval"] is not None:
        low, high = bounds_of(predictions, described["interval"])
        return (low <= y) & (y <= high), None
    inside = predictions >= described["sets"]["at_least"]
    return inside[np.arange(len(y)), y], inside.sum(axis=1)


def coverage(
    y: NDArray[Any], predictions: NDArray[np.float64], described: Mapping[str, Any], units: Units
) -> Json:
    """How often intervals or sets hold the truth: `level` (asked for), `share`, `ci`, `mean_size`."""
    if not described["interval"] and not described["sets"]:
        return {}
    held, sizes = covered(y, predictions, described)
    return {
        "level": (described["interval"] or described["sets"])["level"],
        "share": float(held.mean()),
        "ci": interval_of_ratio(held, np.ones(len(y)), units),
        "mean_size": None if sizes is None else float(sizes.mean()),
    }
