"""What counts as a finding: one definition for the charts, the report and the check."""

from typing import Any

from ..project.errors import UserError
from .display import smaller_is_better

Json = dict[str, Any]
DATA, LADDER, METRICS = "reports/data.json", "reports/ladder.json", "reports/metrics.json"
MODEL = "models/current/metadata.json"


def chosen_rung(ladder: Json) -> Json:
    """The candidate that ships; empty where a file does not say."""
    rungs = {rung["name"]: rung for rung in ladder.get("rungs", [])}
    return dict(rungs.get(ladder.get("chosen"), {}))


def repeated(ladder: Json, test: float, name: str) -> Json:
    """What `reports/metrics.json` repeats of the comparison, beside the chosen candidate's test score.

    `name` is what the score is called among the others.
    """
    chosen = chosen_rung(ladder)
    return {
        "chosen_rung": chosen["name"],
        "baseline_rung": ladder["rungs"][0]["name"],
        "primary": {
            "metric": ladder["metric"],
            "name": name,
            "cv_mean": chosen["mean"],
            "cv_std": chosen["std"],
            "test": test,
        },
    }


def still_rising(ladder: Json, points: list[Json]) -> bool:
    """Say whether the last step of a learning curve exceeds one standard error of the ladder."""
    step = points[-1]["validation"] - points[-2]["validation"]
    return bool(step > (ladder.get("standard_error") or 0.0))


def clearly_worse(row: Json) -> bool:
    """Say whether a slice of enough units is worse than all rows, beyond what its interval allows."""
    if row.get("too_few_units") or not row.get("ci"):
        return False
    low, high = row["ci"]
    overall = row["score"] - row["gap"]
    worse = row["gap"] > 0 if smaller_is_better(row["metric"]) else row["gap"] < 0
    return worse and not low <= overall <= high


def verdict(ladder: Json, metrics: Json, name: str, test_gain: Json | None = None) -> Json:
    """Whether the model is worth having, and whether the simple candidate `name` would do.

    The one place that answers: README, report, model card and `check` repeat it.

    Parameters
    ----------
    ladder, metrics : dict
        The content of `reports/ladder.json` and `reports/metrics.json`.
    name : str
        The simple candidate.
    test_gain : dict, optional
        `value` and `ci`: what the chosen candidate gains over `name` on the test set.

    Returns
    -------
    dict
        `kind`: `baseline` where the test set shows no gain over the first candidate, `rule` where
        `name` is within one standard error of the best candidate, `model` otherwise. `name`, its `mean`
        (None if it was skipped), of the best candidate `best`, `best_mean` and its `standard_error`, and
        `test_gain` as it was given.
    """
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    best, mean = rungs[ladder["best"]], rungs.get(name, {}).get("mean")
    error = ladder["standard_error"]
    primary = metrics["primary"]
    bounds = metrics["gain"].get(primary["name"], {}).get("ci")
    kind = "rule" if mean is not None and best["mean"] - mean <= error else "model"
    if bounds and bounds[0] <= 0 and metrics["chosen_rung"] != metrics["baseline_rung"]:
        kind = "baseline"
    return {
        "kind": kind,
        "name": name,
        "mean": mean,
        "best": best["name"],
        "best_mean": best["mean"],
        "standard_error": error,
        "test_gain": test_gain,
    }


def contradictions(ladder: Json, metrics: Json) -> list[Json]:
    """Where two measurements of one thing differ by more than their intervals allow.

    Returns
    -------
    list of dict
        `kind` and the numbers: `score` (cross-validation against the test set), `gain` (the same, of
        the gain over the first candidate), `rule` (the simple candidate, worse in cross-validation,
        is better on the test set) and `curve` (the learning curve against the fold it was drawn on).
    """
    primary = metrics.get("primary") or {}
    name, found = primary.get("name"), []
    chosen = chosen_rung(ladder)
    folds, test = chosen.get("ci"), (metrics.get("intervals") or {}).get(name)
    if folds and test and ladder["metric"].startswith("neg_"):
        folds = [-folds[1], -folds[0]]
    if folds and test and (folds[1] < test[0] or test[1] < folds[0]):
        found.append({"kind": "score", "folds": folds, "test": test})
    gain = (metrics.get("gain") or {}).get(name) or {}
    promised = chosen.get("gain_ci")
    if promised and gain.get("ci") and promised[0] > 0 >= gain["ci"][0]:
        found.append({"kind": "gain", "folds": promised, "test": gain["ci"]})
    told = metrics.get("verdict") or {}
    bounds = (told.get("test_gain") or {}).get("ci")
    if told.get("kind") == "model" and bounds and bounds[1] < 0:
        found.append({"kind": "rule", "name": told["name"], "test": bounds})
    points, scores = metrics.get("learning_curve") or [], chosen.get("scores") or []
    # Drawn on other folds than those of the comparison, it says nothing of them.
    if points and scores and points[-1].get("folds") == len(scores):
        end, same = points[-1]["validation"], scores[-1]
        if abs(end - same) > chosen["std"] + 1e-9:
            found.append({"kind": "curve", "fold": same, "end": end})
    return found


def require_one_run(data: Json, ladder: Json, metrics: Json, metadata: Json) -> None:
    """Refuse to tell of files that are of different runs.

    Raises
    ------
    UserError
        It names both files and both values.
    """
    primary = metrics.get("primary") or {}
    chosen, split = chosen_rung(ladder), data.get("split") or {}
    parts = {subset: (split.get(subset) or {}).get("rows") for subset in ("train", "test")}
    version, digest = metadata.get("model_version"), metadata.get("data_sha256")
    said = [
        (METRICS, "the model's version", metrics.get("model_version"), MODEL, version),
        (METRICS, "the chosen candidate", metrics.get("chosen_rung"), LADDER, chosen.get("name")),
        (METRICS, "the metric", primary.get("metric"), LADDER, ladder.get("metric")),
        (
            METRICS,
            "the score in cross-validation",
            primary.get("cv_mean"),
            LADDER,
            chosen.get("mean"),
        ),
        (DATA, "the data's digest", data.get("sha256"), MODEL, digest),
        (DATA, "the number of training rows", parts["train"], METRICS, metrics.get("n_train")),
        (DATA, "the number of test rows", parts["test"], METRICS, metrics.get("n_test")),
    ]
    for one, what, value, other, against in said:
        if value is not None and against is not None and value != against:
            raise UserError(
                f"{one} and {other} are of different runs: {what} is {value!r} in one "
                f"and {against!r} in the other. Run `run`, which brings both up to date."
            )
