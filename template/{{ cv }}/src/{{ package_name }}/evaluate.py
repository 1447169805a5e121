"""The evaluation stage: judge the model on the test images once, and study where it fails."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import folds
from .features import from_spec
from .models import AUGMENTED, PIXELS, make_candidates
from .settings import Params
from .toolkit.charts import classes, figures
from .toolkit.evaluation.evaluation import FIGURES, METRICS, Evaluation
from .toolkit.evaluation.judgements import repeated, rule_would_do
from .toolkit.evaluation.learning_curve import learning_curve
from .toolkit.evaluation.openings import count_opening
from .toolkit.evaluation.slices import slices
from .toolkit.image_errors import charts, failures, robustness
from .toolkit.image_models.feature_cache import FeatureCache
from .toolkit.image_models.predictor import Predictor
from .toolkit.images.dataset import ImageDataset, read_dataset
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, LADDER
from .toolkit.training.comparison import Candidate, named, refit
from .toolkit.training.scoring import predict_scores, score_predictions

CHARTS: figures.Charts = {**figures.COMPARISON, **classes.CHARTS, **charts.IMAGES}


def own_scores(
    y: NDArray[Any], predictions: NDArray[np.float64], decisions: NDArray[Any]
) -> dict[str, float]:
    """Scores of your own beside the usual ones; each gets an interval and a line in the report.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class codes.
    predictions : ndarray of shape (n, classes)
        Probabilities.
    decisions : ndarray of shape (n,)
        Class codes after the threshold.
    """
    return {}


def run(project: Project, params: Params) -> dict[str, Any]:
    """Measure the model in place on the test images.

    Returns
    -------
    dict
        The content of `reports/metrics.json`.

    Raises
    ------
    UserError
        If there is no model, or there are no test images.
    """
    root = project.root
    ladder = read_json(root / LADDER, "train")
    predictor = Predictor.load(root / BUNDLE, from_spec)
    train = read_dataset(root, "train")
    # From here on the test images are known: whoever changes the model now fits it to them.
    openings, looks = count_opening(root, root / "data" / "test.json", predictor.version)
    test = read_dataset(root, "test")

    described = predictor.metadata
    cache, held_out = (FeatureCache(each, params.images.max_megapixels) for each in (train, test))
    evaluation = Evaluation(
        test.y,
        test.task,
        described["threshold"],
        params.costs,
        params.seed,
        floor=described["confidence_floor"],
        own_scores=own_scores,
    )
    predictions = predictor.row_outputs(np.asarray(held_out.features(predictor.extractor)))
    candidates = make_candidates(cache, described["schema"]["image"], params)
    result: dict[str, Any] = {
        "task": evaluation.task,
        "n_train": len(train),
        "n_test": len(test),
        "test_openings": openings,
        "test_looks": looks,
        "model_version": predictor.version,
        **repeated(ladder, score_predictions(ladder["metric"], predictions, test.y)),
        "labels": test.classes,
        **evaluation.scores(predictions, baseline(train, test, candidates)),
        **evaluation.curves(predictions),
        **study_failures(held_out, predictor, evaluation, predictions),
        "robustness": measure_robustness(cache, held_out, predictor, candidates, ladder, params),
        **check_claims(train, candidates, ladder, params),
    }
    write_json(root / METRICS, result)
    data = read_json(root / "reports" / "data.json", "data")
    drawn = figures.draw_all(CHARTS, data, ladder, result, root / FIGURES)
    run_id = ladder.get("mlflow_run_id")
    tracking.log_evaluation(project, run_id, result["chosen"], [root / METRICS, *drawn])
    return result


def baseline(
    train: ImageDataset, test: ImageDataset, candidates: list[Candidate]
) -> NDArray[np.float64]:
    """What the first candidate, fitted on the training images, predicts for the test images."""
    model = refit(candidates[0], candidates, None, train.positions, train.y)
    return predict_scores(model, test.positions, len(train.classes))


def study_failures(
    held_out: FeatureCache,
    predictor: Predictor,
    evaluation: Evaluation,
    predictions: NDArray[np.float64],
) -> dict[str, Any]:
    """Where the model errs, by class, by what the files are like and image by image; where it looks."""
    test, decisions = held_out.dataset, evaluation.decisions(predictions)
    loss = evaluation.loss(test.y, predictions)
    worst = failures.worst_cases(held_out, loss, predictions, decisions)
    return {
        "per_class": failures.per_class(test.y, decisions, test.classes),
        "slices": slices(failures.traits(test), loss, "log_loss"),
        "worst": worst,
        "explanations": failures.explanations(held_out, predictor, predictions, worst),
        "fairness": [],
    }


def measure_robustness(
    cache: FeatureCache,
    held_out: FeatureCache,
    predictor: Predictor,
    candidates: list[Candidate],
    ladder: dict[str, Any],
    params: Params,
) -> dict[str, Any]:
    """What corruptions cost, and whether training on disturbed images would help against the worst."""
    content = robustness.measure(held_out, predictor.outputs, params.seed)
    measured = [rung["name"] for rung in ladder["rungs"]]
    if AUGMENTED in measured and ladder["chosen"] != AUGMENTED:
        train = cache.dataset
        model = refit(named(candidates, AUGMENTED), candidates, None, train.positions, train.y)
        content["answer"] = robustness.measure_augmented(
            AUGMENTED, model, held_out, content["worst"], params.seed
        )
    return content


def check_claims(
    train: ImageDataset, candidates: list[Candidate], ladder: dict[str, Any], params: Params
) -> dict[str, Any]:
    """Our own numbers put to the test: would more images help, and would a simple model do as well?"""
    fold, chosen = folds(train, params, 5)[-1], named(candidates, ladder["chosen"])
    return {
        "learning_curve": learning_curve(
            train.positions, train.y, fold, candidates, chosen, ladder["metric"], params.seed
        ),
        "rule_would_do": rule_would_do(ladder, PIXELS),
    }
