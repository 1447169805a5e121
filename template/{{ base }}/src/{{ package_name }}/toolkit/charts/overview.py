"""The charts of the climb and of the data, shared by every role.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure

from ..evaluation.display import (
    brief,
    case,
    cell,
    metric_label,
    number,
    percent,
    score,
    smaller_is_better,
)
from ..evaluation.judgements import clearly_worse, still_rising
from .style import BAND, BLUE, GREY, INK, MUTED, ORANGE, canvas, caption, readable

Json = dict[str, Any]


def ladder(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the scores of every rung by fold, their mean, and the band of the rule."""
    rungs = ladder.get("rungs")
    if not rungs:
        return None
    metric, chosen = ladder["metric"], ladder.get("chosen")
    sign = -1.0 if metric.startswith("neg_") else 1.0
    best = max(rungs, key=lambda rung: rung["mean"])
    error = ladder.get("standard_error") or best["std"] / max(len(best["scores"]), 1) ** 0.5
    earned = best["name"] == chosen
    name = _sentence(cell(chosen))
    title = (
        f"{name} has the best mean; nothing simpler comes within one standard error"
        if earned
        else f"{name} is within one standard error of the best, and simpler"
    )
    figure, axes = canvas(1.35 + 0.36 * len(rungs), title)
    axes.axvspan(sign * (best["mean"] - error), sign * best["mean"], color=BAND, lw=0)
    for place, rung in enumerate(rungs):
        colour = BLUE if rung["name"] == chosen else GREY
        scores = [sign * value for value in rung["scores"]]
        axes.plot(scores, [place] * len(scores), "o", ms=4, mfc="none", mec=colour, mew=0.9)
        axes.plot(sign * rung["mean"], place, "D", ms=7, color=colour, mec="none")
        axes.annotate(
            score(metric, rung["mean"]),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=8.5,
            color=BLUE if rung["name"] == chosen else MUTED,
            weight="bold" if rung["name"] == chosen else "normal",
        )
    axes.set_yticks(range(len(rungs)), [cell(rung["name"], 34) for rung in rungs], color=INK)
    axes.set_ylim(len(rungs) - 0.4, -0.6)
    axes.spines[["left"]].set_visible(False)
    axes.grid(axis="x")
    readable(axes, "x")
    better = "lower is better" if smaller_is_better(metric) else "higher is better"
    caption(
        figure,
        f"{metric_label(metric)}, {better}. Circles: folds. Diamond: mean. "
        "Band: one standard error of the best.",
    )
    return figure


