"""The charts of the answers on the test set.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..evaluation.display import case, cell, lookup, money, number, percent, signed
from .style import BLUE, GREY, GRID, INK, MUTED, ORANGE, canvas, readable

Json = dict[str, Any]


def confusion(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the confusion matrix; shade is the share of the true class."""
    matrix, labels = metrics.get("confusion_matrix"), metrics.get("labels")
    if not matrix or not labels:
        return None
    size = len(matrix)
    totals = [max(sum(row), 1) for row in matrix]
    recalls = {
        place: matrix[place][place] / totals[place] for place in range(size) if sum(matrix[place])
    }
    worst = min(recalls, key=lambda place: recalls[place]) if recalls else 0
    title = (
        f"{percent(recalls.get(worst, 0.0), 0)} of the “{cell(labels[worst], 28)}” {case(data)}s are found"
        + (", the lowest share of any class" if size > 2 else "")
    )
    figure, axes = canvas(3.4 if size <= 3 else min(1.6 + 0.36 * size, 6.4), title)
    squares, colours = [], []
    for row in range(size):
        for column in range(size):
            share = matrix[row][column] / totals[row]
            if share:
                squares.append(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96))
                colours.append(to_rgba(BLUE if row == column else ORANGE, 0.06 + 0.74 * share))
            if size <= 3 or (size <= 12 and matrix[row][column]):
                text = f"{matrix[row][column]:,}"
                if size <= 3:
                    text += f"\n{percent(share)} of {cell(labels[row], 14)}"
                axes.text(column, row, text, ha="center", va="center", size=8.5)
    axes.add_collection(PatchCollection(squares, facecolors=colours, linewidths=0))
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    step = 1 if size <= 26 else 2
    shown = range(0, size, step)
    names = [cell(labels[place], 16) for place in shown]
    tilt = 0 if size <= 4 else 45 if size <= 12 else 90
    axes.set_xticks(shown, names, rotation=tilt, ha="right" if tilt == 45 else "center", color=INK)
    axes.set_yticks(shown, names, color=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    return figure


def roc(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the receiver operating characteristic."""
    points = metrics.get("roc")
    if not points:
        return None
    area = lookup(metrics.get("chosen", {}), "roc_auc")
    title = "ROC curve"
    if area is not None:
        title = f"A positive row is ranked above a negative one {percent(area, 0)} of the time"
    figure, axes = canvas(4.3, title, width=4.6)
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=(0, (4, 3)))
    axes.plot(*zip(*points, strict=True), color=BLUE, lw=1.8)
    _unit_square(axes)
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate (recall)")
    axes.annotate("by chance", (0.72, 0.66), rotation=40, size=8.5, color=MUTED, ha="center")
    return figure


def precision_recall(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw precision against recall, with the base rate as the line of no skill."""
    points = metrics.get("pr")
    if not points:
        return None
    # One recall has many precisions: the order of the points is the order of the thresholds.
    points = points if points[0][0] <= points[-1][0] else points[::-1]
    base = points[-1][1]
    half = min(points, key=lambda point: abs(point[0] - 0.5))
    title = f"To find half of the positives, {percent(half[1], 0)} of the alarms are right"
    figure, axes = canvas(4.3, title, width=4.6)
    axes.axhline(base, color=GREY, lw=1, ls=(0, (4, 3)))
    axes.plot(*zip(*points, strict=True), color=BLUE, lw=1.8)
    _unit_square(axes)
    axes.set_xlabel("Recall")
    axes.set_ylabel("Precision")
    axes.annotate(
        f"share of positives {percent(base, 0)}",
        (0.01, base),
        xytext=(0, -4 if base > 0.5 else 4),
        textcoords="offset points",
        size=8.5,
        color=MUTED,
        va="top" if base > 0.5 else "bottom",
    )
    return figure


def calibration(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw observed frequency against predicted probability."""
    content = metrics.get("calibration") or {}
    bins = [bin_ for bin_ in content.get("bins") or [] if bin_.get("n")]
    if not bins:
        return None
    error = content.get("ece")
    title = "Calibration"
    if error is not None:
        title = f"Probabilities are off by {number(100 * error, 2)} points on average"
    figure, axes = canvas(4.3, title, width=4.6)
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=(0, (4, 3)))
    predicted = [bin_["mean_predicted"] for bin_ in bins]
    observed = [bin_["observed"] for bin_ in bins]
    most = max(bin_["n"] for bin_ in bins)
    axes.plot(predicted, observed, color=BLUE, lw=1.4, clip_on=False)
    axes.scatter(
        predicted,
        observed,
        s=[14 + 70 * b["n"] / most for b in bins],
        color=BLUE,
        zorder=3,
        clip_on=False,
    )
    _unit_square(axes)
    axes.set_xlabel(f"Predicted probability (area of a dot: {case(data)}s)")
    axes.set_ylabel("Observed share")
    return figure


def threshold(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw what the decisions cost by threshold."""
    content = metrics.get("money") or {}
    points = content.get("curve")
    if not points:
        return None
    value, currency = content["value"], content.get("currency", "")
    title = f"Cost of the decisions by threshold; {number(value)} is chosen"
    if content.get("cost_at_threshold") is not None and content.get("cost_at_half") is not None:
        title = (
            f"The threshold {number(value)} costs {money(content['cost_at_threshold'], currency)}; "
            f"0.5 would cost {money(content['cost_at_half'], currency)}"
        )
    figure, axes = canvas(3.2, title)
    axes.plot(*zip(*points, strict=True), color=BLUE, lw=1.8)
    for x, colour, name in [(0.5, GREY, "0.5"), (value, ORANGE, "chosen")]:
        axes.axvline(x, color=colour, lw=1.2, ls=(0, (4, 3)))
        if name == "chosen" or abs(value - 0.5) > 0.06:
            axes.annotate(
                name,
                (x, 1),
                (4, -2),
                ("data", "axes fraction"),
                "offset points",
                va="top",
                color=MUTED,
            )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    readable(axes)
    axes.set_xlabel("Threshold on the probability")
    axes.set_ylabel(f"Cost ({currency})" if currency else "Cost")
    return figure


def predicted_actual(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw predicted against actual values."""
    points = metrics.get("residuals")
    if not points:
        return None
    errors = sorted(abs(point["actual"] - point["predicted"]) for point in points)
    title = f"Half of the predictions are within {number(errors[len(errors) // 2])} of the truth"
    figure, axes = canvas(4.3, title, width=4.6)
    low = min(min(point["predicted"], point["actual"]) for point in points)
    high = max(max(point["predicted"], point["actual"]) for point in points)
    axes.plot([low, high], [low, high], color=GREY, lw=1, ls=(0, (4, 3)))
    _scatter(axes, [point["actual"] for point in points], [point["predicted"] for point in points])
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("Actual (dashed: equal)")
    axes.set_ylabel("Predicted")
    return figure


def residuals(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw errors against predictions."""
    points = metrics.get("residuals")
    if not points:
        return None
    errors = [point["actual"] - point["predicted"] for point in points]
    mean = sum(errors) / len(errors)
    over = sum(error < 0 for error in errors) / len(errors)
    title = f"{percent(over, 0)} of the predictions are too high; the mean error is {signed(mean)}"
    figure, axes = canvas(4.3, title, width=4.6)
    axes.axhline(0, color=GREY, lw=1, ls=(0, (4, 3)))
    _scatter(axes, [point["predicted"] for point in points], errors)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("Actual − predicted")
    return figure


def _scatter(axes: Any, x: list[float], y: list[float]) -> None:
    axes.plot(x, y, "o", ms=3.6, color=BLUE, alpha=0.45, mec="none", ls="none")
    axes.grid()
    readable(axes)


def _unit_square(axes: Any) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.grid(color=GRID)
    readable(axes)
