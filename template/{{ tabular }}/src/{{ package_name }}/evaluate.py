"""The evaluation stage: judge the model on the test rows once, and study where it fails."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import folds, settled
from .features import derive
from .models import FLEXIBLE, RULE
from .settings import Params
from .toolkit.charts import classes, exploration, figures, tables
from .toolkit.error_analysis import failures, sanity_checks
from .toolkit.evaluation.evaluation import FIGURES, METRICS, Evaluation
from .toolkit.evaluation.learning_curve import learning_curve
from .toolkit.evaluation.openings import count_opening
from .toolkit.evaluation.review import covered
from .toolkit.evaluation.slices import slices
from .toolkit.evaluation.verdicts import verdict
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.tables.dataset import Table, read_table
from .toolkit.tables.encoder import encoder_for
from .toolkit.tables.predictor import Predictor
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, add_findings, read_ladder
from .toolkit.training.comparison import Candidate, named
from .toolkit.training.scoring import predict_scores
from .train import candidates_for, fit

CHARTS: figures.Charts = {
    **figures.COMPARISON,
    **exploration.CHARTS,
    **classes.CHARTS,
    **tables.CHARTS,
}


def own_scores(
    y: NDArray[Any], predictions: NDArray[np.float64], decisions: NDArray[Any]
) -> dict[str, float]:
    """Scores of your own beside the usual ones; each gets an interval and a line in the report.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class codes, or values.
    predictions : ndarray of shape (n, classes) or (n,)
        Probabilities, or values.
    decisions : ndarray of shape (n,)
        Class codes after the threshold, or values.
    """
    return {}


def run(project: Project, params: Params) -> dict[str, Any]:
    """Measure the model in place on the test rows.

    Returns
    -------
    dict
        The content of `reports/metrics.json`.

    Raises
    ------
    UserError
        If there is no model, or there are no test rows.
    """
    root = project.root
    ladder = read_ladder(root)
    params = settled(root, params)
    predictor = Predictor.load(root / BUNDLE, derive)
    train = read_table(root, "train")
    # From here on the test rows are known: whoever changes the model now fits it to them.
    openings, looks = count_opening(root, root / "data" / "test.parquet", predictor.version)
    test = read_table(root, "test")

    evaluation = Evaluation(
        test.y,
        test.schema.target.task,
        predictor.metadata,
        params.costs,
        test.units,
        params.seed,
        None if test.is_classes else float(np.median(train.y)),
        own_scores,
    )
    # The fresh values of looked-up columns are known here; what a stale snapshot costs is below.
    predictions = predictor.predictions(test.columns)
    candidates = candidates_for(train, params)
    result: dict[str, Any] = {
        "task": evaluation.task,
        "n_train": len(train.y),
        "n_test": len(test.y),
        "test_openings": openings,
        "test_looks": looks,
        "model_version": predictor.version,
        "labels": [str(label) for label in test.schema.target.classes or ()],
        **evaluation.measure(predictions, baseline(train, test, candidates), ladder),
        **study_failures(train, test, predictor, evaluation, predictions, params),
        **check_claims(train, test, predictor, evaluation, candidates, ladder, params),
    }
    result["verdict"] = verdict(
        ladder, result, RULE, over_rule(train, test, candidates, predictions, evaluation, ladder)
    )
    write_json(root / METRICS, result)
    # The service follows: where a look by a person does not pay, none is asked for.
    add_findings(root / BUNDLE, predictor.version, {"review": result["review"]})
    data = read_json(root / "reports" / "data.json", "data")
    drawn = figures.draw_all(CHARTS, data, ladder, result, root / FIGURES)
    run_id = ladder.get("mlflow_run_id")
    tracking.log_evaluation(project, run_id, result["chosen"], [root / METRICS, *drawn])
    return result


def baseline(train: Table, test: Table, candidates: list[Candidate]) -> NDArray[np.float64]:
    """What the first candidate, fitted on the training rows, predicts for the test rows."""
    _, model = fit(candidates[0], candidates, train)
    # It ignores the features, so that none need be encoded.
    rows, classes = np.zeros((len(test.y), 1)), len(test.schema.target.classes or ())
    return predict_scores(model, rows, classes)


def over_rule(
    train: Table,
    test: Table,
    candidates: list[Candidate],
    predictions: NDArray[np.float64],
    evaluation: Evaluation,
    ladder: dict[str, Any],
) -> dict[str, Any] | None:
    """What the model gains over the rule of thumb on the test rows; None where it is the rule."""
    rule = next((each for each in candidates if each.name == RULE), None)
    if rule is None or ladder["chosen"] == RULE:
        return None
    encoder, model = fit(rule, candidates, train)
    classes = len(test.schema.target.classes or ())
    by_rule = predict_scores(model, encoder.transform(test.x), classes)
    return evaluation.gain_over(by_rule, predictions, ladder["metric"])


def study_failures(
    train: Table,
    test: Table,
    predictor: Predictor,
    evaluation: Evaluation,
    predictions: NDArray[np.float64],
    params: Params,
) -> dict[str, Any]:
    """Where the model errs: by group of rows, row by row, by sensitive group, by column."""
    decisions = evaluation.decisions(predictions)
    loss = evaluation.loss(test.y, predictions)
    held, _ = covered(test.y, predictions, predictor.metadata)
    unit = "mae" if evaluation.task == "regression" else "log_loss"
    encoder = encoder_for(train.schema, derive).fit(train.x, train.y)
    return {
        "slices": slices(test.x, loss, unit, units=test.units, held=held),
        "worst": failures.worst_cases(test, loss, predictions, decisions),
        "fairness": failures.fairness(test, params.data.sensitive, test.y, decisions),
        "importance": failures.importance(test, encoder, predictor, evaluation.loss, params.seed),
    }


def check_claims(
    train: Table,
    test: Table,
    predictor: Predictor,
    evaluation: Evaluation,
    candidates: list[Candidate],
    ladder: dict[str, Any],
    params: Params,
) -> dict[str, Any]:
    """Our own numbers put to the test: what would have flattered them, and what would mend them."""
    encoder = encoder_for(train.schema, derive)
    metric, seed = ladder["metric"], params.seed
    chosen = named(candidates, ladder["chosen"])
    # As the last fold has settled it, on which the learning curve is drawn.
    (rung,) = (each for each in ladder["rungs"] if each["name"] == chosen.name)
    chosen = chosen.given(rung.get("settings", [{}])[-1])
    flexible = next((each for name in FLEXIBLE for each in candidates if each.name == name), None)
    return {
        "random_split": flexible
        and sanity_checks.random_split(train, test, encoder, candidates, flexible, metric, seed),
        "frozen_snapshot": sanity_checks.frozen_snapshot(predictor, test.columns, evaluation.score),
        "learning_curve": learning_curve(
            train.x, train.y, folds(train, params), candidates, chosen, metric, seed, encoder
        ),
    }
