"""The evaluation stage: judge the model on the test images once, and study where it fails."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import folds
from .features import from_spec
from .models import AUGMENTED, PIXELS, make_candidates
from .settings import Params
from .toolkit.charts import classes, figures
from .toolkit.evaluation.evaluation import FIGURES, METRICS, Evaluation
from .toolkit.evaluation.learning_curve import learning_curve
from .toolkit.evaluation.openings import count_opening
from .toolkit.evaluation.review import covered
from .toolkit.evaluation.slices import slices
from .toolkit.evaluation.verdicts import verdict
from .toolkit.image_errors import charts, failures, robustness
from .toolkit.image_errors.certainty import by_certainty
from .toolkit.image_errors.other_splits import other_splits
from .toolkit.image_models.feature_cache import FeatureCache
from .toolkit.image_models.predictor import Predictor
from .toolkit.images.dataset import ImageDataset, read_dataset
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, add_findings, read_ladder
from .toolkit.training.comparison import Candidate, named, refit
from .toolkit.training.scoring import by_scorer, predict_scores

# Figures that show images lie apart: the images may be under another licence than the project.
PICTURES = Path("reports", "pictures")
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
    ladder = read_ladder(root)
    predictor = Predictor.load(root / BUNDLE, from_spec)
    train = read_dataset(root, "train")
    # From here on the test images are known: whoever changes the model now fits it to them.
    openings, looks = count_opening(root, root / "data" / "test.json", predictor.version)
    test = read_dataset(root, "test")

    described = predictor.metadata
    cache, held_out = (FeatureCache(each, params.images.max_megapixels) for each in (train, test))
    evaluation = Evaluation(
        test.y, test.task, described, params.costs, test.units, params.seed, own_scores=own_scores
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
        "labels": test.classes,
        **evaluation.measure(predictions, baseline(train, test, candidates), ladder),
        "samples": failures.samples(held_out, params.seed),
        **study_failures(held_out, predictor, evaluation, predictions),
        "certainty": by_certainty(test, evaluation, predictions),
        "other_splits": other_splits(
            train,
            named(candidates, ladder["chosen"]),
            by_scorer(ladder["metric"], train.y),
            ladder,
            params.seed,
        ),
        "robustness": measure_robustness(
            cache, held_out, predictor, evaluation, candidates, ladder, params
        ),
        "learning_curve": learning_curve(
            train.positions,
            train.y,
            folds(train, params),
            candidates,
            named(candidates, ladder["chosen"]),
            ladder["metric"],
            params.seed,
        ),
    }
    result["verdict"] = verdict(ladder, result, PIXELS)
    write_json(root / METRICS, failures.without_images(result))
    # The service follows: where a look by a person does not pay, none is asked for.
    add_findings(root / BUNDLE, predictor.version, {"review": result["review"]})
    data = read_json(root / "reports" / "data.json", "data")
    drawn = figures.draw_all(CHARTS, data, ladder, result, root / FIGURES)
    drawn += figures.draw_all(charts.PICTURES, data, ladder, result, root / PICTURES)
    charts.write_notice(data, root / PICTURES)
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
    held, _ = covered(test.y, predictions, predictor.metadata)
    worst = failures.worst_cases(held_out, loss, predictions, decisions)
    return {
        "per_class": failures.per_class(test.y, decisions, test.classes),
        "slices": slices(failures.traits(test), loss, "log_loss", units=test.units, held=held),
        "worst": worst,
        "explanations": failures.explanations(held_out, predictor, predictions, decisions, worst),
        "fairness": [],
    }


def measure_robustness(
    cache: FeatureCache,
    held_out: FeatureCache,
    predictor: Predictor,
    evaluation: Evaluation,
    candidates: list[Candidate],
    ladder: dict[str, Any],
    params: Params,
) -> dict[str, Any]:
    """What corruptions cost, and whether training on disturbed images would help against the worst."""
    content = robustness.measure(held_out, predictor.outputs, evaluation.decisions, params.seed)
    measured = [rung["name"] for rung in ladder["rungs"]]
    if AUGMENTED in measured and ladder["chosen"] != AUGMENTED:
        train = cache.dataset
        model = refit(named(candidates, AUGMENTED), candidates, None, train.positions, train.y)
        content["answer"] = robustness.measure_augmented(
            AUGMENTED,
            model,
            held_out,
            predictor.outputs,
            evaluation.decisions,
            content["worst"],
            params.seed,
        )
    return content
