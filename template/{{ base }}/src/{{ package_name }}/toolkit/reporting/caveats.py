"""The sentences that warn: where the model errs, whom it may harm, on what its numbers rest.

Like those of `narrative`, each is plain text and "" when its data is missing.
"""

from ..evaluation.display import (
    brief,
    cell,
    interval,
    listing,
    lowered,
    metric_label,
    number,
    percent,
    plural,
    score,
    signed,
)
from ..evaluation.judgements import clearly_worse
from .answering import abstention, injection
from .narrative import baseline_verdict, day, leaks, openings, sentence, snapshot
from .run import Run


def alarms(run: Run) -> str:
    """Say what share of positives is missed and what share of alarms is wrong (two classes)."""
    positive, matrix = run.positive, run.metrics.get("confusion_matrix")
    if positive is None or not matrix:
        return ""
    hits, misses = matrix[positive][positive], matrix[positive][1 - positive]
    false = matrix[1 - positive][positive]
    name = cell(run.metrics["labels"][positive], 40)
    value = (run.metrics.get("money") or {}).get("value")
    start = f"At the threshold {brief(value)} the model" if value is not None else "The model"
    text = (
        f"{start} misses {percent(misses / max(hits + misses, 1), 0)} of the “{name}” {run.case}s"
    )
    if hits + false:
        text += f", and {percent(false / (hits + false), 0)} of its “{name}” answers are wrong"
    return text + "."


def hardest_class(run: Run) -> str:
    """Say which class is found least (three classes or more)."""
    matrix, labels = run.metrics.get("confusion_matrix"), run.metrics.get("labels")
    if not matrix or not labels or len(labels) < 3:
        return ""
    recalls = [(row[i] / sum(row), i) for i, row in enumerate(matrix) if sum(row)]
    if not recalls:
        return ""
    recall, place = min(recalls)
    return (
        f"The class “{cell(labels[place], 40)}” is found least: {percent(recall, 0)} of its "
        f"{plural(sum(matrix[place]), 'test row')}."
    )


def errors(run: Run) -> str:
    """Say how large a numeric answer's error usually is."""
    bounds = run.metadata.get("interval")
    if run.task != "regression":
        return ""
    mae = run.test("chosen", "mae")
    text = f"An answer is off by {number(mae)} on average." if mae is not None else ""
    if bounds:
        text += (
            f" In 9 of 10 cases the truth lies between {signed(bounds[0])} and "
            f"{signed(bounds[1])} of the answer (measured out of fold)."
        )
    return text.strip()


def weakest_slice(run: Run) -> str:
    """Say on which part of the rows the model is clearly weaker than on the whole."""
    found = [row for row in run.metrics.get("slices") or [] if row.get("score") is not None]
    if not found:
        return ""
    worse = [row for row in found if clearly_worse(row)]
    if not worse:
        return f"None of the {plural(len(found), 'slice')} is clearly weaker than the whole."
    row = worse[0]
    bounds = interval(row.get("ci"), row["metric"])
    return (
        f"The weakest slice is {cell(row['column'], 40)} = {cell(row['value'], 40)}: "
        f"{metric_label(row['metric'])} {score(row['metric'], row['score'])}"
        f"{f' ({bounds})' if bounds else ''} on {plural(row['n'], run.case)}, against "
        f"{score(row['metric'], row['score'] - row['gap'])} on all {run.case}s."
    )


def calibration(run: Run) -> str:
    """Say how far probabilities are from observed shares."""
    error = (run.metrics.get("calibration") or {}).get("ece")
    if error is None:
        return ""
    return (
        f"A stated probability is off by {number(100 * error, 2)} percentage points on average "
        "(expected calibration error)."
    )


def rule(run: Run) -> str:
    """Say whether a rule would do."""
    return str((run.metrics.get("rule_would_do") or {}).get("sentence") or "")


