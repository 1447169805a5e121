"""The figures of a run, drawn once by `evaluate`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..project.files import write_bytes, write_text
from . import overview, style

Json = dict[str, Any]
# A chart takes data.json, ladder.json and metrics.json, and gives None where its data is not there.
Chart = Callable[[Json, Json, Json], Figure | None]
Charts = Mapping[str, Chart]

COMPARISON: Charts = {
    "target": overview.target,
    "ladder": overview.ladder,
    "learning_curve": overview.learning_curve,
    "slices": overview.slices,
}


def draw_all(charts: Charts, data: Json, ladder: Json, metrics: Json, folder: Path) -> list[Path]:
    """Draw every figure whose data is there, as PNG for the README and as SVG for the page.

    Parameters
    ----------
    charts : mapping of str to callable
        By the name of the figure's files.
    data, ladder, metrics : dict
        The contents of `reports/data.json`, `ladder.json` and `metrics.json`.
    folder : Path
        Where `<name>.png` and `<name>.svg` are written; figures that an earlier run left and this
        one does not draw are removed.

    Returns
    -------
    list of Path
        The PNG files.
    """
    written = []
    for name, draw in charts.items():
        with style.style(salt=name):
            figure = draw(data, ladder, metrics)
            if figure is None:
                continue
            write_bytes(folder / f"{name}.png", style.png(figure))
            write_text(folder / f"{name}.svg", style.svg(figure))
            written.append(folder / f"{name}.png")
    names = {path.stem for path in written}
    for path in [*folder.glob("*.png"), *folder.glob("*.svg")]:
        if path.stem not in names:
            path.unlink()
    return written
