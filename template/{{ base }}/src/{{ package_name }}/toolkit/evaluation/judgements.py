"""What counts as a finding: one definition for the charts, the report and the check."""

from typing import Any

from .display import smaller_is_better

Json = dict[str, Any]


def repeated(ladder: Json, test: float) -> Json:
    """What `reports/metrics.json` repeats of the comparison, beside the chosen candidate's test score."""
    chosen = next(rung for rung in ladder["rungs"] if rung["name"] == ladder["chosen"])
    return {
        "chosen_rung": chosen["name"],
        "baseline_rung": ladder["rungs"][0]["name"],
        "primary": {
            "metric": ladder["metric"],
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
    """Say whether a slice is worse than all rows together, beyond what its interval allows."""
    if row.get("score") is None or row.get("gap") is None:
        return False
    low, high = row.get("ci") or (row["score"], row["score"])
    overall = row["score"] - row["gap"]
    worse = row["gap"] > 0 if smaller_is_better(row["metric"]) else row["gap"] < 0
    return worse and not low <= overall <= high


def rule_would_do(ladder: Json, name: str) -> Json:
    """Whether the candidate called `name` is within one standard error of the best one.

    Returns
    -------
    dict
        `answer`, `name`, `mean` (None if that candidate was skipped), and of the best candidate `best`,
        `best_mean` and its `standard_error`.
    """
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    best, mean = rungs[ladder["best"]], rungs.get(name, {}).get("mean")
    error = ladder["standard_error"]
    return {
        "answer": mean is not None and bool(best["mean"] - mean <= error),
        "name": name,
        "mean": mean,
        "best": best["name"],
        "best_mean": best["mean"],
        "standard_error": error,
    }
