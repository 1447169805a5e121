"""The training stage: compare the candidates, choose one, fit it on all training rows, export it."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import folds, settled
from .features import GROUPS, derive
from .models import (
    LIGHTGBM,
    LINEAR,
    TUNED,
    WEIGHTED,
    make_candidates,
    make_steps,
    make_weighted,
    search_space,
)
from .settings import Params
from .toolkit.evaluation.review import plan_review
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.splitting.folds import Fold
from .toolkit.tables import steps
from .toolkit.tables.bundle import PACKAGES, write_bundle
from .toolkit.tables.class_weights import compare_weights, is_rare
from .toolkit.tables.dataset import Table, columns_of, read_rows, read_table
from .toolkit.tables.encoder import Encoder, encoder_for
from .toolkit.tables.selection import drop_least
from .toolkit.tables.tuning import Search
from .toolkit.training import tracking
from .toolkit.training.bundle import LADDER, REFUSED, provenance
from .toolkit.training.comparison import (
    Candidate,
    Comparison,
    Result,
    Scoring,
    cross_validate,
    refit,
)
from .toolkit.training.decisions import fit_interval, fit_sets
from .toolkit.training.scoring import by_scorer
from .toolkit.training.threshold import cheapest_threshold

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
    search = search_for(table, params)
    candidates = candidates_for(table, params, search)
    scoring = by_scorer(metric_for(table, params), table.y)
    groups = groups_of(table, candidates)
    unfitted, inner = encoder_for(table.schema, derive), partial(inner_folds, table, params)
    comparison = cross_validate(
        candidates,
        table.x,
        table.y,
        folds(table, params),
        scoring,
        unfitted,  # fitted in each fold, on its training rows only
        beside=make_beside(table, candidates, groups),
        inner=inner,
    )
    chosen = choose(comparison)
    ladder = comparison.to_json(chosen, RULE)
    linear, untuned = LINEAR[table.is_classes], choose(comparison.without(TUNED))
    tuning = (LIGHTGBM, TUNED)
    ladder["steps"] = steps.measure(
        comparison, groups, linear, untuned, tuning, table.y, table.units, scoring, params.seed
    )
    if chosen is comparison.results[0]:
        write_json(root / REFUSED, ladder)
        raise UserError(
            f"Nothing beats `{chosen.name}`: {comparison.best.name} has {comparison.metric} "
            f"{comparison.best.mean:.3f} against {chosen.mean:.3f}, within one standard error. No "
            "model was put in place, since none would be worth serving. Look for better features or "
            f"more rows; {REFUSED} has every score."
        )
    if any(result.name == WEIGHTED for result in comparison.beside):
        costs = params.costs.model_dump(exclude={"currency"})
        ladder["class_weights"] = compare_weights(
            comparison, linear, WEIGHTED, table.y, costs, table.units, params.seed
        )
    ladder["selection"] = drop_least(
        comparison, chosen, candidates, table, scoring, unfitted, inner, params.seed
    )
    settings = settle(chosen.candidate, table, params, scoring)
    encoder, model = fit(chosen.candidate.given(settings), candidates, table)
    metadata = {
        **provenance(project, PACKAGES),
        **describe(table, comparison, chosen, params),
        "settings": settings,
    }
    if search is not None and search.found:
        ladder["tuning"] = search.to_json()
    # Inputs only: the labels of the test rows stay closed.
    held_out = read_rows(root, "test", table.schema)
    lookups = params.data.lookups
    write_bundle(root, table, encoder, model, metadata, held_out, lookups, ladder=ladder)
    tags = {
        "data_sha256": metadata["data_sha256"],
        "git_commit": metadata["git_commit"] or "none",
        "model_version": metadata["model_version"],
    }
    ladder["mlflow_run_id"] = tracking.log_comparison(
        project, params, comparison, chosen, tags, [root / LADDER], search.trials_ if search else ()
    )
    ladder["model_version"] = metadata["model_version"]
    write_json(root / LADDER, ladder)
    return ladder


def candidates_for(table: Table, params: Params, search: Search | None = None) -> list[Candidate]:
    """The ladder for these rows."""
    task, ladder = table.schema.target.task, params.ladder
    search = search or search_for(table, params)
    return make_candidates(task, len(table.y), ladder.rule, ladder.skip, params.seed, search)


def search_for(table: Table, params: Params) -> Search | None:
    """The search of the last candidate; None where `tuning.trials` is 0."""
    tuning, searches = params.tuning, len(folds(table, params)) + 1
    if not tuning.trials:
        return None
    return Search(search_space(len(table.y)), tuning.trials, searches, tuning.seconds, params.seed)


def inner_folds(table: Table, params: Params, rows: NDArray[np.intp]) -> list[Fold]:
    """Folds of some of the rows with the same promise as the outer ones."""
    return folds(table.take(rows), params)


def settle(candidate: Candidate, table: Table, params: Params, scoring: Scoring) -> dict[str, Any]:
    """What the candidate settles on all rows, for the model that ships."""
    if candidate.settle is None:
        return {}
    encoder = encoder_for(table.schema, derive).fit(table.x, table.y)
    inner = partial(inner_folds, table, params)
    return candidate.settled(encoder, encoder.transform(table.x), table.y, inner, scoring)


def make_beside(table: Table, candidates: list[Candidate], groups: steps.Groups) -> list[Candidate]:
    """What is measured beside the ladder: the linear model without features, and with class weights."""
    task, names = table.schema.target.task, [candidate.name for candidate in candidates]
    weighs = task == "binary" and is_rare(table.y) and LINEAR[True] in names
    return [*make_steps(task, groups), *([make_weighted()] if weighs else [])]


def groups_of(table: Table, candidates: list[Candidate]) -> steps.Groups:
    """The groups of features of these rows; none where no linear model is there to leave them out of."""
    if LINEAR[table.is_classes] not in [candidate.name for candidate in candidates]:
        return {}
    columns = [column.name for column in table.schema.columns]
    return steps.feature_groups(GROUPS, columns, derive(columns_of(table.x[:1])))


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
    target, costs = table.schema.target, None
    rows, predictions = comparison.validated, chosen.out_of_fold
    truth, units = table.y[rows], table.units.take(rows)
    decided: dict[str, Any] = {"threshold": None, "interval": None, "sets": None}
    if target.task == "regression":
        decided["interval"] = fit_interval(truth, predictions)
    else:
        decided["sets"] = fit_sets(truth, predictions)
    if target.task == "binary":
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
        "task": target.task,
        "target": target.name,
        "classes": target.classes,
        "positive": target.positive,
        **decided,
        "review": plan_review(truth, predictions, decided, params.review.share, costs, units),
        "rung": chosen.name,
        "rung_reason": chosen.candidate.reason,
        "metrics": {"metric": comparison.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
    }
