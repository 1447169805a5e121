"""Checks of our own numbers: what a random split would have reported, what a stale snapshot costs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from ..tables.dataset import Table
from ..tables.encoder import Encoder
from ..tables.predictor import Predictor
from ..training.comparison import Candidate, refit


def random_split(
    train: Table,
    test: Table,
    encoder: Encoder,
    candidates: list[Candidate],
    candidate: Candidate,
    metric: str,
    seed: int,
) -> dict[str, Any] | None:
    """The score that shuffling the rows first would have reported.

    Only of interest where the honest split respects time. The same candidate is scored twice: on the
    time split, and on a split of the same sizes made after shuffling.

    Parameters
    ----------
    candidate : Candidate
        One that can learn what single days were like; a rigid one hardly profits.

    Returns
    -------
    dict or None
        None if the split does not respect time.
    """
    if train.time is None:
        return None
    x, y = pd.concat([train.x, test.x], ignore_index=True), np.concatenate([train.y, test.y])
    scorer, cut = get_scorer(metric), len(train.y)

    def score(order: NDArray[np.intp]) -> float:
        rows, held_out = order[:cut], order[cut:]
        fitted = Encoder(**encoder.get_params()).fit(x.iloc[rows], y[rows])
        model = refit(candidate, candidates, fitted, fitted.transform(x.iloc[rows]), y[rows])
        return float(scorer(model, fitted.transform(x.iloc[held_out]), y[held_out]))

    honest = score(np.arange(len(y)))
    claimed = score(np.random.default_rng(seed).permutation(len(y)))
    return {
        "metric": metric,
        "rung": candidate.name,
        "time_split": honest,
        "random_split": claimed,
    }


def frozen_snapshot(
    predictor: Predictor,
    columns: dict[str, NDArray[Any]],
    score: Callable[[NDArray[np.float64]], dict[str, float]],
) -> dict[str, Any] | None:
    """What the scores fall to when looked-up columns keep their value of the snapshot.

    Parameters
    ----------
    predictor : Predictor
    columns : dict of str to ndarray of shape (n,)
        The test rows, with the fresh values of looked-up columns.
    score : callable
        From outputs to scores.

    Returns
    -------
    dict or None
        None if no column is looked up, or the metric has no value.
    """
    looked_up = [column.name for column in predictor.schema.columns if column.lookup]
    if not looked_up:
        return None
    emptied = {
        name: _emptied(values) if name in looked_up else values for name, values in columns.items()
    }
    task = predictor.schema.target.task
    metric = {"binary": "roc_auc", "multiclass": "f1", "regression": "r2"}[task]
    fresh = score(predictor.predictions(columns))
    frozen = score(predictor.predictions(predictor.fill(emptied)))
    if metric not in fresh:
        return None
    return {
        "metric": metric,
        "fresh": fresh[metric],
        "frozen": frozen[metric],
        "as_of": predictor.metadata["lookups_as_of"],
        "columns": looked_up,
    }


def _emptied(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return np.full(len(values), None, dtype=object)
    return np.full(len(values), np.nan if values.dtype.kind == "f" else "NaT", values.dtype)
