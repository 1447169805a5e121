"""The charts of images: what they show, what was mistaken, where the model looked, what disturbs it.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

import base64
import io
from pathlib import Path
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
from ..project.files import write_text

Json = dict[str, Any]
COLUMNS = 4


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
        words = f"{cell(case['truth'], 12)}\n→ {cell(case['prediction'], 12)}"
        place.set_title(words, size=9.5, color=INK, loc="center", pad=3, weight="normal")
        place.set_xlabel(percent(case["confidence"], 0), size=9, color=MUTED, labelpad=2)
    caption(figure, "Below each image: the confidence of the prediction.")
    return figure


def samples(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw test images of each class, a class a row."""
    found = metrics.get("samples") or []
    classes = list(dict.fromkeys(case["truth"] for case in found))
    if not found:
        return None
    figure, axes = _grid_of(
        COLUMNS * len(classes), COLUMNS, f"What {len(classes)} classes look like, drawn at random"
    )
    for line, name in enumerate(classes):
        cases = [case for case in found if case["truth"] == name]
        row = axes[line * COLUMNS : (line + 1) * COLUMNS]
        label = f"{cell(name, 26)}: {cases[0]['n']:,} test images"
        row[0].set_title(label, size=9.5, color=INK, loc="left", pad=3, weight="normal")
        for place, case in zip(row, cases, strict=False):
            place.imshow(_pixels(case["picture"]), interpolation="nearest")
    return figure


def example(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw one image and nothing else: what the README's request sends."""
    cases = [case for case in metrics.get("worst") or [] if case.get("picture")]
    if not cases:
        return None
    figure = Figure(figsize=(1, 1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(_pixels(cases[0]["picture"]), interpolation="nearest")
    axes.set_axis_off()
    return figure


def explanations(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw where covering a part of the image changes the prediction."""
    found = metrics.get("explanations") or []
    if not found:
        return None
    columns = min(len(found), 3)  # more would be too small for their words on a phone
    lines = -(-len(found) // columns)
    figure, axes = _grid_of(
        2 * lines * columns,
        columns,
        "Where the model looks: covering the red parts costs "
        + (f"“{cell(one, 20)}”" if (one := _explained_class(found)) else "the prediction"),
    )
    for number, case in enumerate(found):
        picture, heat = _pixels(case["picture"]), np.array(case["heat"])
        most = max(float(np.abs(heat).max()), 1e-9)
        height, width = picture.shape[:2]
        line, column = divmod(number, columns)
        above, below = (axes[(2 * line + row) * columns + column] for row in (0, 1))
        above.imshow(picture, interpolation="nearest")
        words = f"{cell(case['truth'], 12)}\n→ {cell(case['prediction'], 12)}"
        above.set_title(words, size=9.5, color=INK, loc="center", pad=3, weight="normal")
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
        below.set_xlabel(f"up to {percent(most, 0)}", size=9, color=MUTED, labelpad=2)
    caption(
        figure,
        "Above: truth → decision. Below: how far the probability falls (red) or rises (blue) where a part is "
        "blurred, and by how much at most.",
    )
    return figure


def _explained_class(found: list[Json]) -> str | None:
    names = {case["explained"] for case in found}
    return names.pop() if len(names) == 1 else None


def robustness(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the balanced accuracy lost under each corruption."""
    found = (metrics.get("robustness") or {}).get("rows")
    if not found:
        return None
    worst = max(found, key=lambda row: row["drop"])
    title = (
        f"{worst['corruption'].capitalize()} ({worst['severity']}) costs most: balanced accuracy "
        f"falls from {percent(worst['balanced_accuracy'] + worst['drop'], 0)} to "
        f"{percent(worst['balanced_accuracy'], 0)}"
        if worst["ci"] and worst["ci"][0] > 0
        else "No corruption costs balanced accuracy beyond chance"
    )
    figure, axes = rows(
        [f"{row['corruption']}, {row['severity']}" for row in found],
        title,
        "Balanced accuracy lost, in percentage points; 95% CI, paired by image "
        f"({found[0]['n']:,} test images). Orange: beyond chance.",
    )
    for place, row in enumerate(found):
        bounds = row["ci"] or [row["drop"]] * 2
        colour = ORANGE if row["ci"] and bounds[0] > 0 else BLUE
        axes.plot([100 * bound for bound in bounds], [place] * 2, color=colour, lw=2, alpha=0.55)
        axes.plot(100 * row["drop"], place, "o", ms=5.5, color=colour)
    axes.axvline(0, color=INK, lw=1, ls=DASHED)
    return figure


def _grid_of(count: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return `count` empty squares without ticks, `columns` in a row, under a title."""
    lines = -(-count // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(WIDTH, 0.75 + lines * (WIDTH / columns + 0.5)), layout=layout)
    places = list(figure.subplots(lines, columns, squeeze=False).flat)
    for place in places:
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(False)
    entitle(figure, title)
    return figure, places[:count]


IMAGES: Charts = {"robustness": robustness}
# These show images: they lie in a folder of their own, with what the images' licence asks for.
PICTURES: Charts = {
    "samples": samples,
    "mistakes": mistakes,
    "explanations": explanations,
    "example": example,
}


def write_notice(data: Json, folder: Path) -> None:
    """Write NOTICE.md into the folder of the figures that show images, where the data has a notice."""
    about, file = data.get("about") or {}, folder / "NOTICE.md"
    if "notice" not in about:
        file.unlink(missing_ok=True)
        return
    write_text(
        file,
        f"# Notice\n\n{about['notice']}\n\nThe figures in this folder show such images, and maps "
        "computed from them. They are under the same licence: "
        "<https://creativecommons.org/licenses/by-nc-sa/4.0/>. Changes: reduced in size, laid beside "
        f"each other, and covered with maps.\n\nCite: {about['citation']}.\n",
    )


def _pixels(url: str) -> NDArray[Any]:
    content = base64.b64decode(url.partition(",")[2])
    pixels = matplotlib.image.imread(io.BytesIO(content), format="png")
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
