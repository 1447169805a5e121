"""The training stage: compare the candidates, choose one, fit it on all training images, export it."""

from typing import Any

from .data import folds
from .features import from_spec
from .models import make_candidates
from .settings import Params
from .toolkit.evaluation.review import plan_review
from .toolkit.image_models.bundle import installed, write_bundle
from .toolkit.image_models.feature_cache import FeatureCache
from .toolkit.images.dataset import ImageDataset, read_dataset, read_schema
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.training import tracking
from .toolkit.training.bundle import LADDER, REFUSED, provenance
from .toolkit.training.comparison import Comparison, Result, cross_validate, refit
from .toolkit.training.decisions import fit_sets
from .toolkit.training.scoring import by_scorer
from .toolkit.training.threshold import cheapest_threshold

METRIC = {"binary": "roc_auc", "multiclass": "f1_macro"}
RULE = (
    "The simplest candidate whose mean score is within one standard error of the best "
    "(Breiman, Friedman, Olshen and Stone 1984, section 3.4.3)."
)


def run(project: Project, params: Params) -> dict[str, Any]:
    """Train, and put the new model in place.

    Returns
    -------
    dict
        The content of `reports/ladder.json`.

    Raises
    ------
    UserError
        If nothing beats the first candidate, or the exported model differs from the trained one; the
        earlier model then stays in place.
    """
    root = project.root
    dataset, schema = read_dataset(root, "train"), read_schema(root)
    cache = FeatureCache(dataset, params.images.max_megapixels)
    candidates = make_candidates(cache, schema["image"], params)
    comparison = cross_validate(
        candidates,
        dataset.positions,
        dataset.y,
        folds(dataset, params),
        by_scorer(metric_for(dataset, params), dataset.y),
    )
    chosen = choose(comparison)
    ladder = comparison.to_json(chosen, RULE)
    if chosen is comparison.results[0]:
        write_json(root / REFUSED, ladder)
        raise UserError(
            f"Nothing beats `{chosen.name}`: {comparison.best.name} has {comparison.metric} "
            f"{comparison.best.mean:.3f} against {chosen.mean:.3f}, within one standard error. No "
            "model was put in place, since none would be worth serving. Collect more images, or "
            f"clearer ones; {REFUSED} has every score."
        )
    model = refit(chosen.candidate, candidates, None, dataset.positions, dataset.y)
    metadata = {
        **provenance(project, installed()),
        **describe(dataset, comparison, chosen, schema, params),
    }
    # Images only: the classes of the test rows stay closed.
    held_out = FeatureCache(read_dataset(root, "test"), params.images.max_megapixels)
    write_bundle(root, model, metadata, held_out, from_spec, ladder)
    tags = {
        "data_sha256": metadata["data_sha256"],
        "git_commit": metadata["git_commit"] or "none",
        "model_version": metadata["model_version"],
    }
    ladder["mlflow_run_id"] = tracking.log_comparison(
        project, params, comparison, chosen, tags, [root / LADDER]
    )
    ladder["model_version"] = metadata["model_version"]
    write_json(root / LADDER, ladder)
    return ladder


def metric_for(dataset: ImageDataset, params: Params) -> str:
    """The scorer that ranks the candidates.

    With two classes it needs no threshold; with more, each class counts alike, however rare it is.
    """
    return METRIC[dataset.task] if params.metric == "auto" else params.metric


def choose(comparison: Comparison) -> Result:
    """The simplest candidate within one standard error of the best; see `RULE`.

    The best mean of several is partly luck. A simpler model that chance cannot tell from it is
    cheaper to run and easier to defend.
    """
    best = comparison.best
    floor = best.mean - best.standard_error
    return next(result for result in comparison.results if result.mean >= floor)


def describe(
    dataset: ImageDataset,
    comparison: Comparison,
    chosen: Result,
    schema: dict[str, Any],
    params: Params,
) -> dict[str, Any]:
    """What the service must know of the model, decided on predictions for rows it had not seen."""
    target, costs = schema["target"], None
    rows, predictions = comparison.validated, chosen.out_of_fold
    truth, units = dataset.y[rows], dataset.units.take(rows)
    decided: dict[str, Any] = {"threshold": None, "interval": None}
    decided["sets"] = fit_sets(truth, predictions)
    if target["task"] == "binary":
        costs = params.costs.model_dump(exclude={"currency"})
        # Not 0.5: the threshold follows from what each kind of error costs. It is chosen out of
        # fold, never on the test set, which would then judge a number fitted to it.
        decided["threshold"] = cheapest_threshold(
            truth == 1,  # the data stage puts the positive class second
            predictions[:, 1],
            params.costs.false_positive,
            params.costs.false_negative,
        )
    return {
        "task": target["task"],
        "target": target["name"],
        "classes": target["classes"],
        "positive": target["positive"],
        **decided,
        "review": plan_review(truth, predictions, decided, params.review.share, costs, units),
        "rung": chosen.name,
        "rung_reason": chosen.candidate.reason,
        "metrics": {"metric": comparison.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
        "schema": schema,
    }
