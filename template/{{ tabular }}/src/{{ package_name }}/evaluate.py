"""The stage `evaluate`: open the test set, count the opening, and study the errors."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from . import claims, failures, tracking
from .config import Params
from .data import applicable
from .encoding import Encoder
from .figures import draw_all
from .files import read_json, sha256, write_json
from .ladder import answers_of, refit, score_answers
from .metrics import Scores, bootstrap, class_scores, value_scores
from .reporting.display import smaller_is_better
from .rungs import make_rungs
from .serving.predictor import Predictor
from .table import Table, encoder_for, read_table
from .threshold import total_cost
from .train import BUNDLE, LADDER

METRICS = Path("reports", "metrics.json")
OPENINGS = Path("reports", "test_openings.json")
FIGURES = Path("reports", "figures")
FLEXIBLE = ("LightGBM", "histogram gradient boosting", "random forest", "decision tree")
CURVE_POINTS = 200


def run(root: Path, params: Params) -> dict[str, Any]:
    """Measure the bundle in place on the test rows.

    Returns
    -------
    dict
        The content of `reports/metrics.json`.

    Raises
    ------
    UserError
        If there is no bundle, or no test rows.
    """
    ladder = read_json(root / LADDER, "train")
    predictor = Predictor.load(root / BUNDLE)
    train = read_table(root, "train")
    params, _ = applicable(params, list(train.raw.columns))
    openings = _count_opening(root, predictor.version)
    test = read_table(root, "test")
    task = test.schema.target.task
    columns = test.columns
    # The fresh values of looked-up columns are known here; what a stale snapshot costs is below.
    answers = _shaped(predictor.outputs(columns), task)
    rungs = make_rungs(task, len(train.y), params.ladder.rule, params.ladder.skip, params.seed)
    encoder = encoder_for(train.schema).fit(train.x, train.y)
    baseline = refit(rungs[0], rungs, encoder, encoder.transform(train.x), train.y)
    classes = len(test.schema.target.classes or ())
    base_answers = answers_of(baseline, np.zeros((len(test.y), 1)), classes)
    study = _Study(test, predictor.metadata, params)
    result: dict[str, Any] = {
        "task": task,
        "n_train": len(train.y),
        "n_test": len(test.y),
        "test_openings": openings,
        "model_version": predictor.version,
        "chosen_rung": ladder["chosen"],
        "baseline_rung": ladder["rungs"][0]["name"],
        "labels": [str(label) for label in test.schema.target.classes or ()],
        **study.scores(answers, base_answers),
    }
    result["primary"] = {
        "metric": ladder["metric"],
        "cv_mean": predictor.metadata["metrics"]["cv_mean"],
        "cv_std": predictor.metadata["metrics"]["cv_std"],
        "test": score_answers(ladder["metric"], answers, test.y),
    }
    result |= study.shapes(answers)
    result |= study.failures(answers, encoder, predictor)
    flexible = next((name for name in FLEXIBLE if name in {r.name for r in rungs}), None)
    metric = ladder["metric"]
    result["random_split"] = flexible and claims.random_split(
        train, test, encoder, rungs, flexible, metric, params.seed
    )
    result["frozen_snapshot"] = study.frozen_snapshot(answers, predictor, columns)
    chosen = next(rung for rung in rungs if rung.name == ladder["chosen"])
    result["learning_curve"] = claims.learning_curve(
        train, encoder, rungs, chosen, metric, params.seed
    )
    result["rule_would_do"] = claims.rule_would_do(ladder)
    write_json(root / METRICS, result)
    data = read_json(root / "reports" / "data.json", "data")
    figures = draw_all(data, ladder, result, root / FIGURES)
    tracking.log_evaluation(
        root, ladder.get("mlflow_run_id"), result["chosen"], [root / METRICS, *figures]
    )
    return result


def _count_opening(root: Path, model_version: str) -> int:
    """Write down that this test set is opened now; return how often it has been."""
    path = root / OPENINGS
    content = read_json(path, "evaluate") if path.exists() else {"test_sets": {}}
    opened = content["test_sets"].setdefault(sha256(root / "data" / "test.parquet"), [])
    opened.append(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "model_version": model_version,
            "git_commit": tracking.git_commit(root),
        }
    )
    write_json(path, content)
    return len(opened)


def _shaped(outputs: NDArray[np.float64], task: str) -> NDArray[np.float64]:
    return outputs.ravel() if task == "regression" else outputs


class _Study:
    """Scores and error studies of one set of test rows."""

    def __init__(self, test: Table, metadata: dict[str, Any], params: Params) -> None:
        self.test = test
        self.metadata = metadata
        self.params = params
        self.task = test.schema.target.task

    def decided(self, answers: NDArray[np.float64], threshold: float | None = None) -> NDArray[Any]:
        """Class codes as the service answers them, or the values themselves."""
        if self.task == "regression":
            return answers
        if self.task == "binary":
            cut = self.metadata["threshold"] if threshold is None else threshold
            return (answers[:, 1] >= cut).astype(np.int64)
        return np.argmax(answers, axis=1)

    def score(
        self,
        answers: NDArray[np.float64],
        rows: Any = slice(None),
        threshold: float | None = None,
    ) -> Scores:
        """All scores of some rows, and with two classes what the decisions cost."""
        y, given = self.test.y[rows], answers[rows]
        if self.task == "regression":
            return value_scores(y, given)
        scores = class_scores(y, given, self.decided(given, threshold))
        if self.task == "binary":
            scores["cost_per_1000"] = 1000 * self._cost(y, given, threshold) / len(y)
        return scores

    def _cost(
        self, y: NDArray[Any], answers: NDArray[np.float64], threshold: float | None = None
    ) -> float:
        costs = self.params.costs
        cut = self.metadata["threshold"] if threshold is None else threshold
        return total_cost(y == 1, answers[:, 1], cut, costs.false_positive, costs.false_negative)

    def scores(self, answers: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, Any]:
        """Scores of the chosen model and the baseline, with intervals of both and of the gain.

        The baseline decides at 0.5, as anyone who had no costs in mind would. A gain is positive
        where the model is better, whichever way the metric runs.
        """
        chosen, baseline = self.score(answers), self.score(base, threshold=0.5)
        days = None
        if self.test.time is not None:
            days = self.test.time.astype("datetime64[D]")
            days = days if len(np.unique(days)) >= 20 else None

        def both(rows: NDArray[np.intp]) -> Scores:
            own, other = self.score(answers, rows), self.score(base, rows, threshold=0.5)
            return {**own, **{f"gain:{name}": gain for name, gain in _gains(own, other).items()}}

        draws = 200 if len(self.test.y) <= 20_000 else 100
        intervals = bootstrap(
            both, len(self.test.y), groups=days, draws=draws, seed=self.params.seed
        )
        return {
            "chosen": chosen,
            "baseline": baseline,
            "intervals": {name: ci for name, ci in intervals.items() if name in chosen},
            "gain": {
                name: {"value": gain, "ci": intervals[f"gain:{name}"]}
                for name, gain in _gains(chosen, baseline).items()
            },
            "interval_unit": "days" if days is not None else "rows",
        }

    def shapes(self, answers: NDArray[np.float64]) -> dict[str, Any]:
        """Confusion matrix, curves, calibration and the threshold's money; residuals of numbers."""
        y = self.test.y
        if self.task == "regression":
            picked = np.random.default_rng(self.params.seed).permutation(len(y))[:1000]
            pairs = [{"actual": float(y[i]), "predicted": float(answers[i])} for i in picked]
            return {"confusion_matrix": None, "threshold": None, "money": None, "residuals": pairs}
        codes = np.arange(answers.shape[1])
        shapes: dict[str, Any] = {
            "confusion_matrix": confusion_matrix(y, self.decided(answers), labels=codes).tolist(),
            "threshold": self.metadata["threshold"],
            "money": None,
        }
        top, right = answers.max(axis=1), np.argmax(answers, axis=1) == y
        shapes["calibration"] = _calibration(top, right)
        if self.task == "binary":
            shapes["calibration"] = _calibration(answers[:, 1], y == 1)
            shapes["money"] = self._money(answers)
            if len(np.unique(y)) == 2:
                fpr, tpr, _ = roc_curve(y, answers[:, 1])
                precision, recall, _ = precision_recall_curve(y, answers[:, 1])
                shapes["roc"] = _thinned(fpr, tpr)
                shapes["pr"] = _thinned(recall, precision)
        return shapes

    def _money(self, answers: NDArray[np.float64]) -> dict[str, Any]:
        costs, value = self.params.costs, self.metadata["threshold"]

        def cost(threshold: float) -> float:
            return self._cost(self.test.y, answers, threshold)

        saving = cost(0.5) - cost(value)
        return {
            "value": value,
            "source": "the cheapest on out-of-fold predictions of the training rows",
            "costs": {
                "false_positive": costs.false_positive,
                "false_negative": costs.false_negative,
            },
            "cost_at_threshold": cost(value),
            "cost_at_half": cost(0.5),
            "saving": saving,
            "saving_per_1000": 1000 * saving / len(answers),
            "currency": costs.currency,
            "curve": [[float(t), cost(float(t))] for t in np.linspace(0, 1, 101)],
        }

    def loss(self, y: NDArray[Any], answers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Error of each row: log loss of a class, absolute error of a number."""
        if self.task == "regression":
            return np.asarray(np.abs(y - answers), dtype=np.float64)
        return np.asarray(-np.log(np.clip(answers[np.arange(len(y)), y], 1e-15, 1)))

    def failures(
        self, answers: NDArray[np.float64], encoder: Encoder, predictor: Predictor
    ) -> dict[str, Any]:
        """Slices, worst cases, fairness and permutation importance."""
        y, decided = self.test.y, self.decided(answers)
        loss = self.loss(y, answers)
        labels = self.test.schema.target.classes
        shown: list[dict[str, Any]] = [
            {"truth": float(y[i]), "prediction": float(answers[i]), "error": float(loss[i])}
            if labels is None
            else {
                "truth": str(labels[y[i]]),
                "prediction": str(labels[decided[i]]),
                "confidence": float(answers[i].max()),
                "truth_probability": float(answers[i][y[i]]),
            }
            for i in range(len(y))
        ]

        def answer(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
            return _shaped(predictor.matrix_outputs(matrix), self.task)

        def mean_loss(truth: NDArray[Any], given: NDArray[np.float64]) -> float:
            return float(np.mean(self.loss(truth, given)))

        return {
            "slices": failures.slices(
                self.test, loss, "mae" if self.task == "regression" else "log_loss"
            ),
            "worst": failures.worst_cases(self.test, loss, shown),
            "fairness": failures.fairness(self.test, self.params.data.sensitive, y, decided),
            "importance": failures.importance(
                self.test, encoder, mean_loss, answer, self.params.seed
            ),
        }

    def frozen_snapshot(
        self,
        answers: NDArray[np.float64],
        predictor: Predictor,
        columns: dict[str, NDArray[Any]],
    ) -> dict[str, Any] | None:
        """What the scores fall to when looked-up columns keep their value of the snapshot."""
        looked_up = [column.name for column in self.test.schema.columns if column.lookup]
        if not looked_up:
            return None
        emptied = {
            name: _emptied(values) if name in looked_up else values
            for name, values in columns.items()
        }
        stale = _shaped(predictor.outputs(predictor.fill(emptied)), self.task)
        metric = {"binary": "roc_auc", "multiclass": "f1", "regression": "r2"}[self.task]
        fresh, frozen = self.score(answers), self.score(stale)
        if metric not in fresh:
            return None
        return {
            "metric": metric,
            "fresh": fresh[metric],
            "frozen": frozen[metric],
            "as_of": predictor.metadata["lookups_as_of"],
            "columns": looked_up,
        }


def _gains(own: Scores, other: Scores) -> Scores:
    return {
        name: other[name] - own[name] if smaller_is_better(name) else own[name] - other[name]
        for name in own
        if name in other
    }


def _emptied(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return np.full(len(values), None, dtype=object)
    return np.full(len(values), np.nan if values.dtype.kind == "f" else "NaT", values.dtype)


def _calibration(probability: NDArray[np.float64], hit: NDArray[np.bool_]) -> dict[str, Any]:
    """Ten bins with equally many rows, and their mean gap weighted by size (expected error)."""
    if len(np.unique(hit)) < 2:
        return {"bins": [], "ece": None}
    observed, predicted = calibration_curve(hit, probability, n_bins=10, strategy="quantile")
    edges = np.quantile(probability, np.linspace(0, 1, 11)[1:-1])
    sizes = np.bincount(np.searchsorted(edges, probability), minlength=10)
    sizes = sizes[sizes > 0]
    bins = [
        {"mean_predicted": float(p), "observed": float(o), "n": int(n)}
        for p, o, n in zip(predicted, observed, sizes, strict=False)
    ]
    total = sum(b["n"] for b in bins)
    ece = sum(b["n"] * abs(b["mean_predicted"] - b["observed"]) for b in bins) / total
    return {"bins": bins, "ece": float(ece)}


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
    return [[float(x[i]), float(y[i])] for i in kept]
