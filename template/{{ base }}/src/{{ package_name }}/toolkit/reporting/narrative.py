"""The sentences of the report, written once for the page, the README and the model card.

Every sentence is plain text built from the run's files and returns "" when its data is missing.
"""

from dataclasses import dataclass

from ..evaluation.display import (
    brief,
    cell,
    interval,
    listing,
    lowered,
    metric_label,
    money,
    number,
    plural,
    score,
    signed,
    signed_interval,
    smaller_is_better,
)
from ..evaluation.judgements import still_rising
from .run import Run


def sentence(text: str) -> str:
    """Start with a capital letter."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Tile:
    """One number of the summary: what it is, its value, what to compare it with."""

    name: str
    value: str
    note: str = ""


def tiles(run: Run) -> list[Tile]:
    """Return the few numbers that stand at the top of the page."""
    label, value, other = metric_label(run.metric), run.test("chosen"), run.test("baseline")
    made = []
    if value is not None:
        bounds = interval(run.interval())
        note = f"95 % interval {bounds}" if bounds else direction(run)
        made.append(Tile(f"{label} on the test set", score(run.metric, value), note))
    if other is not None:
        made.append(Tile("Baseline", score(run.metric, other), cell(run.baseline, 40)))
    gain = run.rung(run.chosen)
    if gain and run.chosen != run.ladder["rungs"][0]["name"]:
        note = f"{signed_interval(gain.get('gain_ci'))} under cross-validation"
        made.append(Tile("Gain over the first rung", signed(gain.get("gain")), note))
    content = run.metrics.get("money") or {}
    if content.get("saving_per_1000") is not None:
        amount = money(content["saving_per_1000"], content.get("currency", ""))
        made.append(Tile("Saved per 1,000 rows", amount, "by the threshold, against 0.5"))
    if run.metrics.get("test_openings") is not None:
        count = run.metrics["test_openings"]
        note = "as it should be" if count == 1 else "more than once flatters"
        made.append(Tile("Test set opened", "once" if count == 1 else f"{count} times", note))
    return made


def problem(run: Run) -> str:
    """Say what is predicted, of what."""
    if run.about:
        return str(run.about["problem"])
    columns = [column for column in run.data.get("columns") or [] if column.get("used")]
    kinds = {
        "binary": "which of two classes a row belongs to",
        "multiclass": "which class a row belongs to",
        "regression": "a number",
    }
    return (
        f"Predict “{cell(run.target, 60)}” ({kinds.get(run.task, run.task)}) from "
        f"{plural(len(columns), 'column')} of {cell(run.data.get('source'), 120)}."
    )


def approach(run: Run) -> list[str]:
    """Say how data became a model, a sentence a step."""
    rungs = run.ladder["rungs"]
    steps = [
        str(run.about.get("approach") or ""),
        rows(run),
        split(run),
        "One schema, inferred from the training data, checks training, batch prediction and the "
        "service."
        if any(column.get("used") for column in run.data.get("columns") or [])
        else "",
        f"The ladder has {plural(len(rungs), 'rung')}, from {cell(rungs[0]['name'])} to "
        f"{cell(rungs[-1]['name'])}, all judged on the same {run.ladder['folds']} folds.",
        openings(run),
    ]
    return [step for step in steps if step]


def headline(run: Run) -> str:
    """Say what the model reaches on the test set, with its interval, and what the baseline does."""
    value, label = run.test("chosen"), metric_label(run.metric)
    if value is None:
        return f"{sentence(cell(run.chosen))} is the chosen model."
    bounds = interval(run.interval())
    text = f"{sentence(cell(run.chosen))} reaches {label} {score(run.metric, value)}"
    text += f" (95 % interval {bounds})" if bounds else ""
    count = run.metrics.get("n_ranked") or run.metrics["n_test"]
    text += f" on {plural(count, f'test {run.case}')}"
    other = run.test("baseline")
    if other is None:
        return text + "."
    return text + f"; the baseline, {cell(run.baseline)}, reaches {score(run.metric, other)}."


def baseline_verdict(run: Run) -> str:
    """Say whether the gain over the baseline is beyond chance."""
    gain = run.test_gain()
    bounds = gain.get("ci")
    if not bounds:
        return ""
    better = bounds[0] > 0
    text = f"The gain over the baseline is {signed(gain.get('value'))} ({signed_interval(bounds)})"
    if better:
        return text + ": more than chance explains."
    return text + ": the interval holds zero, so do not claim that the model beats the baseline."


def choice(run: Run) -> str:
    """Say which rung ships and why."""
    best, error = run.best(), run.standard_error()
    shown = f"{metric_label(run.metric)} {score(run.metric, best['mean'])}"
    if best["name"] == run.chosen:
        return (
            f"{sentence(cell(run.chosen))} has the best mean under cross-validation ({shown}), and "
            f"no simpler rung comes within one standard error ({number(error, 2)}) of it."
        )
    mine = score(run.metric, run.rung(run.chosen).get("mean"))
    return (
        f"The simpler model wins: {cell(run.chosen)} ({mine}) is within one standard error "
        f"({number(error, 2)}) of the best rung, {cell(best['name'])} ({shown}), so the simpler "
        "one ships."
    )


def ladder_gain(run: Run) -> str:
    """Say what the chosen rung gains over the first under cross-validation."""
    rung = run.rung(run.chosen)
    if not rung or rung is run.ladder["rungs"][0]:
        return ""
    text = (
        f"Under the same {run.ladder['folds']} folds it gains {signed(rung['gain'])} over "
        f"{cell(run.ladder['rungs'][0]['name'])}"
    )
    bounds = signed_interval(rung.get("gain_ci"))
    return text + (f" (95 % interval {bounds}, paired by fold)." if bounds else ".")


def random_split(run: Run) -> str:
    """Say what a random split would have claimed."""
    content = run.metrics.get("random_split")
    if not content:
        return ""
    if content.get("sentence"):
        return str(content["sentence"])
    return (
        f"Judged on random folds, {cell(content['rung'])} would have claimed "
        f"{metric_label(content['metric'])} {score(content['metric'], content['random_split'])} "
        f"instead of {score(content['metric'], content['time_split'])}: rows of the same days would "
        "lie on both sides."
    )


def snapshot(run: Run) -> str:
    """Say what is lost while the looked-up columns are not refreshed."""
    content = run.metrics.get("frozen_snapshot")
    if not content:
        return ""
    label = metric_label(content["metric"])
    return (
        f"With looked-up columns frozen at {day(content.get('as_of'))} instead of refreshed, "
        f"{label} is {score(content['metric'], content['frozen'])} instead of "
        f"{score(content['metric'], content['fresh'])}."
    )


def saving(run: Run) -> str:
    """Say what the chosen threshold saves against 0.5."""
    content = run.metrics.get("money") or {}
    if content.get("saving_per_1000") is None:
        return ""
    currency, costs = content.get("currency", ""), content.get("costs", {})
    value, per = content["value"], content["saving_per_1000"]
    priced = (
        f"With a false positive at {money(costs.get('false_positive'), currency)} and a false "
        f"negative at {money(costs.get('false_negative'), currency)}, the threshold "
        f"{brief(value)} "
    )
    if per > 0:
        return priced + f"saves {money(per, currency)} per 1,000 rows against 0.5."
    if per < 0:
        return priced + f"costs {money(-per, currency)} more per 1,000 test rows than 0.5."
    return priced + "costs the same on the test rows as 0.5."


def openings(run: Run) -> str:
    """Say how often the test set was opened."""
    count = run.metrics.get("test_openings")
    if count is None:
        return ""
    if count == 1:
        return "The test set was opened once."
    return (
        f"The test set was opened {count} times: each further look makes its numbers a little "
        "too good."
    )


def day(moment: object) -> str:
    """Shorten an ISO moment to its day."""
    return str(moment).replace("T", " ").split(" ")[0] if moment else "an unknown date"


def split(run: Run) -> str:
    """Say how the rows were split and why."""
    content = run.data.get("split") or {}
    sides = []
    for name, words in [("train", "for training"), ("test", "for the test")]:
        side = content.get(name) or {}
        if side.get("rows") is None:
            continue
        span = f" ({day(side['from'])} to {day(side['to'])})" if side.get("from") else ""
        sides.append(f"{plural(side['rows'], run.case)} {words}{span}")
    if not sides:
        return ""
    kind = content.get("kind")
    start = (
        f"Split by {kind}" if kind in ("time", "group") else f"A {kind} split" if kind else "Split"
    )
    return " ".join(f"{start}: {', '.join(sides)}. {content.get('reason') or ''}".split())


def rows(run: Run) -> str:
    """Say how many rows were read, used and dropped, by reason."""
    read, used = run.data.get("rows_read"), run.data.get("rows_used")
    if read is None:
        return ""
    source = cell(run.data.get("source"), 120)
    text = f"{plural(read, run.row)} read from {source}"
    if used is not None and used != read:
        text += f", {used:,} used"
    dropped = {why: n for why, n in (run.data.get("rows_dropped") or {}).items() if n}
    if dropped:
        text += "; dropped: " + ", ".join(f"{n:,} ({cell(why)})" for why, n in dropped.items())
    return text + "."


def leaks(run: Run) -> str:
    """Say how many leak checks ran and which did not pass."""
    checks = run.data.get("leaks") or []
    if not checks:
        return ""
    bad = [check for check in checks if check.get("status") != "passed"]
    if not bad:
        return f"All {plural(len(checks), 'leak check')} passed."
    names = listing([f"{check['check']} ({check['status']})" for check in bad])
    return (
        f"{len(checks) - len(bad)} of {plural(len(checks), 'leak check')} passed; look at {names}."
    )


def learning(run: Run) -> str:
    """Say whether more rows would help."""
    points = run.metrics.get("learning_curve") or []
    if len(points) < 2:
        return ""
    last, before = points[-1], points[-2]
    gap = abs(last["train"] - last["validation"])
    step = last["validation"] - before["validation"]
    text = (
        f"From {before['n']:,} to {last['n']:,} rows the validation score changes by {signed(step)}"
        f"; the gap to the training score is {number(gap, 2)}. "
    )
    if still_rising(run.ladder, points):
        return text + "More rows would probably still help."
    return text + "More rows of the same kind would add little; better features might."


def importance(run: Run) -> str:
    """Name the columns the model leans on."""
    found = sorted(run.metrics.get("importance") or [], key=lambda row: -row["mean"])
    used = [row for row in found if row["mean"] > 0]
    if not used:
        return ""
    text = (
        f"The model leans most on {listing([row['column'] for row in used[:3]])}: shuffling "
        f"{cell(used[0]['column'], 40)} alone raises the mean error by {brief(used[0]['mean'])}."
    )
    idle = len(found) - len(used)
    return text + (f" {sentence(plural(idle, 'column'))} could go without loss." if idle else "")


def direction(run: Run) -> str:
    """Say which way the metric is better."""
    return "lower is better" if smaller_is_better(run.metric) else "higher is better"


def metric_words(run: Run) -> str:
    """Return the name of the metric that chose the model."""
    return metric_label(run.metric)


def metric_decision(run: Run) -> list[str]:
    """Say which metric judged the rungs and what else was measured."""
    label = metric_label(run.metric)
    names = run.metrics.get("chosen", {})
    others = [lowered(name) for name in names if metric_label(name) != label]
    said = [f"Rungs were compared by {label} ({direction(run)})."]
    if others:
        said.append(f"Measured beside it: {listing(others, 12)}.")
    return [*said, *filter(None, [saving(run)])]