def fairness(run: Run) -> list[str]:
    """Say, for each sensitive column, how far its groups are apart."""
    said = []
    for content in run.metrics.get("fairness") or []:
        gaps = {k: v for k, v in (content.get("differences") or {}).items() if v is not None}
        if not gaps:
            continue
        parts = [f"{brief(gap)} in {lowered(name)}" for name, gap in gaps.items()]
        count = plural(len(content.get("groups") or []), "group")
        least = content.get("smallest_compared")
        who = f" (those with {least} rows or more)" if least else ""
        said.append(
            f"Between the {count} of {cell(content['column'], 40)}{who} the largest differences are "
            f"{listing(parts)}."
        )
    if said:
        return said
    if not any(column.get("used", True) for column in run.data.get("columns") or [{}]):
        return ["The data names no groups of people or things, so none were compared."]
    return ["No column is named in data.sensitive, so no groups were compared."]


def review(run: Run) -> str:
    """Say when an answer goes to a person."""
    floor = run.metadata.get("confidence_floor")
    if floor is None or run.task == "regression":
        return ""
    text = f"Answers with a confidence under {brief(floor)} are marked needs_review for a person"
    content = run.metrics.get("review") or {}
    if content.get("share") is None:
        return text + "."
    text += f": {percent(content['share'])} of the test {run.case}s"
    if content["share"] and content.get("mistakes") is not None:
        text += f", with {percent(content['mistakes'], 0)} of the mistakes"
    sides = {"those": content["accuracy_of_those"], "the rest": content["accuracy_of_the_rest"]}
    right = [f"{percent(share)} of {side}" for side, share in sides.items() if share is not None]
    return f"{text}. Right are {' and '.join(right)}."


def scope(run: Run) -> str:
    """Say on what the numbers rest."""
    test = (run.data.get("split") or {}).get("test") or {}
    span = f" from {day(test['from'])} to {day(test['to'])}" if test.get("from") else ""
    return (
        f"All numbers come from {plural(run.metrics['n_test'], f'test {run.case}')}{span}. Nothing is "
        f"known about {run.case}s from other times, places or sources."
    )


def robustness(run: Run) -> str:
    """Say which corruption costs most, and what training on disturbed pictures would bring."""
    content = run.metrics.get("robustness") or {}
    worst, answer = content.get("worst"), content.get("answer")
    if not worst:
        return ""
    how = f"{worst['corruption']} ({worst['severity']})"
    if worst["ci"][0] <= 0:
        return f"No corruption tried costs accuracy beyond chance; the largest drop is under {how}."
    text = (
        f"Under {how} accuracy falls from {percent(worst['accuracy'] + worst['drop'])} to "
        f"{percent(worst['accuracy'])}."
    )
    if answer:
        better = answer["accuracy"] > worst["accuracy"]
        text += (
            f" {sentence(cell(answer['rung']))}, shown disturbed pictures in training, reaches "
            f"{percent(answer['accuracy'])} there and {percent(answer['accuracy_undisturbed'])} on "
            f"the same pictures undisturbed"
            + (": if yours are disturbed like that, it is the better choice." if better else ".")
        )
    return text


def limitations(run: Run) -> list[str]:
    """Say what the run's own numbers warn of."""
    checks, gain = run.data.get("leaks") or [], run.test_gain().get("ci")
    said = [scope(run), alarms(run), hardest_class(run), errors(run)]
    if any(clearly_worse(row) for row in run.metrics.get("slices") or []):
        said.append(weakest_slice(run))
    said += [calibration(run), snapshot(run), robustness(run), abstention(run)]
    if (run.metrics.get("rule_would_do") or {}).get("answer"):
        said.append(rule(run))
    if gain and gain[0] <= 0:
        said.append(baseline_verdict(run))
    if any(check.get("status") != "passed" for check in checks):
        said.append(leaks(run))
    if run.metrics.get("test_openings") != 1:
        said.append(openings(run))
    said += [cell(warning, 400) for warning in run.data.get("warnings") or []]
    return [text for text in said if text]


def responsible(run: Run) -> list[str]:
    """Say what was measured of harm, groups and provenance."""
    digest = run.data.get("sha256") or run.metadata.get("data_sha256")
    origin = f"The data comes from {cell(run.data.get('source'), 120)}"
    origin += f" (SHA-256 {digest[:12]}…)." if digest else "."
    said = [
        *fairness(run),
        alarms(run) or errors(run) or hardest_class(run),
        review(run),
        injection(run),
        origin,
    ]
    return [text for text in said if text]
