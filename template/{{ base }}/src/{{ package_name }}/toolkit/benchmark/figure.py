"""The latencies of a load, drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..charts.style import BLUE, INK, ORANGE, canvas, caption, png, readable, style


def draw(result: dict[str, Any], milliseconds: Sequence[float]) -> bytes:
    """Draw the share of answers by the time they took, as PNG.

    Parameters
    ----------
    result : dict
        What `reports/bench.json` holds.
    milliseconds : sequence of float
        In ascending order.
    """
    found, slowest = np.asarray(milliseconds), result["milliseconds"]
    with style(salt="bench"):
        figure, axes = canvas(
            2.8,
            f"Half of the answers take at most {slowest['p50']:.3g} ms, 99% at most "
            f"{slowest['p99']:.3g} ms",
        )
        shares = 100 * np.arange(1, len(found) + 1) / len(found)
        axes.plot(found, shares, color=BLUE, drawstyle="steps-post")
        for name, colour in (("p50", INK), ("p99", ORANGE)):
            axes.axvline(slowest[name], color=colour, lw=0.9, ls=(0, (4, 3)))
            axes.annotate(
                name, (slowest[name], 0.03), xycoords=("data", "axes fraction"), color=colour,
                xytext=(3, 0), textcoords="offset points",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(found[0] * 0.9, max(found[-1], slowest["p99"]) * 1.1)
        axes.set_ylabel("% of answers")
        axes.grid(axis="y")
        readable(axes, "x")
        machine = result["machine"]
        caption(
            figure,
            f"Milliseconds, logarithmic. {len(found):,} answers over {result['connections']} "
            f"connections in {result['seconds']:.0f} s; {machine['processor']}, {machine['cores']} cores.",
        )
        return png(figure)
