"""Checks on our own claims: what a random split would have said, what a stale snapshot costs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from ..encoding import Encoder
from ..ladder import Rung, refit
from ..reporting.display import metric_label, number
from ..reporting.display import score as shown
from ..table import Table


def random_split(
    train: Table,
    test: Table,
    encoder: Encoder,
    rungs: list[Rung],
    flexible: str,
    metric: str,
    seed: int,
) -> dict[str, Any] | None:
    """The score that shuffling the rows first would have claimed.

    Only of interest where the honest split respects time. The same rung is scored twice: on the
    time split, and on a split of the same sizes made after shuffling.

    Parameters
    ----------
    flexible : str
        Name of a rung that can learn what single days were like; a rigid one hardly profits.

    Returns
    -------
    dict or None
        None if the split does not respect time.
    """
    if train.time is None:
        return None
    rung = next(rung for rung in rungs if rung.name == flexible)
    x, y = pd.concat([train.x, test.x], ignore_index=True), np.concatenate([train.y, test.y])
    scorer, cut = get_scorer(metric), len(train.y)

    def score(order: NDArray[np.intp]) -> float:
        rows, held_out = order[:cut], order[cut:]
        fitted = Encoder(**encoder.get_params()).fit(x.iloc[rows], y[rows])
        model = refit(rung, rungs, fitted, fitted.transform(x.iloc[rows]), y[rows])
        return float(scorer(model, fitted.transform(x.iloc[held_out]), y[held_out]))

    honest = score(np.arange(len(y)))
    claimed = score(np.random.default_rng(seed).permutation(len(y)))
    return {
        "metric": metric,
        "rung": flexible,
        "time_split": honest,
        "random_split": claimed,
        "sentence": (
            f"A random split would have claimed {metric_label(metric)} {shown(metric, claimed)} for "
            f"{flexible}; on later rows it reaches {shown(metric, honest)}. Shuffled, test rows "
            "share their days with training rows, so the model is asked about days it has seen."
        ),
    }


def rule_would_do(ladder: dict[str, Any]) -> dict[str, Any]:
    """Whether the rule of thumb is within one standard error of the best rung."""
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    rule, best = rungs.get("rule"), rungs[ladder["best"]]
    if rule is None:
        return {"answer": False, "sentence": "No rule of thumb was on the ladder to compare with."}
    metric, gap = ladder["metric"], best["mean"] - rule["mean"]
    answer = gap <= ladder["standard_error"]
    verdict = (
        "A rule would do: prefer it to a model, or stop here" if answer else "A rule would not do"
    )
    return {
        "answer": bool(answer),
        "sentence": (
            f"{verdict}. The rule has {metric_label(metric)} {shown(metric, rule['mean'])} in "
            f"cross-validation, {best['name']} {shown(metric, best['mean'])}; one standard error "
            f"is {number(ladder['standard_error'], 2)}."
        ),
    }
