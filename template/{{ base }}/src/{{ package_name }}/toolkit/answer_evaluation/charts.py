"""The chart of a search.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

from matplotlib.figure import Figure

from ..charts.style import BLUE, GREY, INK, canvas, caption, readable
from ..evaluation.display import cell, percent
from . import labels  # noqa: F401  metric_label knows the names of ranking scores from here

Json = dict[str, Any]


def places(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the rank of the first relevant document, for the chosen model and the baseline."""
    content = metrics.get("places")
    if not content:
        return None
    chosen, baseline = content["chosen"], content["baseline"]
    total = max(sum(chosen), 1)
    title = (
        f"{percent(chosen[0] / total, 0)} of the questions find a relevant document first, "
        f"{percent(1 - chosen[-1] / total, 0)} in the first {len(chosen) - 1}; with "
        f"{cell(metrics['baseline_rung'], 20)} {percent(baseline[0] / total, 0)} and "
        f"{percent(1 - baseline[-1] / total, 0)}"
    )
    figure, axes = canvas(2.9, title)
    for shift, counts, colour, name in (
        (-0.2, chosen, BLUE, metrics["chosen_rung"]),
        (0.2, baseline, GREY, metrics["baseline_rung"]),
    ):
        at = [place + shift for place in range(len(counts))]
        axes.bar(at, counts, width=0.38, color=colour, label=cell(name, 30))
    names = [str(place) for place in range(1, len(chosen))] + ["none"]
    axes.set_xticks(range(len(chosen)), names, color=INK)
    axes.grid(axis="y")
    readable(axes, "y")
    axes.set_ylabel("Questions")
    axes.legend(loc="upper center")
    caption(figure, "Rank of the first relevant document; none: not in the first ten.")
    return figure
