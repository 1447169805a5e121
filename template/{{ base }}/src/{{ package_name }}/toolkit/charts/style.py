"""One look for every chart: colours that colour-blind readers can tell apart, little ink.

The palette is that of Okabe and Ito (2008, "Color Universal Design").
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

INK, MUTED, GRID, PAPER = "#1f2933", "#66707a", "#e3e6ea", "#ffffff"
BLUE, ORANGE, GREY, BAND = "#0072b2", "#d55e00", "#9aa3ac", "#dcebf5"
WIDTH = 6.4
DPI = 200
# What the page calls these colours, so that a chart follows its light or dark theme.
_THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    PAPER: "var(--paper)",
    BLUE: "var(--accent)",
    ORANGE: "var(--warn)",
    GREY: "var(--soft)",
    BAND: "var(--band)",
}
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.facecolor": PAPER,
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": MUTED,
    "savefig.dpi": DPI,
    "svg.fonttype": "none",
    "svg.hashsalt": "figures",
    "text.color": INK,
    # A column may be called `$x^`: no text is read as mathematics.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style; glyphs that the chart's font lacks are boxes, not warnings."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def canvas(height: float, title: str, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Return an empty chart of `width` by `height` inches under a title that states the finding."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure(figsize=(width, height), layout=layout)
    axes = figure.add_subplot()
    entitle(figure, title)
    return figure, axes


def grid_of(count: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return `count` empty squares without ticks, `columns` in a row, under a title."""
    rows = -(-count // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(WIDTH, 0.75 + rows * (WIDTH / columns + 0.34)), layout=layout)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place in places[count:]:
        place.set_axis_off()
    for place in places[:count]:
        place.set_xticks([])
        place.set_yticks([])
        place.spines[:].set_visible(False)
    entitle(figure, title)
    return figure, places[:count]


def entitle(figure: Figure, title: str) -> None:
    """Write the title, which states the finding, above the chart."""
    text = _wrap(title, int(figure.get_figwidth() * 10.6))
    figure.suptitle(text, x=0.012, ha="left", size=10.5, weight="bold", color=INK)


def caption(figure: Figure, text: str) -> None:
    """Write what is drawn, and how to read it, below the chart."""
    figure.supxlabel(
        _wrap(text, int(figure.get_figwidth() * 15.5)), x=0.012, ha="left", size=8.5, color=MUTED
    )


def readable(axes: Axes, which: str = "xy") -> None:
    """Write tick values as the tables do."""
    formatter = FuncFormatter(lambda value, _: f"{round(value, 12):,.6g}".replace("-", "−"))
    if "x" in which:
        axes.xaxis.set_major_formatter(formatter)
    if "y" in which:
        axes.yaxis.set_major_formatter(formatter)


def png(figure: Figure) -> bytes:
    """Render for a README: white paper, sharp at twice its size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure, name: str) -> str:
    """Render for the page: inline, in the page's font and colours, ids unique by `name`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", lambda tag: _retag(tag.group(), name), text)


def _retag(tag: str, name: str) -> str:
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="[^"]+"', tag)
        return f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box.group() if box else ""}>'
    tag = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", tag)
    tag = re.sub(r"font: ([^'\"]*?)'[^\"]*", r"font: \1var(--sans)", tag)
    for colour, variable in _THEME.items():
        tag = tag.replace(colour, variable)
    return tag


def _wrap(text: str, width: int) -> str:
    lines = [""]
    for word in text.replace(" %", "\N{NO-BREAK SPACE}%").split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines[:2])
