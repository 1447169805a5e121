"""The tables of the report, built once for the page, the README and the model card."""

from ..evaluation.display import (
    cell,
    interval,
    metric_key,
    metric_label,
    money,
    number,
    percent,
    score,
    signed,
    signed_interval,
)
from ..markdown.markdown import Table
from .run import Run

SHOWN_COLUMNS = 200
# What a reader in a hurry should see first, after the metric that chose.
TELLING = [
    "cost_per_1000",
    "average_precision",
    "recall",
    "precision",
    "balanced_accuracy",
    "rmse",
    "mae",
]


def ladder(run: Run, short: bool = False) -> Table:
    """One row a rung: mean, spread, gain over the first with its interval, seconds.

    `short` leaves out the spread and the seconds.
    """
    rungs = run.ladder["rungs"]
    rows = []
    for place, rung in enumerate(rungs):
        row = [
            cell(rung["name"]),
            score(run.metric, rung["mean"]),
            score(run.metric, rung["std"]),
            signed(rung["gain"]) if place else "",
            signed_interval(rung["gain_ci"]) if place else "",
            f"{rung['fit_seconds']:.1f}",
        ]
        rows.append(row)
    headers = [
        "Rung",
        f"{metric_label(run.metric)} (mean of {run.ladder['folds']} folds)",
        "± over folds",
        "Gain over the first",
        "95 % interval",
        "Fit, s",
    ]
    marked = next((i for i, rung in enumerate(rungs) if rung["name"] == run.chosen), None)
    if short:
        headers = [headers[i] for i in (0, 1, 3, 4)]
        rows = [[row[i] for i in (0, 1, 3, 4)] for row in rows]
    return Table(headers, rows, frozenset(range(1, len(headers))), marked)


def reasons(run: Run) -> Table | None:
    """One row a rung: why it is on the ladder; and those left out, why not."""
    rows = [
        [cell(r["name"]), cell(r["reason"], 300)] for r in run.ladder["rungs"] if r.get("reason")
    ]
    out = [
        [cell(left["name"]), f"Left out: {cell(left['reason'], 300)}"]
        for left in run.ladder.get("left_out") or []
    ]
    return Table(["Rung", "Why it is here"], rows + out) if rows or out else None


def metrics(run: Run, most: int | None = None) -> Table:
    """One row a metric on the test set: chosen with its interval, and the baseline."""
    values = run.metrics.get("chosen") or {}
    key = metric_key(run.metric)
    names = [name for name, value in values.items() if isinstance(value, int | float)]
    order = {name: place for place, name in enumerate(TELLING)}
    names.sort(
        key=lambda name: (
            metric_label(name) != metric_label(key),
            order.get(name, len(order)),
        )
    )
    rows = [
        [
            metric_label(name),
            score(name, values[name]),
            interval(run.interval(name), name),
            score(name, run.test("baseline", name)),
        ]
        for name in names[:most]
    ]
    if not any(row[2] for row in rows):
        return Table(
            ["Test set", cell(run.chosen), f"Baseline: {cell(run.baseline, 40)}"],
            [[row[0], row[1], row[3]] for row in rows],
            frozenset({1, 2}),
            0 if rows and most is None else None,
        )
    headers = ["Test set", cell(run.chosen), "95 % interval", f"Baseline: {cell(run.baseline, 40)}"]
    return Table(headers, rows, frozenset({1, 2, 3}), 0 if rows and most is None else None)


def costs(run: Run) -> Table | None:
    """What the test-set decisions cost at the chosen threshold and at 0.5."""
    content = run.metrics.get("money") or {}
    if content.get("cost_at_threshold") is None or content.get("cost_at_half") is None:
        return None
    currency, count = content.get("currency", ""), max(run.metrics["n_test"], 1)
    rows = [
        [name, number(value), money(cost, currency), money(1000 * cost / count, currency)]
        for name, value, cost in (
            ("Chosen by cost", content["value"], content["cost_at_threshold"]),
            ("The usual half", 0.5, content["cost_at_half"]),
        )
    ]
    headers = ["Operating point", "Threshold", "Cost on the test set", "Per 1,000 rows"]
    return Table(headers, rows, frozenset({1, 2, 3}), 0)


def leaks(run: Run) -> Table | None:
    """One row a leak check: what it saw and what to do."""
    checks = run.data.get("leaks") or []
    if not checks:
        return None
    rows = []
    for check in checks:
        passed = check.get("status") == "passed"
        what = " ".join(filter(None, [check.get("detail"), "" if passed else check.get("remedy")]))
        rows.append([check["check"], check.get("status", ""), cell(what, 600)])
    flags = {place: row[1] for place, row in enumerate(rows)}
    return Table(["Check", "Result", "What was seen"], rows, flags=flags)


