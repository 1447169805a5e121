"""The figures of the report, as PNG for the README and as SVG for the page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from .files import write_bytes
from .reporting import answer_charts, charts, picture_charts, search_charts, style

Json = dict[str, Any]

# In the order of the report. A figure is drawn only when its data is there.
CHARTS: dict[str, Callable[[Json, Json, Json], Figure | None]] = {
    "ladder": charts.ladder,
    "target": charts.target,
    "confusion_matrix": answer_charts.confusion,
    "roc": answer_charts.roc,
    "precision_recall": answer_charts.precision_recall,
    "predicted_actual": answer_charts.predicted_actual,
    "residuals": answer_charts.residuals,
    "threshold": answer_charts.threshold,
    "calibration": answer_charts.calibration,
    "learning_curve": charts.learning_curve,
    "importance": charts.importance,
    "slices": charts.slices,
    "mistakes": picture_charts.mistakes,
    "robustness": picture_charts.robustness,
    "explanations": picture_charts.explanations,
    "places": search_charts.places,
}


def draw_all(data: Json, ladder: Json, metrics: Json, folder: Path) -> list[Path]:
    """Draw every figure whose data is there.

    Parameters
    ----------
    data, ladder, metrics : dict
        The contents of `reports/data.json`, `ladder.json` and `metrics.json`.
    folder : Path
        Where `<name>.png` is written; figures that an earlier run left and this one does not
        draw are removed.

    Returns
    -------
    list of Path
        The files written.
    """
    written = []
    with style.style():
        for name, figure in _figures(data, ladder, metrics):
            path = folder / f"{name}.png"
            write_bytes(path, style.png(figure))
            written.append(path)
    for name in CHARTS:
        path = folder / f"{name}.png"
        if path not in written:
            path.unlink(missing_ok=True)
    return written


def draw_inline(data: Json, ladder: Json, metrics: Json) -> dict[str, str]:
    """Return the same figures as SVG elements to be put into the page, by name."""
    with style.style():
        return {name: style.svg(figure, name) for name, figure in _figures(data, ladder, metrics)}


def _figures(data: Json, ladder: Json, metrics: Json) -> Iterator[tuple[str, Figure]]:
    for name, draw in CHARTS.items():
        figure = draw(data, ladder, metrics)
        if figure is not None:
            yield name, figure
