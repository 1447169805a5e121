"""The charts that only tables have: costs, errors of numbers, importance of columns.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import PredictionErrorDisplay

from ..evaluation.display import brief, cell, lowered, money, number, percent, sentence, signed
from .figures import Charts
from .style import BLUE, DASHED, GREY, MUTED, ORANGE, canvas, readable, rows

Json = dict[str, Any]


def threshold(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw what the decisions cost by threshold."""
    content = metrics.get("money") or {}
    if not content.get("curve") or not content.get("best_constant"):
        return None
    value, currency = content["value"], content.get("currency", "")
    constant = content[f"cost_of_{content['best_constant']}"]
    figure, axes = canvas(
        3.0,
        f"A threshold of {number(value)} costs {money(content['cost_at_threshold'], currency)} on "
        f"the test set; the best constant decision costs {money(constant, currency)}",
    )
    axes.plot(*zip(*content["curve"], strict=True), color=BLUE)
    axes.axvline(value, color=ORANGE, lw=1.2, ls=DASHED, label="chosen")
    axes.axhline(constant, color=GREY, lw=1.2, ls=DASHED, label="best constant")
    axes.set(xlim=(0, 1), xlabel="Threshold", ylabel=f"Cost ({currency})" if currency else "Cost")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")
    axes.grid(axis="y")
    readable(axes)
    return figure


def predicted_actual(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw actual against predicted values."""
    if not metrics.get("residuals"):
        return None
    half = np.median(np.abs(np.subtract(*_pairs(metrics))))
    return _errors(
        metrics,
        "actual_vs_predicted",
        f"Half of the predictions are within {number(half)} of the truth",
    )


def residuals(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw errors against predictions."""
    if not metrics.get("residuals"):
        return None
    errors = np.subtract(*_pairs(metrics))
    over = percent(float(np.mean(errors < 0)), 0)
    mean = signed(float(errors.mean()))
    title = f"{over} of the predictions are too high; the mean error is {mean}"
    return _errors(metrics, "residual_vs_predicted", title)


def importance(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw what shuffling each column costs."""
    found = sorted(metrics.get("importance") or [], key=lambda row: -row["mean"])[:15]
    if not found:
        return None
    figure, axes = rows(
        [cell(row["column"], 34) for row in found],
        f"{cell(found[0]['column'], 40)} matters most: shuffled, it raises the mean error by "
        f"{brief(found[0]['mean'])}",
        "Rise of the mean error when the column is shuffled. Line: standard deviation.",
    )
    axes.barh(
        range(len(found)),
        [row["mean"] for row in found],
        xerr=[row.get("std") or 0.0 for row in found],
        height=0.62,
        color=BLUE,
        ecolor=MUTED,
    )
    return figure


def steps(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw what each step gained: all features, each group of them, the choice of the model."""
    found = (ladder.get("steps") or {}).get("rows")
    if not found:
        return None
    most = max((row for row in found if row["step"] != "group"), key=lambda row: row["gain"])
    figure, axes = rows(
        [("· " if row["step"] == "group" else "") + cell(row["name"], 34) for row in found],
        f"{sentence(most['name'])}: {signed(most['gain'])} {lowered(ladder['metric'])}, the most of "
        "any step",
        f"Gain in {lowered(ladder['metric'])}, mean of {ladder['folds']} folds, with its 95% CI. Dot: a "
        "group of features, by what the linear model loses without it.",
    )
    axes.axvline(0, color=GREY, lw=1)
    for place, row in enumerate(found):
        colour = MUTED if row["step"] == "group" else BLUE
        axes.plot(row["ci"] or [row["gain"]] * 2, [place] * 2, color=colour, lw=2, alpha=0.55)
        axes.plot(row["gain"], place, "o", ms=5.5, color=colour)
    return figure


def _pairs(metrics: Json) -> tuple[Any, Any]:
    points = metrics["residuals"]
    return np.array([p["actual"] for p in points]), np.array([p["predicted"] for p in points])


def _errors(metrics: Json, kind: str, title: str) -> Figure:
    figure, axes = canvas(4.2, title, width=4.0)
    PredictionErrorDisplay(y_true=_pairs(metrics)[0], y_pred=_pairs(metrics)[1]).plot(
        ax=axes, kind=kind, scatter_kwargs={"alpha": 0.45, "s": 14, "color": BLUE, "lw": 0}
    )
    axes.grid()
    readable(axes)
    return figure


CHARTS: Charts = {
    "threshold": threshold,
    "predicted_actual": predicted_actual,
    "residuals": residuals,
    "importance": importance,
    "steps": steps,
}
