"""The stage `evaluate`: open the test set, count the opening, and study the errors."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import tracking
from .bundle import BUNDLE, LADDER
from .config import Params
from .data import applicable
from .encoding import Encoder
from .figures import draw_all
from .files import read_json, write_json
from .folds import make_folds
from .ladder import answers_of, refit, score_answers
from .rungs import make_rungs
from .serving.predictor import Predictor
from .study import claims, failures
from .study.answers import FIGURES, METRICS, Study, count_opening
from .study.learning import learning_curve
from .study.slices import slices
from .table import Table, encoder_for, read_table

FLEXIBLE = ("LightGBM", "histogram gradient boosting", "random forest", "decision tree")


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
    openings = count_opening(root, root / "data" / "test.parquet", predictor.version)
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
    study = _TableStudy(test, predictor.metadata, params)
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
    fold = make_folds(
        train.y, 5, classes=train.is_classes, time=train.time, groups=train.groups, seed=params.seed
    )[-1]
    result["learning_curve"] = learning_curve(
        train.x, train.y, fold, rungs, chosen, metric, params.seed, encoder_for(train.schema)
    )
    result["rule_would_do"] = claims.rule_would_do(ladder)
    write_json(root / METRICS, result)
    data = read_json(root / "reports" / "data.json", "data")
    figures = draw_all(data, ladder, result, root / FIGURES)
    tracking.log_evaluation(
        root, ladder.get("mlflow_run_id"), result["chosen"], [root / METRICS, *figures]
    )
    return result


def _shaped(outputs: NDArray[np.float64], task: str) -> NDArray[np.float64]:
    return outputs.ravel() if task == "regression" else outputs


class _TableStudy(Study):
    """What can be studied of rows with named columns, too."""

    def __init__(self, test: Table, metadata: dict[str, Any], params: Params) -> None:
        task = test.schema.target.task
        super().__init__(
            test.y,
            task,
            metadata["threshold"],
            params.costs,
            params.seed,
            test.time,
            metadata["confidence_floor"],
        )
        self.test = test
        self.params = params

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
            "slices": slices(self.test.x, loss, "mae" if self.task == "regression" else "log_loss"),
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


def _emptied(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return np.full(len(values), None, dtype=object)
    return np.full(len(values), np.nan if values.dtype.kind == "f" else "NaT", values.dtype)