def columns(run: Run) -> Table | None:
    """One row a column: kind, missing, distinct values, range or most frequent, use."""
    found = run.data.get("columns") or []
    rows = []
    for column in found[:SHOWN_COLUMNS]:
        if column.get("min") is not None:
            seen = f"{cell(column['min'], 24)} to {cell(column.get('max'), 24)}"
        else:
            top = column.get("top") or []
            seen = ", ".join(f"{cell(value, 24)} ({count:,})" for value, count in top[:3])
        reason = cell(column.get("reason"), 80)
        out = reason if reason == "target" else f"left out: {reason}"
        missing = column.get("missing_share")
        rows.append(
            [
                cell(column["name"], 60),
                cell(column.get("kind")),
                percent(missing) if missing else "0",
                number(column.get("distinct")),
                seen,
                "used" if column.get("used", True) else out,
            ]
        )
    headers = ["Column", "Kind", "Missing", "Distinct", "Range or most frequent", "Use"]
    return Table(headers, rows, frozenset({2, 3})) if rows else None


def slices(run: Run, most: int = 20) -> Table | None:
    """One row a slice, weakest first."""
    found = [row for row in run.metrics.get("slices") or [] if row.get("score") is not None]
    rows = [
        [
            cell(row["column"], 40),
            cell(row["value"], 40),
            f"{row['n']:,}",
            score(row["metric"], row["score"]),
            interval(row.get("ci"), row["metric"]),
            signed(row.get("gap")),
        ]
        for row in found[:most]
    ]
    if not rows:
        return None
    headers = [
        "Column",
        "Value",
        f"{run.case.capitalize()}s",
        metric_label(found[0]["metric"]),
        "95 % interval",
        "Gap to all",
    ]
    return Table(headers, rows, frozenset({2, 3, 4, 5}))


def worst(run: Run) -> Table | None:
    """One row for each of the worst answers, with the values the model saw."""
    found = run.metrics.get("worst") or []
    if not found:
        return None
    measures = {
        "reciprocal_rank": "Reciprocal rank",
        "error": "Error",
        "truth_probability": "Given to the truth",
        "confidence": "Confidence",
    }
    measure = next((key for key in measures if key in found[0]), "confidence")
    rows = []
    for row in found:
        values = ", ".join(
            f"{cell(name, 30)}: {cell(value, 30)}"
            for name, value in list((row.get("values") or {}).items())[:8]
        )
        size = row.get(measure)
        how = percent(size) if measure in ("truth_probability", "confidence") else number(size)
        answer = [cell(row.get("row")), cell(row.get("truth"), 40), cell(row.get("prediction"), 40)]
        rows.append([*answer, how, cell(row["text"], 300) if row.get("text") else values])
    what = "Text" if found[0].get("text") else "Values"
    headers = [f"Test {run.case}", "Truth", "Answer", measures[measure], what]
    return Table(headers, rows, frozenset({1, 2, 3} if measure == "error" else {3}))


def per_class(run: Run) -> Table | None:
    """One row a class: how many, precision, recall and F1."""
    names = ("precision", "recall", "f1")
    rows = [
        [cell(found["class"], 60), f"{found['n']:,}", *(score(n, found[n]) for n in names)]
        for found in run.metrics.get("per_class") or []
    ]
    headers = ["Class", "Test rows", "Precision", "Recall", "F1"]
    return Table(headers, rows, frozenset({1, 2, 3, 4})) if rows else None


def robustness(run: Run) -> Table | None:
    """One row a corruption: accuracy, and what it costs against the pictures as they are."""
    rows = [
        [
            cell(row["corruption"]),
            cell(row["severity"]),
            percent(row["accuracy"]),
            signed(-row["drop"]),
            signed_interval([-row["ci"][1], -row["ci"][0]]),
        ]
        for row in (run.metrics.get("robustness") or {}).get("rows") or []
    ]
    headers = ["Corruption", "Strength", "Accuracy", "Change", "95 % interval"]
    return Table(headers, rows, frozenset({2, 3, 4})) if rows else None


def fairness(run: Run) -> list[tuple[str, Table]]:
    """One table a sensitive column: every measured number by group."""
    made = []
    for content in run.metrics.get("fairness") or []:
        groups = content.get("groups") or []
        if not groups:
            continue
        names = [key for key in groups[0] if key not in ("value", "n")]
        rows = [
            [cell(group["value"], 40), f"{group['n']:,}", *(score(n, group.get(n)) for n in names)]
            for group in groups
        ]
        headers = [cell(content["column"], 40), "Rows", *(metric_label(name) for name in names)]
        made.append(
            (str(content["column"]), Table(headers, rows, frozenset(range(1, len(headers)))))
        )
    return made


def provenance(run: Run) -> Table:
    """Where the numbers come from: model, code, data and versions."""
    meta = run.metadata
    packages = meta.get("packages") or {}
    pairs = [
        ("Model version", meta.get("model_version")),
        ("Made", meta.get("created_at")),
        ("Format", meta.get("format")),
        ("Git commit", meta.get("git_commit") or "not in a git repository"),
        ("Data", run.data.get("source")),
        ("Data SHA-256", meta.get("data_sha256") or run.data.get("sha256")),
        ("Rule of choice", run.ladder.get("rule")),
        ("Python", meta.get("python")),
        ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))),
    ]
    rows = [[name, cell(value, 600)] for name, value in pairs if value]
    return Table(["", ""], rows)
