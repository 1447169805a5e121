"""The charts of the comparison and of the data, shared by every role.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.display import (
    case,
    cell,
    class_label,
    lowered,
    metric_label,
    number,
    percent,
    score,
    sentence,
    smaller_is_better,
)
from ..evaluation.verdicts import clearly_worse, still_rising
from .style import BAND, BLUE, DASHED, GREY, INK, MUTED, ORANGE, canvas, readable, rows

Json = dict[str, Any]


def ladder(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the scores of every candidate by fold, their mean, and the band of the rule."""
    rungs = ladder.get("rungs")
    if not rungs:
        return None
    metric, chosen = ladder["metric"], ladder.get("chosen")
    sign = -1.0 if metric.startswith("neg_") else 1.0
    best = max(rungs, key=lambda rung: rung["mean"])
    error = ladder.get("standard_error") or best["std"] / max(len(best["scores"]), 1) ** 0.5
    name = sentence(cell(chosen))
    figure, axes = rows(
        [cell(rung["name"], 34) for rung in rungs],
        f"{name} has the best mean; nothing simpler comes within one standard error"
        if best["name"] == chosen
        else f"{name} is within one standard error of the best, and simpler",
        f"{metric_label(metric)}, {_better(metric)}. Circles: folds. Diamond: mean. Band: one "
        "standard error of the best.",
        extra=1.5,
    )
    means = [sign * rung["mean"] for rung in rungs]
    # A baseline far from all others would press them into one blob; it is marked at the edge.
    if len(rungs) > 2 and abs(means[0] - np.median(means)) > 2 * np.ptp(means[1:]):
        near = [sign * value for rung in rungs[1:] for value in rung["scores"]]
        pad = 0.12 * max(np.ptp(near), abs(error))
        axes.set_xlim(min(near) - pad, max(near) + pad)
        left = means[0] < min(near)
        axes.plot(
            0 if left else 1,
            0,
            "<" if left else ">",
            ms=7,
            color=GREY,
            transform=axes.get_yaxis_transform(),
            clip_on=False,
        )
    axes.axvspan(sign * (best["mean"] - error), sign * best["mean"], color=BAND, lw=0)
    for place, rung in enumerate(rungs):
        marked = rung["name"] == chosen
        colour = BLUE if marked else GREY
        scores = [sign * value for value in rung["scores"]]
        axes.plot(scores, [place] * len(scores), "o", ms=4, mfc="none", mec=colour, mew=0.9)
        axes.plot(sign * rung["mean"], place, "D", ms=7, color=colour, mec="none")
        axes.annotate(
            score(metric, rung["mean"]),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            color=BLUE if marked else MUTED,
            weight="bold" if marked else "normal",
        )
    return figure


def learning_curve(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw training and validation scores by the number of training rows."""
    points = metrics.get("learning_curve") or []
    if len(points) < 2:
        return None
    metric = ladder["metric"]
    figure, axes = canvas(
        3.0,
        "More data would probably still help: validation is improving at the right edge"
        if still_rising(ladder, points)
        else "More data of the same kind would add little: validation has levelled off",
    )
    counts = [point["n"] for point in points]
    for key, colour in [("train", GREY), ("validation", BLUE)]:
        values = [-point[key] if metric.startswith("neg_") else point[key] for point in points]
        axes.plot(
            counts, values, "o-", ms=4, color=colour, label={"train": "training"}.get(key, key)
        )
    axes.set_xlim(left=0)
    axes.grid(axis="y")
    axes.legend()
    readable(axes)
    axes.set(xlabel=f"Training {case(data)}s", ylabel=metric_label(metric))
    return figure


def slices(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the score of the weakest slices with their intervals, against all rows."""
    found = [row for row in metrics.get("slices") or [] if row.get("score") is not None][:14]
    if not found:
        return None
    metric = found[0]["metric"]
    overall = found[0]["score"] - (found[0].get("gap") or 0.0)
    worse = next((row for row in found if clearly_worse(row)), None)
    title = "No slice is clearly worse than the test set as a whole"
    if worse:
        title = (
            f"Weakest: {_slice(worse)}, {lowered(metric)} {score(metric, worse['score'])} "
            f"against {score(metric, overall)} on all {case(data)}s"
        )
    figure, axes = rows(
        [cell(_slice(row), 30) for row in found],
        title,
        f"{metric_label(metric)}, {_better(metric)}; 95% CI. Dashed: all test {case(data)}s. "
        "Orange: clearly worse.",
    )
    axes.axvline(overall, color=INK, lw=1, ls=DASHED)
    for place, row in enumerate(found):
        colour = ORANGE if clearly_worse(row) else BLUE
        axes.plot(row.get("ci") or [row["score"]] * 2, [place] * 2, color=colour, lw=2, alpha=0.55)
        axes.plot(row["score"], place, "o", ms=5.5, color=colour)
    return figure


def target(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the class balance, or the distribution of a numeric target."""
    content = data.get("target") or {}
    if histogram := content.get("histogram"):
        name = cell(content.get("name", "The target"), 40)
        figure, axes = canvas(2.4, f"{sentence(name)}: mean {number(content.get('mean'))}")
        axes.stairs(histogram["counts"], histogram["edges"], fill=True, color=BLUE)
        axes.grid(axis="y")
        readable(axes)
        axes.set(xlabel=name, ylabel=f"{case(data).capitalize()}s")
        return figure
    counts = content.get("classes")
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    total = max(sum(counts.values()), 1)
    most = class_label(data, ordered[0][0])
    title = (
        f"The largest class, {most}, has {percent(ordered[0][1] / total, 0)} of the {case(data)}s"
    )
    if len(ordered) > 2:
        title += f"; the smallest of {len(ordered)} has {ordered[-1][1]:,} {case(data)}s"
    shown = ordered if len(ordered) <= 20 else ordered[:12] + ordered[-6:]
    names = [class_label(data, name) for name, _ in shown]
    figure, axes = rows(names, title, "", extra=0.9)
    bars = axes.barh(range(len(shown)), [count for _, count in shown], height=0.62, color=BLUE)
    labels = [f"{count:,} ({percent(count / total)})" for _, count in shown]
    axes.bar_label(bars, labels, padding=5, color=MUTED)
    axes.set_xlim(0, ordered[0][1] * 1.3)
    axes.set_axisbelow(True)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom"]].set_visible(False)
    return figure


def _slice(row: Json) -> str:
    return f"{cell(row['column'], 22)} = {cell(row['value'], 18)}"


def _better(metric: str) -> str:
    return "lower is better" if smaller_is_better(metric) else "higher is better"