def learning_curve(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw training and validation scores by the number of training rows."""
    points = metrics.get("learning_curve") or []
    if len(points) < 2:
        return None
    metric = ladder.get("metric") or metrics.get("primary", {}).get("metric", "score")
    sign = -1.0 if metric.startswith("neg_") else 1.0
    title = (
        "More rows would probably still help: validation is improving at the right edge"
        if still_rising(ladder, points)
        else "More rows of the same kind would add little: validation has levelled off"
    )
    figure, axes = canvas(3.2, title)
    rows = [point["n"] for point in points]
    for key, colour, name in [("train", GREY, "training"), ("validation", BLUE, "validation")]:
        values = [sign * point[key] for point in points]
        axes.plot(rows, values, "o-", ms=4, color=colour, lw=1.6)
        axes.annotate(
            name,
            (rows[-1], values[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
        )
        spread = [point.get(f"{key}_std") or 0.0 for point in points]
        if any(spread):
            low = [value - width for value, width in zip(values, spread, strict=True)]
            high = [value + width for value, width in zip(values, spread, strict=True)]
            axes.fill_between(rows, low, high, color=colour, alpha=0.13, lw=0)
    axes.set_xlim(0, rows[-1] * 1.17)
    axes.grid(axis="y")
    readable(axes)
    axes.set_xlabel("Training rows")
    axes.set_ylabel(metric_label(metric))
    return figure


def importance(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw what shuffling each column costs."""
    rows = sorted(metrics.get("importance") or [], key=lambda row: -row["mean"])[:15]
    if not rows:
        return None
    first = cell(rows[0]["column"], 40)
    title = f"{first} matters most: shuffled, it raises the mean error by {brief(rows[0]['mean'])}"
    figure, axes = canvas(1.1 + 0.27 * len(rows), title)
    axes.barh(
        range(len(rows)),
        [row["mean"] for row in rows],
        xerr=[row.get("std") or 0.0 for row in rows],
        height=0.62,
        color=BLUE,
        error_kw={"ecolor": MUTED, "elinewidth": 1},
    )
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set_yticks(range(len(rows)), [cell(row["column"], 34) for row in rows], color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.spines[["left"]].set_visible(False)
    axes.grid(axis="x")
    readable(axes, "x")
    caption(
        figure,
        "Rise of the mean error when the column is shuffled. Bar: mean. Line: standard deviation.",
    )
    return figure


def slices(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the score of the weakest slices with their intervals, against all rows."""
    rows = [row for row in metrics.get("slices") or [] if row.get("score") is not None][:14]
    if not rows:
        return None
    metric = rows[0]["metric"]
    label = metric_label(metric)
    overall = rows[0]["score"] - (rows[0].get("gap") or 0.0)
    worse = [row for row in rows if clearly_worse(row)]
    title = "No slice is clearly weaker than the whole"
    if worse:
        where = f"{cell(worse[0]['column'], 22)} = {cell(worse[0]['value'], 18)}"
        value = score(metric, worse[0]["score"])
        title = f"Weakest: {where}, {label} {value} against {score(metric, overall)} on all {case(data)}s"
    figure, axes = canvas(1.2 + 0.27 * len(rows), title)
    axes.axvline(overall, color=INK, lw=1, ls=(0, (4, 3)))
    for place, row in enumerate(rows):
        colour = ORANGE if clearly_worse(row) else BLUE
        bounds = row.get("ci") or [row["score"]] * 2
        axes.plot(bounds, [place] * 2, color=colour, lw=2, alpha=0.55, solid_capstyle="round")
        axes.plot(row["score"], place, "o", ms=5.5, color=colour)
    names = [
        f"{cell(row['column'], 22)} = {cell(row['value'], 18)}  (n {row['n']:,})" for row in rows
    ]
    axes.set_yticks(range(len(rows)), names, color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.spines[["left"]].set_visible(False)
    axes.grid(axis="x")
    readable(axes, "x")
    better = "lower is better" if smaller_is_better(metric) else "higher is better"
    caption(
        figure,
        f"{label}, {better}; 95 % interval. Dashed: all test {case(data)}s. Orange: clearly worse than them.",
    )
    return figure


def target(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the class balance, or the distribution of a numeric target."""
    content = data.get("target") or {}
    histogram, counts = content.get("histogram"), content.get("classes")
    if histogram:
        edges, heights = histogram["edges"], histogram["counts"]
        title = f"{cell(content.get('name', 'The target'), 40)}: mean {number(content.get('mean'))}"
        figure, axes = canvas(2.6, title)
        widths = [high - low for low, high in pairwise(edges)]
        axes.bar(edges[:-1], heights, width=widths, align="edge", color=BLUE, ec="white", lw=0.5)
        axes.grid(axis="y")
        readable(axes)
        axes.set_xlabel(cell(content.get("name", "target"), 60))
        axes.set_ylabel("Rows")
        return figure
    if not counts:
        return None
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    total = max(sum(counts.values()), 1)
    title = (
        f"{percent(ordered[0][1] / total, 0)} of the {case(data)}s are “{cell(ordered[0][0], 32)}”"
    )
    if len(ordered) > 2:
        title += f"; the rarest of {len(ordered)} classes has {ordered[-1][1]:,} {case(data)}s"
    shown = ordered if len(ordered) <= 20 else ordered[:12] + ordered[-6:]
    figure, axes = canvas(0.9 + 0.28 * len(shown), title)
    axes.barh(range(len(shown)), [count for _, count in shown], height=0.62, color=BLUE)
    for place, (_, count) in enumerate(shown):
        text = f"{count:,}  ({percent(count / total)})"
        axes.annotate(
            text,
            (count, place),
            (5, 0),
            textcoords="offset points",
            va="center",
            color=MUTED,
            size=8.5,
        )
    axes.set_yticks(range(len(shown)), [cell(name, 30) for name, _ in shown], color=INK)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, ordered[0][1] * 1.2)
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
