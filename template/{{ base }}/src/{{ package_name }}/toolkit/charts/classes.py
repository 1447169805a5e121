"""The charts of predicted classes.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from ..evaluation.display import case, class_label, lookup, number, percent
from .figures import Charts
from .style import BLUE, DASHED, GREY, canvas, readable

Json = dict[str, Any]
SQUARE = (4.0, 4.2)  # inches: width and height of a chart whose axes are shares


def confusion(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the confusion matrix as shares of each true class."""
    labels = metrics.get("labels")
    if not metrics.get("confusion_matrix") or not labels:
        return None
    counts = np.array(metrics["confusion_matrix"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    recalls = np.where(counts.sum(axis=1) > 0, np.diag(shares), 1)
    size, worst = len(counts), int(np.argmin(recalls))
    names = [class_label(data, label)[:18] for label in labels]
    title = f"{percent(recalls[worst], 0)} of class {names[worst]} are recognized"
    width = max(SQUARE[0], min(1.4 + 0.36 * size, 5.2))
    figure, axes = canvas(width, title + (", the fewest of any class" if size > 2 else ""), width)
    chart = ConfusionMatrixDisplay(shares, display_labels=names if size <= 26 else None)
    chart.plot(
        include_values=size <= 12,
        values_format=".0%",
        cmap="Blues",
        xticks_rotation="vertical" if size > 4 else "horizontal",
        ax=axes,
        colorbar=False,
        im_kw={"vmin": 0, "vmax": 1},
    )
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted", ylabel=f"True (each row: 100% of the {case(data)}s)")
    return figure


def roc(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the receiver operating characteristic."""
    area = lookup(metrics.get("chosen") or {}, "roc_auc")
    if not metrics.get("roc") or area is None:
        return None
    figure, axes = _square(
        f"A positive {case(data)} is ranked above a negative one {percent(area, 0)} of the time"
    )
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=DASHED)
    axes.plot(*zip(*metrics["roc"], strict=True), color=BLUE)
    axes.set(xlabel="False positive rate (dashed: chance)", ylabel="True positive rate (recall)")
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
    figure, axes = _square(
        f"To find half of the positives, {percent(1 - half[1], 0)} of the warnings are false alarms"
    )
    axes.axhline(base, color=GREY, lw=1, ls=DASHED)
    axes.plot(*zip(*points, strict=True), color=BLUE)
    axes.set(xlabel=f"Recall (dashed: share of positives, {percent(base, 0)})", ylabel="Precision")
    return figure


def calibration(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw observed frequency against predicted probability."""
    content = metrics.get("calibration") or {}
    bins = [each for each in content.get("bins") or [] if each.get("n")]
    if not bins or content.get("ece") is None:
        return None
    figure, axes = _square(
        f"Probabilities are off by {number(100 * content['ece'], 2)} percentage points on average"
    )
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=DASHED)
    predicted = [each["mean_predicted"] for each in bins]
    observed = [each["observed"] for each in bins]
    axes.plot(predicted, observed, "o-", ms=5, color=BLUE, clip_on=False)
    axes.set(xlabel="Predicted probability, in tenths of the data", ylabel="Observed share")
    return figure


def _square(title: str) -> tuple[Figure, Axes]:
    figure, axes = canvas(SQUARE[1], title, SQUARE[0])
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.grid()
    readable(axes)
    return figure, axes


CHARTS: Charts = {
    "confusion_matrix": confusion,
    "roc": roc,
    "precision_recall": precision_recall,
    "calibration": calibration,
}
