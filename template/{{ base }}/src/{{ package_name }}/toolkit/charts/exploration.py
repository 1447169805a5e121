"""The charts of a table's training rows: by class, in pairs, missing together, over time.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..evaluation.display import case, cell, class_label, number, percent
from .figures import Charts
from .style import BLUE, GREY, INK, MUTED, ORANGE, WIDTH, canvas, caption, entitle, readable, rows

Json = dict[str, Any]
COLOURS = (BLUE, ORANGE, GREY, INK)
MOST_PAIRED = 10


def distributions(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw how the columns that differ most by class are spread in each."""
    found = (data.get("exploration") or {}).get("by_class")
    if not found:
        return None
    lines = -(-len(found) // 2)
    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.07)
    figure = Figure(figsize=(WIDTH, 1.4 + 1.5 * lines), layout=layout)
    entitle(figure, f"{cell(found[0]['column'], 40)} differs most by {_target(data)}")
    heights = [0.2, *[1] * lines]
    legend, beside, *places = figure.subplots(
        lines + 1, 2, squeeze=False, height_ratios=heights
    ).flat
    for axes, entry in zip(places, found, strict=False):
        axes.set_title(cell(entry["column"], 24), size=9.5, color=INK, loc="left", weight="normal")
        for (name, shares), colour in zip(entry["shares"].items(), COLOURS, strict=False):
            label = cell(class_label(data, name), 24)
            if "levels" in entry:
                axes.plot(shares, range(len(shares)), "o", ms=5, color=colour, label=label)
            else:
                axes.stairs(shares, entry["edges"], color=colour, lw=1.5, label=label)
        if "levels" in entry:
            axes.set_yticks(
                range(len(entry["levels"])), [cell(name, 9) for name in entry["levels"]]
            )
            axes.set_ylim(len(entry["levels"]) - 0.5, -0.5)
            axes.grid(axis="y")
        readable(axes, "x" if "levels" in entry else "xy")
        axes.tick_params(labelsize=8.5)
    for axes in [legend, beside, *places[len(found) :]]:
        axes.set_axis_off()
    shown = places[0].get_legend_handles_labels()
    legend.legend(*shown, loc="center left", ncols=2, fontsize=9.5).set_in_layout(False)
    caption(figure, f"Shares of the training {case(data)}s of a class. Dots: the commonest values.")
    return figure


def correlations(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw how closely the columns that say most of the target go together."""
    content = data.get("exploration") or {}
    if not content.get("pairs"):
        return None
    names = [row["column"] for row in content["with_target"]][:MOST_PAIRED]
    matrix = np.full((len(names), len(names)), np.nan)
    for pair in content["pairs"]:
        if set(pair["columns"]) <= set(names):
            first, second = sorted(map(names.index, pair["columns"]))
            matrix[second, first] = pair["value"]
    most = content["pairs"][0]
    figure, axes = canvas(
        1.9 + 0.3 * len(names),
        f"{' and '.join(cell(name, 24) for name in most['columns'])} go together most: "
        f"{most['measure']} {number(most.get('signed', most['value']), 2)}",
    )
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(np.isfinite(matrix)):
        value = matrix[row, column]
        axes.text(
            column, row, f"{100 * value:.0f}", ha="center", va="center", size=8.5,
            color="white" if value > 0.6 else INK,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), [cell(name, 18) for name in names])
    axes.set_xticks(range(len(names)), [cell(name, 14) for name in names], rotation=90)
    axes.spines[:].set_visible(False)
    caption(figure, "In hundredths: 0 is no relation, 100 is all.")
    return figure


def missing_together(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw in which columns rows lack their values at once."""
    content = data.get("exploration") or {}
    found = (content.get("missing") or {}).get("patterns")
    if not found:
        return None
    missing = content["missing"]
    figure, axes = rows(
        [_few(pattern["columns"]) for pattern in found],
        f"{percent(1 - missing['complete'], 0)} of the training {case(data)}s lack a value, most often of "
        f"{_few(found[0]['columns'])}",
        f"Training {case(data)}s in which just these columns are missing.",
    )
    bars = axes.barh(
        range(len(found)), [pattern["rows"] for pattern in found], height=0.62, color=BLUE
    )
    labels = [percent(pattern["rows"] / content["rows"]) for pattern in found]
    axes.bar_label(bars, labels, padding=4, color=MUTED)
    axes.set_xlim(0, 1.25 * found[0]["rows"])
    axes.locator_params(axis="x", nbins=4)
    return figure


def over_time(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the target over the time of the training rows."""
    content = (data.get("exploration") or {}).get("over_time")
    if not content:
        return None
    name, values = _drawn_over_time(data, content)[0]
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    share = bool(name)
    said = (lambda value: percent(value, 0)) if share else number
    what = (
        f"{_target(data)} = {cell(class_label(data, name), 24)}"
        if share
        else f"Mean {_target(data)}"
    )
    figure, axes = canvas(
        2.8, f"{what}: between {said(min(known))} and {said(max(known))} over time"
    )
    starts = content["from"]
    places = np.array(starts, "datetime64[s]") if isinstance(starts[0], str) else np.array(starts)
    for (name, values), colour in zip(_drawn_over_time(data, content), COLOURS, strict=False):
        points = np.array([np.nan if value is None else value for value in values])
        axes.plot(places, points, color=colour, label=cell(class_label(data, name), 24))
    if isinstance(starts[0], str):
        locator = AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    readable(axes, "y" if isinstance(starts[0], str) else "xy")
    axes.grid(axis="y")
    axes.set_ylabel(f"Share of the {case(data)}s" if share else _target(data))
    if len(_drawn_over_time(data, content)) > 1:
        axes.legend(fontsize=9.5)
    caption(figure, f"Training {case(data)}s in {len(starts)} spans of equal length.")
    return figure


def _drawn_over_time(data: Json, content: Json) -> list[tuple[str, list[Any]]]:
    """Of two classes the positive one says all."""
    values = content["values"]
    positive = str((data.get("target") or {}).get("positive"))
    return [(positive, values[positive])] if positive in values else list(values.items())


def _few(names: list[str]) -> str:
    rest = f" + {len(names) - 2}" if len(names) > 2 else ""
    return ", ".join(cell(name, 13 if len(names) > 1 else 30) for name in names[:2]) + rest


def _target(data: Json) -> str:
    return cell((data.get("target") or {}).get("name", "target"), 40)


CHARTS: Charts = {
    "distributions": distributions,
    "correlations": correlations,
    "missing_together": missing_together,
    "over_time": over_time,
}
