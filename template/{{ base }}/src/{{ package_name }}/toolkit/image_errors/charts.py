"""The charts of images: what was mistaken, where the model looked, what disturbs it.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

import base64
import io
from typing import Any

import matplotlib.image
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ..charts.figures import Charts
from ..charts.style import BLUE, DASHED, INK, MUTED, ORANGE, WIDTH, caption, entitle, rows
from ..evaluation.display import cell, percent

Json = dict[str, Any]
COLUMNS = 6


def mistakes(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the images whose class was given the least probability."""
    cases = [case for case in metrics.get("worst") or [] if case.get("picture")]
    wrong = [case for case in cases if case["truth"] != case["prediction"]]
    shown = (wrong or cases)[: 3 * COLUMNS]
    if not shown:
        return None
    title = (
        "The most confident mistakes: true class → prediction"
        if wrong
        else "No mistakes: the images that were hardest"
    )
    figure, axes = _grid_of(len(shown), COLUMNS, title)
    for place, case in zip(axes, shown, strict=True):
        place.imshow(_pixels(case["picture"]), interpolation="nearest")
        words = f"{cell(case['truth'], 11)} → {cell(case['prediction'], 11)}"
        place.set_title(words, size=8.5, color=INK, loc="center", pad=3, weight="normal")
        place.set_xlabel(percent(case["confidence"], 0), size=8, color=MUTED, labelpad=2)
    caption(figure, "Below each image: the confidence of the prediction.")
    return figure


def explanations(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw where covering a part of the image changes the prediction."""
    found = metrics.get("explanations") or []
    if not found:
        return None
    figure, axes = _grid_of(
        2 * len(found),
        len(found),
        "Where the model looks: covering the red parts costs the prediction",
    )
    for column, case in enumerate(found):
        picture, heat = _pixels(case["picture"]), np.array(case["heat"])
        most = max(float(np.abs(heat).max()), 1e-9)
        height, width = picture.shape[:2]
        above, below = axes[column], axes[len(found) + column]
        above.imshow(picture, interpolation="nearest")
        words = f"{cell(case['truth'], 11)} → {cell(case['prediction'], 11)}"
        above.set_title(words, size=8.5, color=INK, loc="center", pad=3, weight="normal")
        below.imshow(picture, interpolation="nearest", extent=(0, width, height, 0), alpha=0.35)
        below.imshow(
            heat,
            cmap="RdBu_r",
            vmin=-most,
            vmax=most,
            alpha=0.65,
            extent=(0, width, height, 0),
            interpolation="bilinear",
        )
        below.set_xlabel(f"up to {percent(most, 0)}", size=8, color=MUTED, labelpad=2)
    caption(
        figure,
        "Occlusion: how far the prediction's probability falls (red) or rises (blue) without each part.",
    )
    return figure


def robustness(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the accuracy lost under each corruption."""
    found = (metrics.get("robustness") or {}).get("rows")
    if not found:
        return None
    worst = max(found, key=lambda row: row["drop"])
    title = (
        f"{worst['corruption'].capitalize()} ({worst['severity']}) costs most: accuracy falls from "
        f"{percent(worst['accuracy'] + worst['drop'], 0)} to {percent(worst['accuracy'], 0)}"
        if worst["ci"][0] > 0
        else "No corruption costs accuracy beyond chance"
    )
    figure, axes = rows(
        [f"{row['corruption']}, {row['severity']}" for row in found],
        title,
        "Accuracy lost, in percentage points; 95% CI, paired by image "
        f"({found[0]['n']:,} test images). Orange: beyond chance.",
    )
    for place, row in enumerate(found):
        colour = ORANGE if row["ci"][0] > 0 else BLUE
        axes.plot([100 * bound for bound in row["ci"]], [place] * 2, color=colour, lw=2, alpha=0.55)
        axes.plot(100 * row["drop"], place, "o", ms=5.5, color=colour)
    axes.axvline(0, color=INK, lw=1, ls=DASHED)
    return figure


def _grid_of(count: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return `count` empty squares without ticks, `columns` in a row, under a title."""
    lines = -(-count // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(WIDTH, 0.75 + lines * (WIDTH / columns + 0.34)), layout=layout)
    places = list(figure.subplots(lines, columns, squeeze=False).flat)
    for place in places:
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
    entitle(figure, title)
    return figure, places[:count]


IMAGES: Charts = {
    "mistakes": mistakes,
    "explanations": explanations,
    "robustness": robustness,
}


def _pixels(url: str) -> NDArray[Any]:
    content = base64.b64decode(url.partition(",")[2])
    pixels = matplotlib.image.imread(io.BytesIO(content), format="png")
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
