"""The gate: a challenger answers in the champion's place only if rows that neither has seen say so.

A challenger comes out of `run` (`register`), or is retrained with labels that have come since
(`retrain`). Either way it ends in `decide`: judged, then promoted, or refused with the figures.
"""

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .api import load
from .data import folds, settled
from .features import derive
from .models import make_candidates
from .settings import Params
from .toolkit.evaluation.intervals import LEAST
from .toolkit.evaluation.openings import count_opening
from .toolkit.journal import labelled
from .toolkit.journal.recorder import folder_of
from .toolkit.monitoring import reference
from .toolkit.project.errors import UserError
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.registry import evidence
from .toolkit.registry.evidence import Decision, NotComparable, Pair, Verdict
from .toolkit.registry.registry import Registry, Version
from .toolkit.tables.bundle import PACKAGES, write_bundle
from .toolkit.tables.dataset import Table, read_table
from .toolkit.tables.encoder import encoder_for
from .toolkit.tables.predictor import Predictor
from .toolkit.tables.tuning import Search
from .toolkit.training.bundle import BUNDLE, provenance, served
from .toolkit.training.comparison import cross_validate, named
from .toolkit.training.scoring import by_scorer
from .train import describe, fit, metric_for

logger = logging.getLogger(__name__)

LOADER = f"{__package__}.api:load"  # how MLflow, which goes by names, finds what loads a bundle
CHALLENGER = Path("models", "challenger")
REGISTRATION = Path("reports", "registration.json")


class TooFewLabels(UserError):
    """Retraining has to wait for labels."""


def judge(
    project: Project, params: Params, challenger: Predictor, rows: Table | None = None
) -> Verdict:
    """Compare a challenger with the champion on rows that neither was trained on.

    Where there is nothing to compare with, it takes over if its export is sound.

    Parameters
    ----------
    project : Project
    params : Params
        `gate` holds the bounds.
    challenger : Predictor
    rows : Table, optional
        What to judge on; those that one of the two may have been trained on are left out. Without
        it the test set is opened, which is counted.
    """
    bounds = params.gate
    sound = evidence.parity(challenger)
    try:
        pair = pair_up(project, challenger, rows)
    except NotComparable as why:
        return Verdict.of([sound], f"{why} The challenger takes over.")
    # Below a few hundred rows, a better model cannot be told from a lucky one.
    enough = evidence.enough_rows(pair, at_least=bounds.least_rows)
    if not enough.passed:
        return Verdict.of([enough, sound])
    metric = challenger.metadata["metrics"]["metric"]
    return Verdict.of(
        [
            enough,
            # The whole interval must lie above the margin: a change has a price, so that a tie
            # goes to the champion.
            evidence.gain(pair, metric, bounds.margin, bounds.draws, params.seed),
            # A better mean may hide a group that is served worse.
            evidence.slices(pair, bounds.slice_bound, bounds.slice_bounds, bounds.smallest_slice),
            # What is served must be what was trained, alone or in a batch, and in time.
            sound,
            evidence.lone_record(pair),
            evidence.latency(pair, at_most_ms=bounds.latency_ms),
        ]
    )


def pair_up(project: Project, challenger: Predictor, rows: Table | None) -> Pair:
    """The challenger and the champion on rows that neither has seen, or `NotComparable`."""
    if served(project) == project.root / BUNDLE:
        raise NotComparable("There is no champion yet.")
    try:
        champion = load(served(project))
    except UserError as error:
        raise NotComparable(f"The champion cannot be used: {error}") from error
    evidence.require_same_target(challenger, champion)
    if rows is None:
        count_opening(project.root, project.root / "data" / "test.parquet", challenger.version)
        rows = read_table(project.root, "test")
    return Pair.on(rows, challenger, champion)


def decide(
    project: Project, params: Params, version: Version, bundle: Path, rows: Table | None = None
) -> Decision:
    """Judge a registered version; promote it, or write down the refusal.

    Without `rows` it is judged on labelled traffic that it has not seen, when there is enough of
    it; on the test set otherwise.
    """
    challenger, registry = load(bundle), Registry(project, load)
    if rows is None and (known := labelled.traffic(project, challenger)) is not None:
        unseen = labelled.unseen(known, challenger)
        rows = unseen if len(unseen.y) >= params.gate.least_rows else None
    verdict = judge(project, params, challenger, rows)
    checks = [asdict(check) for check in verdict.checks]
    if verdict.promoted:
        registry.promote(version, verdict.reasons, checks)
    else:
        registry.refuse(version, verdict.reasons, checks)
    return Decision(version, verdict, answering(project))


def answering(project: Project) -> str:
    """The version of the model that is served."""
    return str(read_json(served(project) / "metadata.json", "run")["model_version"])


def register(project: Project, params: Params) -> dict[str, Any]:
    """The last stage of `run`: register `models/current` and let the gate decide about it.

    A bundle that was decided about before is left as it is: what was rolled back stays so.

    Returns
    -------
    dict
        The content of `reports/registration.json`.
    """
    root, registry = project.root, Registry(project, load)
    folder_of(project).mkdir(
        parents=True, exist_ok=True
    )  # else a container's mount would be root's
    now = registry.champion()  # puts right what an interrupted promotion left
    if now is None and served(project) != root / BUNDLE:
        now = registry.adopt(LOADER)
    version = registry.register(LOADER)
    decided = version.tags.get("decision")
    if not decided and now is not None and now.number == version.number:
        decided = "promoted: it is the champion"  # the store went away before this was written
    if decided:
        logger.info("Version %d is known (%s).", version.number, decided)
        verdict = Verdict(decided.startswith("promoted"), [decided])
        decision = Decision(version, verdict, answering(project))
    else:
        decision = decide(project, params, version, root / BUNDLE)
    # What the monitor compares with, while the data is here.
    reference.of(root, load(root / BUNDLE))
    registry.attach(version)
    write_json(root / REGISTRATION, decision.to_json())
    return decision.to_json()


