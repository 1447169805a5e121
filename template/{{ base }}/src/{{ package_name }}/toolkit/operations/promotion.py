"""From a new bundle to a decision: register it, judge it, promote it or say why not."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ... import train
from ..monitoring import reference
from ..project.config import Params
from ..project.errors import UserError
from ..project.files import read_json, write_json
from ..tables.dataset import Table, read_table
from ..tables.predictor import Predictor
from ..training.bundle import BUNDLE, served
from . import gate, labelled, monitor, registry
from .gate import Verdict
from .recorder import folder_of
from .registry import Version

logger = logging.getLogger(__name__)
CHALLENGER = Path("models", "challenger")
REGISTRATION = Path("reports", "registration.json")


class TooFewLabels(UserError):
    """Retraining has to wait for labels."""


@dataclass(frozen=True)
class Decision:
    """What became of a version."""

    version: Version
    verdict: Verdict
    champion: str

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        return {
            "version": self.version.number,
            "model_version": self.version.model_version,
            "champion": self.champion,
            **self.verdict.to_json(),
        }


def register(root: Path, params: Params) -> dict[str, Any]:
    """The last stage of `run`: register `models/current` and let the gate decide about it.

    A bundle that was decided about before is left as it is: what was rolled back stays so.

    Returns
    -------
    dict
        The content of `reports/registration.json`.
    """
    folder_of(root).mkdir(parents=True, exist_ok=True)  # else a container's mount would be root's
    now = registry.champion(root)  # puts right what an interrupted promotion left
    if now is None and served(root) != root / BUNDLE:
        now = registry.adopt(root)
    version = registry.register(root)
    decided = version.tags.get("decision")
    if not decided and now is not None and now.number == version.number:
        decided = "promoted: it is the champion"  # the store went away before this was written
    if decided:
        logger.info("Version %d is known (%s).", version.number, decided)
        verdict = Verdict(decided.startswith("promoted"), [decided])
        decision = Decision(version, verdict, _champion(root))
    else:
        decision = decide(root, params, version, root / BUNDLE)
    # What the monitor compares with, while the data is here.
    reference.of(root, root / BUNDLE)
    registry.attach(root, version)
    write_json(root / REGISTRATION, decision.to_json())
    return decision.to_json()


def decide(
    root: Path, params: Params, version: Version, bundle: Path, rows: Table | None = None
) -> Decision:
    """Judge a registered version against the champion; promote it or write down the refusal.

    Judged on labelled traffic newer than what both were trained on, when there is enough of it; on
    the test set otherwise, whose openings are counted.
    """
    if rows is None:
        source = Predictor.load(bundle)
        known = labelled.traffic(root, source)
        rows = None if known is None else labelled.unlearnt(known, source)
        if rows is not None and len(rows.y) < params.gate.least_rows:
            rows = None
    verdict = gate.judge(root, params, bundle, rows=rows)
    checks = verdict.to_json()["checks"]
    if verdict.promoted:
        registry.promote(root, version, verdict.reasons, checks)
    else:
        registry.refuse(root, version, verdict.reasons, checks)
    return Decision(version, verdict, _champion(root))


def retrain(root: Path, params: Params, rung: str | None = None) -> Decision:
    """Fit the champion's rung anew with the labels that have come, and let the gate decide.

    The newest `gate.holdback` of the labelled rows after the champion's training are kept from the
    challenger: on them, which neither has seen, the two are compared.

    Parameters
    ----------
    root : Path
    params : Params
    rung : str, optional
        Another rung of the ladder than the champion's.

    Raises
    ------
    TooFewLabels
        If too few labels are newer than the champion's training.
    UserError
        If there is no champion.
    """
    if registry.champion(root) is None:
        raise UserError("There is no champion to retrain. Run `run` first.")
    champion = Predictor.load(served(root))
    known = labelled.traffic(root, champion)
    new = None if known is None else labelled.unlearnt(known, champion)
    wanted = int(np.ceil(params.gate.least_rows / params.gate.holdback))
    found = 0 if new is None else len(new.y)
    if known is None or new is None or found < wanted:
        raise TooFewLabels(
            f"{found:,} labelled predictions are newer than the champion's training; {wanted:,} are "
            f"needed, of which {params.gate.holdback:.0%} are kept to judge on. Add labels with "
            "`labels FILE`, or lower `gate.least_rows`."
        )
    old = read_table(root, "train")
    cut = found - int(np.ceil(found * params.gate.holdback))
    judged = new.take(np.arange(cut, found))
    moments = labelled.moments(known)
    recent = moments < labelled.moments(judged).min()
    if old.time is not None:
        # What lies in the table already was learnt from there.
        recent &= gate.newer(moments, [_last(old)])
    learnt = _together(old, known.take(np.flatnonzero(recent)))
    metadata = train.again(
        root, params, learnt, judged.x, rung or str(champion.metadata["rung"]), CHALLENGER
    )
    logger.info(
        "Learnt from %s rows, judging on %s newer ones.",
        f"{metadata['trained']['rows']:,}",
        f"{len(judged.y):,}",
    )
    version = registry.register(root, root / CHALLENGER)
    reference.keep(root, root / CHALLENGER, learnt, judged)
    registry.attach(root, version)
    return decide(root, params, version, root / CHALLENGER, judged)


def retrain_if_advised(root: Path, params: Params, rung: str | None = None) -> Decision | str:
    """`retrain` where the last look of the monitor advises it.

    Returns
    -------
    Decision or str
        What became of the challenger, or why there is none: nothing advises it, or too few labels
        have come, which is written down with the decisions.
    """
    seen = read_json(root / monitor.RESULT, "monitor")
    if not seen["retrain"]:
        return "The last look does not advise retraining."
    now = registry.champion(root)
    if now is None or now.model_version != seen["model_version"]:
        return f"The last look was at {seen['model_version']}, which is not the champion."
    try:
        return retrain(root, params, rung)
    except TooFewLabels as error:
        registry.postpone(root, now, [str(error)])
        return str(error)


def promote(
    root: Path, params: Params, name: str, force: bool = False, reason: str = ""
) -> Decision:
    """Promote a registered version: when the gate lets it, or by hand with `force`.

    Raises
    ------
    UserError
        If there is no such version, or it is the champion already.
    """
    now = registry.champion(root)
    version = registry.find(root, name)
    if now is not None and now.number == version.number:
        raise UserError(f"Version {version.number} is the champion already.")
    if force:
        why = reason or "Asked for by hand, without the gate."
        registry.promote(root, version, [why], by="hand")
        return Decision(version, Verdict(True, [why]), _champion(root))
    with registry.fetched(root, version) as bundle:
        return decide(root, params, version, bundle)


def _last(table: Table) -> str | float:
    assert table.time is not None
    moment = np.max(table.time)
    return float(moment) if isinstance(moment, np.number) else pd.Timestamp(moment).isoformat()


def _together(old: Table, new: Table) -> Table:
    raw = pd.concat([old.raw, new.raw[[n for n in old.raw if n in new.raw]]], ignore_index=True)
    if old.schema.time is not None:
        times = [table.raw[old.schema.time].to_numpy() for table in (old, new)]
        raw[old.schema.time] = np.concatenate(times)
    x = pd.DataFrame(
        {
            name: pd.Series(np.concatenate([old.x[name].to_numpy(), new.x[name].to_numpy()]))
            if old.x[name].dtype != object
            else pd.Series([*old.x[name], *new.x[name]], dtype=object)
            for name in old.x
        }
    )
    return Table(old.schema, raw, x, np.concatenate([old.y, new.y]))


def _champion(root: Path) -> str:
    content = json.loads((served(root) / "metadata.json").read_text("utf-8"))
    return str(content["model_version"])
