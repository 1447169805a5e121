"""A finished run in a few kilobytes, for the tests of what is made from it."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

README = """# Title

Mine, before.

<!-- results:start -->
<!-- results:end -->

Mine, between.

<!-- limitations:start -->
old
<!-- limitations:end -->
<!-- responsible-ai:start -->
<!-- responsible-ai:end -->

Mine, after.
"""


def rung(name: str, scores: list[float], first: list[float]) -> Json:
    """A candidate of ladder.json."""
    mean = sum(scores) / len(scores)
    std = (sum((score - mean) ** 2 for score in scores) / (len(scores) - 1)) ** 0.5
    gain = mean - sum(first) / len(first)
    return {
        "name": name,
        "reason": f"Why {name}.",
        "mean": mean,
        "std": std,
        "scores": scores,
        "gain": gain,
        "gain_ci": [gain - 0.02, gain + 0.02],
        "fit_seconds": 0.5,
    }


def ladder(metric: str, scores: dict[str, list[float]], chosen: str) -> Json:
    """The content of ladder.json."""
    first = next(iter(scores.values()))
    return {
        "metric": metric,
        "folds": len(first),
        "rungs": [rung(name, values, first) for name, values in scores.items()],
        "chosen": chosen,
        "rule": "The simplest candidate within one standard error of the best.",
        "left_out": [{"name": "XGBoost", "reason": "it is not installed"}],
    }


def data(target: Json, column: str = "age") -> Json:
    """The content of data.json."""
    return {
        "source": "data/raw/mine.csv",
        "rows_read": 1010,
        "rows_used": 1000,
        "rows_dropped": {"missing target": 10},
        "columns": [
            {
                "name": column,
                "kind": "number",
                "missing_share": 0.25,
                "distinct": 70,
                "min": 18,
                "max": 90,
                "mean": 44.5,
                "top": [[40, 31]],
                "used": True,
                "reason": "",
            }
        ],
        "target": target,
        "missing_policy": "Numbers are filled with the median of the training rows.",
        "split": {
            "kind": "time",
            "reason": "Rows have a time.",
            "train": {"rows": 800, "from": "2024-01-01", "to": "2024-09-01"},
            "test": {"rows": 200, "from": "2024-09-01", "to": "2024-12-31"},
        },
        "leaks": [
            {
                "check": "single-feature",
                "status": "passed",
                "columns": [],
                "detail": "The strongest column reaches 0.61.",
                "remedy": "",
            }
        ],
        "warnings": [],
        "sha256": "ab" * 32,
    }


def steps(column: str) -> Json:
    """What features and the choice of the model brought."""
    linear = "logistic regression"
    return {
        "start": {"name": linear, "mean": 0.66},
        "unit": "groups",
        "units": 60,
        "rows": [
            {"step": "features", "name": "all features", "from": "raw columns", "to": linear, "gain": 0.05,
             "ci": [0.04, 0.06]},
            {"step": "group", "name": f"of {column}", "from": f"without of {column}", "to": linear,
             "gain": 0.03, "ci": [0.02, 0.04], "columns": [column]},
            {"step": "model", "name": "choice of the model", "from": linear, "to": "random forest",
             "gain": 0.01, "ci": None},
        ],
    }  # fmt: skip


def exploration(column: str, labels: tuple[str, str]) -> Json:
    """What the training rows show."""
    ratio = {"measure": "correlation ratio", "value": 0.31}
    low, high = labels
    return {
        "rows": 800,
        "compared_rows": 800,
        "with_target": [{"column": column, **ratio}, {"column": "plan", "measure": "Cramér's V", "value": 0.2}],
        "pairs": [{"columns": [column, "plan"], **ratio}],
        "by_class": [
            {"column": column, "edges": [18.0, 40.0, 90.0], "shares": {low: [0.7, 0.3], high: [0.4, 0.6]},
             "medians": {low: 31.5, high: 52.0}},
            {"column": "plan", "levels": ["a", "b"], "shares": {low: [0.5, 0.5], high: [0.9, 0.1]}, "widest": 0},
        ],
        "missing": {
            "columns": {column: 0.25, "plan": 0.1}, "complete": 0.75,
            "patterns": [{"columns": [column], "rows": 120}, {"columns": ["plan", column], "rows": 80}],
        },
        "over_time": {
            "from": ["2024-01-01T00:00:00", "2024-03-01T00:00:00", "2024-05-01T00:00:00"],
            "rows": [300, 10, 490], "values": {low: [0.8, None, 0.6], high: [0.2, None, 0.4]},
        },
    }  # fmt: skip


def selection(column: str) -> Json:
    """What fewer features would do."""
    least = [
        {"name": column, "importance": 0.0, "folds": 3},
        {"name": f"{column}.year", "importance": 0.001, "folds": 1},
    ]
    seconds = {"fit_seconds": 12.3, "predict_seconds": 0.041}
    return {
        "candidate": "logistic regression", "features": 11, "dropped": 2, "rows": 800, "least": least, "gain": -0.001, "ci": [-0.003, 0.001],
        "before": {"mean": 0.71, **seconds}, "after": {"mean": 0.709, **seconds, "fit_seconds": 9.87},
    }  # fmt: skip


def class_weights() -> Json:
    """What weights and thresholds decide."""
    ways = [("a threshold of 0.5", 0.1), ("class weights", 0.6), ("both", 0.8), ("by cost", 0.8)]
    row = {"brier": 0.2, "precision": 0.4, "cost_per_1000": 700.0}
    return {
        "rows": [{"way": way, "recall": recall, **row} for way, recall in ways],
        "saved": {"value": 0.0, "ci": [-2.0, 3.0]},
    }


def tuning() -> Json:
    """A search in each of three folds and one for the model that ships."""
    warnings = ["3 of 4 searches ended at 4, the edge of the space for `num_leaves`."]
    return {"trials": 20, "pruned": 5, "searches": 4, "rows": 800, "warnings": warnings}


def slices(column: str, metric: str) -> list[Json]:
    """Two slices, the first of them clearly worse for a metric that should be small."""
    return [
        {"column": column, "value": "old", "n": 40, "units": 25, "metric": metric, "score": 0.9, "ci": [0.8, 1.0],
         "gap": 0.3, "coverage": 0.7, "same_rows": ["cohort = 1"]},
        {"column": column, "value": "new", "n": 90, "units": 30, "metric": metric, "score": 0.5, "ci": [0.4, 0.6], "gap": -0.1},
    ]  # fmt: skip


def binary(column: str = "age", labels: tuple[str, str] = ("no", "yes")) -> tuple[Json, Json, Json]:
    """Data, ladder and metrics of a run with two classes."""
    scores = {
        "majority": [0.5, 0.5, 0.5],
        "logistic regression": [0.70, 0.72, 0.71],
        "random forest": [0.69, 0.76, 0.71],
    }
    metrics = {
        "task": "binary",
        "n_train": 800,
        "n_test": 200,
        "test_openings": 1,
        "chosen_rung": "logistic regression",
        "baseline_rung": "majority",
        "labels": list(labels),
        "chosen": {"accuracy": 0.75, "roc_auc": 0.7077, "log_loss": 0.51},
        "baseline": {"accuracy": 0.7, "roc_auc": 0.5, "log_loss": 0.61},
        "primary": {"metric": "roc_auc", "name": "roc_auc", "test": 0.7077},
        "intervals": {"roc_auc": [0.66, 0.75]},
        "gain": {"roc_auc": {"value": 0.2077, "ci": [0.16, 0.25]}},
        "confusion_matrix": [[120, 20], [30, 30]],
        "threshold": 0.1667,
        "money": {
            "value": 0.1667,
            "source": "costs",
            "costs": {"false_positive": 1, "false_negative": 5},
            "cost_at_threshold": 170.0,
            "cost_of_always": 140.0,
            "cost_of_never": 300.0,
            "best_constant": "always",
            "gain_per_1000": 400.0,
            "gain_ci": [250.0, 550.0],
            "all_alike": None,
            "currency": "EUR",
            "curve": [[0.0, 300.0], [0.2, 170.0], [0.5, 250.0], [1.0, 300.0]],
        },
        "random_split": {
            "metric": "roc_auc",
            "rung": "random forest",
            "time_split": 0.72,
            "random_split": 0.81,
        },
        "frozen_snapshot": {
            "metric": "roc_auc", "fresh": 0.70, "frozen": 0.66, "as_of": "2024-09-01T00:00:00"
        },
        "slices": slices(column, "log_loss"),
        "worst": [
            {
                "row": 7,
                "truth": labels[1],
                "prediction": labels[0],
                "confidence": 0.97,
                "values": {column: None},
            }
        ],
        "fairness": [
            {
                "column": column,
                "groups": [{"value": "a", "n": 90, "recall": 0.5}, {"value": "b", "n": 80, "recall": 0.7}],
                "differences": {"recall": 0.2},
                "smallest_compared": 30,
            }
        ],
        "calibration": {"bins": [{"mean_predicted": 0.2, "observed": 0.3, "n": 100}], "ece": 0.034},
        "learning_curve": [
            {"n": 100, "train": 0.8, "validation": 0.6, "validation_std": 0.01},
            {"n": 800, "train": 0.75, "validation": 0.7, "validation_std": 0.01},
        ],
        "importance": [{"column": column, "mean": 0.05, "std": 0.01}],
        "verdict": {
            "kind": "model",
            "name": "rule",
            "mean": 0.6,
            "best": "random forest",
            "best_mean": 0.72,
            "standard_error": 0.01,
        },
        "review": {"share": 0.05, "marked": 0.035, "yield": 0.2, "ci": [0.1, 0.3], "on": True},
        "coverage": {"level": 0.9, "share": 0.88, "ci": [0.85, 0.91], "mean_size": 1.4},
        "interval_unit": "groups",
        "interval_units": 13,
        "too_few_units": True,
        "roc": [[0, 0], [0.3, 0.6], [1, 1]],
        "pr": [[0, 1], [0.5, 0.6], [1, 0.3]],
    }  # fmt: skip
    classes = {labels[0]: 700, labels[1]: 300}
    target = {"name": "churn", "task": "binary", "classes": classes, "positive": labels[1]}
    comparison = ladder("roc_auc", scores, "logistic regression")
    comparison |= {"steps": steps(column), "class_weights": class_weights(), "tuning": tuning()}
    comparison["selection"] = selection(column)
    explored = {"exploration": exploration(column, labels)}
    return {**data(target, column), **explored}, comparison, metrics


def multiclass(classes: int = 5) -> tuple[Json, Json, Json]:
    """Data, ladder and metrics of a run with three classes or more."""
    labels = [f"class {number}" for number in range(classes)]
    matrix = [[10 if row == column else 1 for column in range(classes)] for row in range(classes)]
    scores = {"majority": [0.1, 0.1, 0.1], "random forest": [0.8, 0.82, 0.81]}
    metrics = {
        "task": "multiclass",
        "n_test": sum(map(sum, matrix)),
        "test_openings": 3,
        "labels": labels,
        "chosen": {"accuracy": 0.8, "f1": 0.81},
        "baseline": {"accuracy": 0.2, "f1": 0.1},
        "confusion_matrix": matrix,
        "threshold": None,
        "money": None,
        "slices": [],
    }
    target = {"name": "kind", "task": "multiclass", "classes": dict.fromkeys(labels, 50)}
    return data(target), ladder("f1_macro", scores, "random forest"), metrics


def regression() -> tuple[Json, Json, Json]:
    """Data, ladder and metrics of a run with a numeric target, judged by an error."""
    scores = {"mean": [-60.0, -62.0, -61.0], "ridge": [-40.0, -44.0, -42.0]}
    metrics = {
        "task": "regression",
        "n_test": 3,
        "test_openings": 1,
        "labels": [],
        "chosen": {"mae": 41.5, "r2": 0.45},
        "baseline": {"mae": 61.0, "r2": -0.01},
        "gain": {"mae": {"value": 19.5, "ci": [15.0, 24.0]}},
        "confusion_matrix": None,
        "threshold": None,
        "money": None,
        "slices": slices("age", "mae"),
        "residuals": [{"predicted": 10.0, "actual": 12.0}, {"predicted": 20.0, "actual": 15.0}],
        "worst": [{"row": 0, "truth": 12.0, "prediction": 99.5, "error": 87.5, "values": {}}],
    }
    target = {
        "name": "price",
        "task": "regression",
        "classes": None,
        "min": 1,
        "max": 99,
        "mean": 40,
    }
    return data(target), ladder("neg_mean_absolute_error", scores, "ridge"), metrics


RUNS = {"binary": binary, "multiclass": multiclass, "regression": regression}


def write(root: Path, content: tuple[Json, Json, Json]) -> Path:
    """Put a finished run into `root`."""
    metadata = {
        "model_version": "20240101-000000-abcdef",
        "created_at": "2024-01-01T00:00:00+00:00",
        "git_commit": None,
        "task": content[2]["task"],
        "schema": {},
        "rung_reason": "Its weights can be read.",
        "interval": None,
        "packages": {"numpy": "2.0.0"},
        "python": "3.12.0",
    }
    data, _, metrics = content
    for subset in ("train", "test"):
        if f"n_{subset}" in metrics and subset in data.get("split", {}):
            data["split"][subset]["rows"] = metrics[f"n_{subset}"]
    named = dict(zip(("data", "ladder", "metrics"), content, strict=True))
    files = {f"reports/{name}.json": value for name, value in named.items()}
    for name, value in {**files, "models/current/metadata.json": metadata}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), "utf-8")
    (root / "README.md").write_text(README, "utf-8")
    return root
