"""The charts of documents, of a search and of answers.

A chart takes (data, ladder, metrics) and returns a figure, or None when its data is not there.
"""

from typing import Any

from matplotlib.figure import Figure

from ..charts.style import BLUE, DASHED, GREY, INK, canvas, caption, readable, rows
from ..evaluation.display import cell, number, percent
from . import labels  # noqa: F401  metric_label knows the names of ranking scores from here

Json = dict[str, Any]


def lengths(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw how long the documents are."""
    content = data.get("lengths")
    if not content or len(content["edges"]) < 3:
        return None
    low, median, high = content["quartiles"]
    figure, axes = canvas(
        2.6,
        f"Half of the documents have {number(round(low))} to {number(round(high))} {content['unit']}",
    )
    axes.stairs(content["counts"], content["edges"], fill=True, color=BLUE)
    axes.axvline(median, color=INK, lw=1, ls=DASHED)
    axes.set_xscale("log")
    axes.grid(axis="y")
    readable(axes)
    axes.minorticks_off()
    axes.set(
        xlabel=f"{content['unit'].capitalize()} of a document (dashed: the median)",
        ylabel="Documents",
    )
    return figure


def words(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw the words that most documents hold."""
    found, total = data.get("words"), data.get("rows_used")
    if not found or not total:
        return None
    figure, axes = rows(
        [cell(word, 24) for word, _ in found],
        f"“{cell(found[0][0], 24)}” is in {percent(found[0][1] / total, 0)} of the documents",
        "Share of the documents that hold a word; stop words are left out.",
    )
    bars = axes.barh(
        range(len(found)), [count / total for _, count in found], height=0.62, color=BLUE
    )
    axes.bar_label(bars, [percent(count / total, 0) for _, count in found], padding=4, color=INK)
    axes.set_xlim(0, 1.15 * found[0][1] / total)
    return figure


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


def risk_coverage(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw how many answers are wrong by how many questions are answered, and where the threshold lies."""
    content = metrics.get("selective")
    if not content:
        return None
    coverage, precision = content["goals"]["coverage"], content["goals"]["precision"]
    title = (
        f"{percent(coverage['share'], 0)} of the answerable questions are answered, "
        f"{percent(precision['share'], 0)} of the answers from a relevant document"
    )
    figure, axes = canvas(3.2, title)
    points = content["curve"]
    covered = [point["coverage"] for point in points]
    axes.plot(covered, [1 - point["precision"] for point in points], color=BLUE)
    axes.axhline(1 - precision["goal"], color=GREY, lw=1, ls=DASHED)
    if precision["share"] is not None:
        axes.plot([coverage["share"]], [1 - precision["share"]], "o", ms=6, color=INK)
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.set(xlabel="Answerable questions that are answered", ylabel="Answers that are wrong")
    axes.grid()
    readable(axes)
    caption(figure, "Dot: the threshold that training chose. Dashed: the most that was asked for.")
    return figure


def reliability(data: Json, ladder: Json, metrics: Json) -> Figure | None:
    """Draw how often what was found answers, by the confidence."""
    content = metrics.get("reliability")
    if not content:
        return None
    off, (_, by_chance) = content["ece"], content["ece_chance"]
    verdict = "no more than chance would be" if off <= by_chance else "more than chance would be"
    title = f"Confidences are off by {percent(off, 0)} on average, {verdict}"
    figure, axes = canvas(4.2, title, 4.0)
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls=DASHED)
    axes.axhline(content["base_rate"], color=GREY, lw=1, ls=":")
    predicted = [each["mean_predicted"] for each in content["bins"]]
    observed = [each["observed"] for each in content["bins"]]
    axes.plot(predicted, observed, "o-", ms=5, color=BLUE, clip_on=False)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set(
        xlabel="Confidence, in fifths of the questions", ylabel="Quoted from a relevant document"
    )
    axes.grid()
    readable(axes)
    return figure
