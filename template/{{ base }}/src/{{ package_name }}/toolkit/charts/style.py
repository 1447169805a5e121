"""One look for every chart: colours that colour-blind readers can tell apart, little ink.

The palette is that of Okabe and Ito (2008, "Color Universal Design"), its vermilion darker: on white it
has the contrast of 4.5 that text needs.
"""

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

INK, MUTED, GRID = "#1f2933", "#66707a", "#e3e6ea"
BLUE, ORANGE, GREY, BAND = "#0072b2", "#b34f00", "#9aa3ac", "#dcebf5"
WIDTH = 4.4  # inches; on a phone 390 px wide a point is then about 1 px
DASHED = (0, (4, 3))
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.labelcolor": MUTED,
    "savefig.dpi": 200,  # sharp at twice its size
    "svg.fonttype": "none",
    "text.color": INK,
    # A column may be called `$x^`: no text is read as mathematics.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}


@contextmanager
def style(salt: str = "figures") -> Iterator[None]:
    """Draw in the house style; glyphs that the chart's font lacks are boxes, not warnings.

    Parameters
    ----------
    salt : str
        What the ids of an SVG are made from, so that they are the same in every run.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def canvas(height: float, title: str, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Return an empty chart of `width` by `height` inches under a title that states the finding."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    entitle(figure, title)
    return figure, figure.add_subplot()


def rows(names: Sequence[str], title: str, note: str, extra: float = 1.2) -> tuple[Figure, Axes]:
    """Return a chart with one named row below the other, and a note on how to read it."""
    figure, axes = canvas(extra + 0.29 * len(names), title)
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines[["left"]].set_visible(False)
    axes.grid(axis="x")
    readable(axes, "x")
    caption(figure, note)
    return figure, axes


def entitle(figure: Figure, title: str) -> None:
    """Write the title, which states the finding, above the chart."""
    text = _wrapped(title, figure.get_figwidth() * 9.6)
    figure.suptitle(text, x=0.012, ha="left", size=11.5, weight="bold")


def caption(figure: Figure, text: str) -> None:
    """Write what is drawn, and how to read it, below the chart."""
    lines = _wrapped(text, figure.get_figwidth() * 13.6)
    figure.supxlabel(lines, x=0.012, ha="left", size=9.5, color=MUTED)


def readable(axes: Axes, which: str = "xy") -> None:
    """Write tick values as the tables do; thousands are separated where it cannot be a year."""

    def text(value: float, position: Any) -> str:
        shown = f"{round(value, 12):,.6g}" if abs(value) >= 10_000 else f"{round(value, 12):.6g}"
        return shown.replace("-", "−")

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(FuncFormatter(text))


def png(figure: Figure) -> bytes:
    """Render for a README."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """Render for the page, which the element is put into."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue().partition("<svg")[2].join(["<svg", ""])


def _wrapped(text: str, width: float) -> str:
    return "\n".join(textwrap.wrap(text, int(width), max_lines=3, placeholder=" …"))
