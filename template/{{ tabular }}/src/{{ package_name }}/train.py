"""The training stage: compare the candidates, choose one, fit it on all training rows, export it."""

from typing import Any

import numpy as np

from .data import folds, settled
from .features import derive
from .models import make_candidates
from .settings import Params
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.tables.bundle import PACKAGES, write_bundle
from .toolkit.tables.dataset import Table, read_rows, read_table
from .toolkit.tables.encoder import Encoder, encoder_for
from .toolkit.training import tracking
from .toolkit.training.bundle import LADDER, provenance
from .toolkit.training.comparison import Candidate, Comparison, Result, cross_validate, refit
from .toolkit.training.scoring import by_scorer
from .toolkit.training.threshold import cheapest_threshold, confidence_floor

METRIC = {"binary": "roc_auc", "multiclass": "f1_macro", "regression": "r2"}
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
    table = read_table(root, "train")
    params = settled(root, params)
    candidates = candidates_for(table, params)
    comparison = cross_validate(
        candidates,
        table.x,
        table.y,
        folds(table, params),
        by_scorer(metric_for(table, params), table.y),
        encoder_for(table.schema, derive),  # fitted in each fold, on its training rows only
    )
    chosen = choose(comparison)
    ladder = comparison.to_json(chosen, RULE)
    write_json(root / LADDER, ladder)
    if chosen is comparison.results[0]:
        raise UserError(
            f"Nothing beats `{chosen.name}`: {comparison.best.name} has {comparison.metric} "
            f"{comparison.best.mean:.3f} against {chosen.mean:.3f}, within one standard error. No "
            "model was put in place, since none would be worth serving. Look for better features or "
            f"more rows; {LADDER} has every score."
        )
    encoder, model = fit(chosen.candidate, candidates, table)
    metadata = {**provenance(project, PACKAGES), **describe(table, comparison, chosen, params)}
    # Inputs only: the labels of the test rows stay closed.
    held_out = read_rows(root, "test", table.schema)
    write_bundle(root, table, encoder, model, metadata, held_out, params.data.lookups)
    tags = {
        "data_sha256": metadata["data_sha256"],
        "git_commit": metadata["git_commit"] or "none",
        "model_version": metadata["model_version"],
    }
    ladder["mlflow_run_id"] = tracking.log_comparison(
        project, params, comparison, chosen, tags, [root / LADDER]
    )
    write_json(root / LADDER, ladder)
    return ladder


def candidates_for(table: Table, params: Params) -> list[Candidate]:
    """The ladder for these rows."""
    task, ladder = table.schema.target.task, params.ladder
    return make_candidates(task, len(table.y), ladder.rule, ladder.skip, params.seed)


def metric_for(table: Table, params: Params) -> str:
    """The scorer that ranks the candidates: one that needs no threshold, unless a setting names it."""
    return METRIC[table.schema.target.task] if params.metric == "auto" else params.metric


def choose(comparison: Comparison) -> Result:
    """The simplest candidate within one standard error of the best; see `RULE`.

    The best mean of several is partly luck. A simpler model that chance cannot tell from it is
    cheaper to run and easier to defend.
    """
    best = comparison.best
    floor = best.mean - best.standard_error
    return next(result for result in comparison.results if result.mean >= floor)


def fit(candidate: Candidate, candidates: list[Candidate], table: Table) -> tuple[Encoder, Any]:
    """The encoder and the candidate, fitted on all rows of `table`."""
    encoder = encoder_for(table.schema, derive).fit(table.x, table.y)
    return encoder, refit(candidate, candidates, encoder, encoder.transform(table.x), table.y)


def describe(
    table: Table, comparison: Comparison, chosen: Result, params: Params
) -> dict[str, Any]:
    """What the service must know of the model, decided on predictions for rows it had not seen."""
    target = table.schema.target
    truth, predictions = table.y[comparison.validated], chosen.out_of_fold
    threshold = interval = floor = None
    if target.task == "regression":
        interval = [float(q) for q in np.quantile(truth - predictions, [0.05, 0.95])]
    else:
        floor = confidence_floor(params.review.confidence_floor, predictions, truth)
    if target.task == "binary":
        # Not 0.5: the threshold follows from what each kind of error costs. It is chosen out of
        # fold, never on the test set, which would then judge a number fitted to it.
        threshold = cheapest_threshold(
            truth == 1,  # the data stage puts the positive class second
            predictions[:, 1],
            params.costs.false_positive,
            params.costs.false_negative,
        )
    return {
        "task": target.task,
        "target": target.name,
        "classes": target.classes,
        "positive": target.positive,
        "threshold": threshold,
        "interval": interval,
        "confidence_floor": floor,
        "rung": chosen.name,
        "rung_reason": chosen.candidate.reason,
        "metrics": {"metric": comparison.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
    }
