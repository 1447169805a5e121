"""What a replay shows: a line a month while it runs, then the figure and the README's block."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..charts.style import (
    BLUE,
    GREY,
    GRID,
    INK,
    MUTED,
    ORANGE,
    WIDTH,
    caption,
    entitle,
    png,
    style,
    svg,
)
from ..evaluation.display import lowered, metric_label, score, signed, signed_interval
from ..markdown import blocks
from ..monitoring.templates import render
from ..operations.settings import NAMES
from ..project.files import write_bytes, write_json, write_text

Json = dict[str, Any]
RESULT = Path("reports", "replay.json")
FIGURE = Path("reports", "replay.png")
BLOCK, MONTHS = (Path(__file__).with_name(name) for name in ("block.md.j2", "months.md.j2"))
DECISIONS = ("promoted", "refused")


def write(root: Path, result: Json) -> None:
    """Write `reports/replay.json`, the figure and the README's block, which `report` repeats."""
    markdown = block(result)
    write_json(root / RESULT, {**result, "markdown": markdown, "table": block(result, MONTHS)})
    write_bytes(root / FIGURE, png(figure(result)))
    write_text(root / FIGURE.with_suffix(".svg"), svg(figure(result)))
    blocks.refresh(root / "README.md", {"replay": markdown})


def line(month: Json) -> str:
    """One month as a sentence for the terminal."""
    count = len(month["alerts"])
    alarms = f"{count or 'no'} alarm{'s' if count > 1 else ''}"
    return (
        f"{month['month']}: {month['rows']:,} rows answered by version {month['version']} at "
        f"{month['rows_per_second']:,.0f} a second, {alarms}, {_decision(month)}."
    )


def headline(result: Json) -> str:
    """What the replay found, in one or two sentences."""
    months, gain = result["months"], result["gain"]
    watched = f"{months[0]['month']} to {months[-1]['month']}"
    if gain is None:
        refused = sum(month["decision"] == "refused" for month in months)
        why = "the monitor never advised a retraining that could be judged"
        if refused:
            why = f"{refused} challenger{'s were' if refused > 1 else ' was'} refused"
        return f"From {watched} the first model was never replaced: {why}."
    metric, bounds = lowered(result["metric"]), signed_interval(gain["interval"])
    versions = len({month["version"] for month in months if month["month"] >= gain["from"]})
    low, high = gain["interval"]
    verdict = "retraining gained nothing beyond chance"
    if low > 0 or high < 0:
        verdict = f"retraining {'paid' if low > 0 else 'cost quality'}"
    return (
        f"From {gain['from']} to {gain['to']}, {verdict}: the mean monthly {metric} was "
        f"{score(result['metric'], gain['score'])} with {versions} new "
        f"version{'s' if versions > 1 else ''}, and would have been "
        f"{score(result['metric'], gain['first_model_score'])} with the first model alone "
        f"({signed(gain['gain'])}, 95% interval {bounds})."
    )


def block(result: Json, template: Path = BLOCK) -> str:
    """The README's block as Markdown, or another template."""
    delay = result["label_delay_months"]
    return render(
        template,
        result=result,
        headline=headline(result),
        title=_title(result),
        picture=FIGURE.as_posix(),
        late=f"{delay} month{'s' if delay != 1 else ''} later" if delay else "at once",
        label=metric_label,
        score=score,
        alarms=_alarms,
        decision=_decision,
    )


def figure(result: Json) -> Figure:
    """The replay: scores, alarms and decisions over the months."""
    months = result["months"]
    with style():
        drawn = Figure(figsize=(WIDTH, 4.9), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
        entitle(drawn, _title(result))
        top, bottom = drawn.subplots(2, 1, sharex=True, height_ratios=[2.1, 1.3])
        _draw_scores(top, result)
        _draw_alerts(bottom, months)
        bottom.set_xticks(range(len(months)), [month["month"] for month in months])
        if len(months) > 8:
            bottom.tick_params(axis="x", labelrotation=30)
        caption(
            drawn,
            f"Above: {metric_label(result['metric'])} of each month's answers. Below: what the "
            "monitor alarmed on at the month's end.",
        )
        return drawn


def _draw_scores(axes: Axes, result: Json) -> None:
    months, metric = result["months"], result["metric"]
    sign = -1.0 if metric.startswith("neg_") else 1.0
    for key, colour, name in [
        ("first_model_score", GREY, "first model alone"),
        ("score", BLUE, "as served"),
    ]:
        values = [float("nan") if m[key] is None else sign * m[key] for m in months]
        axes.plot(range(len(months)), values, "o-", ms=4, lw=1.6, color=colour, label=name)
    for place, month in enumerate(months):
        if month["decision"] not in DECISIONS:
            continue
        promoted = month["decision"] == "promoted"
        # Decided at the month's end, so between it and the next.
        axes.axvline(place + 0.5, color=ORANGE if promoted else GRID, lw=1, ls="--", zorder=0)
        axes.annotate(
            f"v{month['challenger']}" if promoted else "refused",
            (place + 0.5, 1.01),
            xycoords=("data", "axes fraction"),
            ha="center",
            size=9,
            color=ORANGE if promoted else MUTED,
        )
    axes.set_xlim(-0.5, len(months) - 0.4)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.06), ncols=2, borderpad=0)


def _draw_alerts(axes: Axes, months: list[Json]) -> None:
    for row, name in enumerate(NAMES):
        for place, month in enumerate(months):
            count = sum(alert["monitor"] == name for alert in month["alerts"])
            colour = ORANGE if count else GRID
            axes.plot(place, row, "s", ms=12, color=colour, mec="none")
            if count:
                axes.annotate(
                    str(count), (place, row), ha="center", va="center", size=9, color="white"
                )
    axes.set_yticks(range(len(NAMES)), NAMES, color=INK)
    axes.set_ylim(len(NAMES) - 0.4, -0.6)
    axes.spines[["left", "bottom"]].set_visible(False)


def _title(result: Json) -> str:
    gain = result["gain"]
    if gain is None:
        return "The first model was never replaced"
    name = metric_label(result["metric"])
    low, high = gain["interval"]
    if low <= 0 <= high:
        return f"{name} with retraining does not differ beyond chance: {signed(gain['gain'])}"
    verb = "gained" if low > 0 else "lost"
    return f"Retraining when advised {verb} {signed(abs(gain['gain']))[1:]} {lowered(result['metric'])}"


def _alarms(month: Json) -> str:
    counts = {name: sum(a["monitor"] == name for a in month["alerts"]) for name in NAMES}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "–"


def _decision(month: Json) -> str:
    if month["decision"] in DECISIONS:
        return f"v{month['challenger']} {month['decision']}"
    return str(month["decision"])
