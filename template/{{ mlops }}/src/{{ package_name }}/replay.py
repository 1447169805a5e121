"""The replay: the months of the data once more, as whoever operates the model would have met them.

The first months make the first model. Each later month is asked of a live service, its labels arrive
later, the monitor checks for drift, and a retrained model is promoted only if it passes the gate. All
of it happens in `replay/`, apart from the project's own models, registry and journal.
"""

import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from . import data, gate, monitor, train
from .api import load
from .settings import Params
from .toolkit.evaluation.openings import count_opening
from .toolkit.journal import labels
from .toolkit.profiling import columns
from .toolkit.project.errors import UserError
from .toolkit.project.settings import Project
from .toolkit.reading import tables
from .toolkit.registry.registry import Registry
from .toolkit.replay import months
from .toolkit.replay import report as replay_report
from .toolkit.replay.live_service import Service, service
from .toolkit.replay.months import Calendar, Month
from .toolkit.training.bundle import BUNDLE

logger = logging.getLogger(__name__)


def run(project: Project, params: Params, most: int | None = None) -> dict[str, Any]:
    """Replay the data; write `reports/replay.json`, `reports/replay.png` and the README's block.

    Parameters
    ----------
    project : Project
    params : Params
        `replay` says how many months make the first model, and how late labels are.
    most : int, optional
        Stop after so many months of traffic.

    Returns
    -------
    dict
        The content of `reports/replay.json`.

    Raises
    ------
    UserError
        If the data has no time or too few months, or a stage fails.
    """
    started, root = time.monotonic(), project.root
    table = tables.load(params.data, root, project.environment().database_url)
    settings, _ = data.settle(params, list(table.frame.columns))
    profile = columns.run(table, settings)
    calendar = Calendar.of(profile, settings.time, params.replay.first_months)
    if (test := root / "data" / "test.parquet").exists():
        # Its months are looked at here, labels and all, if by other models.
        count_opening(root, test, "replay")
    with months.apart(project) as home:
        params = begin(home, params, calendar)
        first = load(home.root / BUNDLE)
        past: list[Month] = []
        entries: list[dict[str, Any]] = []
        with service(home.root, os.environ) as live:
            for name, rows in calendar.later[:most]:
                past.append(Month.asked(live, first, name, rows))
                entries.append(end_month(home, params, past, live))
                logger.info("%s", replay_report.line(entries[-1]))
    metric = first.metadata["metrics"]["metric"]
    for entry, month in zip(entries, past, strict=True):
        entry |= month.scores(metric)
    version_of = {entry["month"]: entry["version"] for entry in entries}
    changed = [month for month in past if version_of[month.name] != entries[0]["version"]]
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": profile.source,
        "label_delay_months": params.replay.label_delay_months,
        "first": {
            "from": calendar.span[0],
            "to": calendar.span[1],
            "rows": len(calendar.first),
        },
        "metric": metric,
        "first_version": first.version,
        "rung": first.metadata["rung"],
        "months": entries,
        "gain": months.gain(metric, changed, params.seed),
        "seconds": round(time.monotonic() - started, 1),
    }
    replay_report.write(root, result)
    return result


def begin(home: Project, params: Params, calendar: Calendar) -> Params:
    """Make the first model from the first months, as `run` would; the gate makes it the champion."""
    logger.info("Training on %s to %s: %s rows.", *calendar.span, f"{len(calendar.first):,}")
    params = months.write_inputs(home.root, params, calendar.first)
    data.run(home, params)
    train.run(home, params)
    gate.register(home, params)
    return params


def end_month(home: Project, params: Params, past: list[Month], live: Service) -> dict[str, Any]:
    """What is done at the end of a month: take the labels that have come, watch, retrain if advised.

    Returns
    -------
    dict
        The month's entry in `reports/replay.json`, but for its scores.
    """
    month = past[-1]
    champion = Registry(home, load).champion()
    assert champion is not None  # made by `begin`
    entry: dict[str, Any] = {
        **month.to_json(),
        "version": champion.number,
        "model_version": champion.model_version,
        "labels": deliver_labels(home, params, past),
        "alerts": [],
        "decision": "kept",
        "reasons": [],
    }
    times = month.rows[params.data.time]
    end = times.max() + pd.Timedelta(microseconds=1)
    try:
        seen = monitor.run(home, params, times.min(), end, page=False)
    except UserError as error:  # too few rows
        return {**entry, "decision": "not watched", "reasons": [str(error)]}
    entry["alerts"] = [
        {"monitor": check["monitor"], "name": check["name"], "says": check["says"]}
        for check in seen["checks"]
        if check["alert"]
    ]
    if not seen["retrain"]:
        return entry
    decision = gate.retrain_if_advised(home, params, seen)
    if isinstance(decision, str):
        return {**entry, "decision": "waited for labels", "reasons": [decision]}
    live.follow(decision.champion)  # the next month is answered by whoever is the champion now
    return {
        **entry,
        "decision": "promoted" if decision.verdict.promoted else "refused",
        "challenger": decision.version.number,
        "reasons": decision.verdict.reasons,
    }


def deliver_labels(home: Project, params: Params, past: list[Month]) -> int:
    """Hand in the labels that arrive at this month's end, those of an earlier one; how many."""
    delay = params.replay.label_delay_months
    if delay >= len(past):
        return 0
    delivery = past[-1 - delay].delivery(params.data.target)
    labels.add(home, delivery)
    return len(delivery)