def promote(
    project: Project, params: Params, name: str, force: bool = False, reason: str = ""
) -> Decision:
    """Promote a registered version: when the gate lets it, or by hand with `force`.

    Raises
    ------
    UserError
        If there is no such version, or it is the champion already.
    """
    registry = Registry(project, load)
    now = registry.champion()
    version = registry.find(name)
    if now is not None and now.number == version.number:
        raise UserError(f"Version {version.number} is the champion already.")
    if force:
        why = reason or "Asked for by hand, without the gate."
        registry.promote(version, [why], by="hand")
        return Decision(version, Verdict(True, [why]), answering(project))
    with registry.fetched(version) as bundle:
        return decide(project, params, version, bundle)


def retrain(project: Project, params: Params, name: str | None = None) -> Decision:
    """Fit the champion's candidate again, with the labels that have come, and let the gate decide.

    Parameters
    ----------
    project : Project
    params : Params
    name : str, optional
        Another candidate than the champion's.

    Raises
    ------
    TooFewLabels
        If too few labels are newer than the champion's training, or of too few days to judge on.
    UserError
        If there is no champion.
    """
    root, registry = project.root, Registry(project, load)
    if registry.champion() is None:
        raise UserError("There is no champion to retrain. Run `run` first.")
    champion = load(served(project))
    known = labelled.traffic(project, champion)
    new = None if known is None else labelled.unseen(known, champion)
    found = 0 if new is None else len(new.y)
    wanted = math.ceil(params.gate.least_rows / params.gate.holdback)
    if known is None or new is None or found < wanted:
        raise TooFewLabels(
            f"{found:,} labelled predictions are newer than the champion's training; {wanted:,} are "
            f"needed, of which {params.gate.holdback:.0%} are kept to judge on. Add labels with "
            "`labels FILE`, or lower `gate.least_rows`."
        )
    # The newest rows judge, all older ones train: a random part would share its days with training
    # rows, and flatter the challenger alone.
    judging = new.take(np.arange(found - math.ceil(found * params.gate.holdback), found))
    if (units := judging.units).count < LEAST:
        # The gate would refuse whatever is trained, week after week.
        raise TooFewLabels(
            f"The newest {params.gate.holdback:.0%} of {found:,} new labels, kept to judge on, are "
            f"of {units.count} {units.name}; {LEAST} are needed for an interval. Add labels of "
            "more of them with `labels FILE`, or raise `gate.holdback`."
        )
    training = labelled.appended(read_table(root, "train"), labelled.before(known, judging))
    logger.info(
        "Training on %s rows, judging on %s.", f"{len(training.y):,}", f"{len(judging.y):,}"
    )
    same = str(champion.metadata["rung"])
    settings = champion.metadata.get("settings", {}) if name in (None, same) else {}
    train_one(project, params, training, judging.x, name or same, settings)
    version = registry.register(LOADER, CHALLENGER)
    reference.keep(root, load(root / CHALLENGER), training, judging)
    registry.attach(version)
    return decide(project, params, version, root / CHALLENGER, judging)


def retrain_if_advised(
    project: Project, params: Params, seen: dict[str, Any], name: str | None = None
) -> Decision | str:
    """`retrain` where the monitor advises it.

    Parameters
    ----------
    project : Project
    params : Params
    seen : dict
        What the monitor found last: the content of `reports/monitor.json`.
    name : str, optional
        As for `retrain`.

    Returns
    -------
    Decision or str
        What became of the challenger, or why there is none: nothing advises it, or too few labels
        have come, which is written down with the decisions.
    """
    registry = Registry(project, load)
    if not seen["retrain"]:
        return "The last run of the monitor does not advise retraining."
    now = registry.champion()
    if now is None or now.model_version != seen["model_version"]:
        return f"The monitor last watched {seen['model_version']}, which is not the champion."
    try:
        return retrain(project, params, name)
    except TooFewLabels as error:
        registry.postpone(now, [str(error)])
        return str(error)


def train_one(
    project: Project,
    params: Params,
    table: Table,
    held_out: pd.DataFrame,
    name: str,
    settings: dict[str, Any],
) -> None:
    """Fit one candidate on `table`, without comparing the others, and put it at `CHALLENGER`.

    It is cross-validated all the same: its threshold and its interval are decided out of fold.

    Parameters
    ----------
    project : Project
    params : Params
    table : Table
        Rows to learn from, in time order if they have a time.
    held_out : DataFrame
        Typed inputs on which the exported model is compared with the trained one.
    name : str
        The candidate's.
    settings : dict
        What was settled for it when it was chosen; it is not searched for again.

    Raises
    ------
    UserError
        If there is no such candidate, or the exported model differs from the trained one.
    """
    params = settled(project.root, params)
    task, unused = table.schema.target.task, Search({}, 0, 1, 0, params.seed)
    ladder = make_candidates(task, len(table.y), params.ladder.rule, [], params.seed, unused)
    chosen = named(ladder, name).given(settings)
    needed = [*(each for each in ladder if each.name in chosen.members), chosen]
    comparison = cross_validate(
        needed,
        table.x,
        table.y,
        folds(table, params),
        by_scorer(metric_for(table, params), table.y),
        encoder_for(table.schema, derive),
    )
    encoder, model = fit(chosen, needed, table)
    metadata = {
        **provenance(project, PACKAGES, labelled.digest(table)),
        **describe(table, comparison, comparison.result(name), params),
        "settings": settings,
    }
    lookups = params.data.lookups
    write_bundle(project.root, table, encoder, model, metadata, held_out, lookups, home=CHALLENGER)
