"""How good a ranking of documents is, given those that answer the question.

Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", chapter 8; Järvelin and
Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", for nDCG.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError

DEPTH = 10
METRIC = "mrr_at_10"
METRICS = ("mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10", "ndcg_at_10")


def of_one(ranking: Sequence[str], relevant: Collection[str]) -> dict[str, float]:
    """All scores of one ranking of document ids, best first; each is between 0 and 1."""
    hits = [document in relevant for document in ranking[:DEPTH]]
    found = {k: sum(hits[:k]) / len(relevant) for k in (1, 5, 10)}
    first = hits.index(True) + 1 if True in hits else None
    gained = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    most = sum(1 / math.log2(place + 2) for place in range(min(len(relevant), DEPTH)))
    return {
        "mrr_at_10": 1 / first if first else 0.0,
        "recall_at_1": found[1],
        "recall_at_5": found[5],
        "recall_at_10": found[10],
        "ndcg_at_10": gained / most,
    }


def of_all(
    rankings: Sequence[Sequence[str]],
    relevant: Sequence[Collection[str]],
    own: Callable[[Sequence[str], Collection[str]], dict[str, float]] = lambda ranking, wanted: {},
) -> dict[str, NDArray[np.float64]]:
    """The scores of n rankings, an array of shape (n,) each.

    Parameters
    ----------
    rankings : sequence of n rankings
        Document ids, best first.
    relevant : sequence of n collections
        The documents that answer, at least one.
    own : callable, optional
        From a ranking and what is relevant to further scores, the same names for all.
    """
    rows = [
        {**of_one(ranking, wanted), **own(ranking, wanted)}
        for ranking, wanted in zip(rankings, relevant, strict=True)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def require(metric: str) -> str:
    """The metric's name; `auto` is MRR at 10.

    Raises
    ------
    UserError
        If there is no such metric.
    """
    if metric == "auto":
        return METRIC
    if metric not in METRICS:
        raise UserError(f"`metric` is {metric!r}; rankings are judged by {', '.join(METRICS)}.")
    return metric


def score(metric: str, rankings: Sequence[Sequence[str]], relevant: NDArray[Any]) -> float:
    """The mean of one score over n rankings."""
    return float(np.mean(of_all(rankings, list(relevant))[metric]))
