"""The command `monitor`: compare a window with what the champion was trained on, and raise alarms."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..monitoring import alerts, checks, reference
from ..monitoring.window import Window
from ..project import config
from ..project.config import Params
from ..project.errors import UserError
from ..project.files import write_json
from ..reading import tables
from ..tables.predictor import Predictor
from ..training.bundle import served
from . import journal, labelled, labels
from .settings import Monitor as Settings

logger = logging.getLogger(__name__)
RESULT = Path("reports", "monitor.json")
PAGE = Path("reports", "drift.html")
DRIFT = Path("reports", "drift.json")
CALIBRATION = Path("reports", "monitor-calibration.json")


def run(
    root: Path,
    params: Params,
    since: datetime | None = None,
    until: datetime | None = None,
    source: Path | None = None,
    page: bool = True,
) -> dict[str, Any]:
    """Look at a window of the journal, or at a file, and write what was found.

    Writes `reports/monitor.json`, the gauges that `/metrics` shows, and Evidently's page and JSON
    (`reports/drift.html`, `reports/drift.json`); posts to `ALERT_WEBHOOK_URL` when there is an alert.

    Parameters
    ----------
    root : Path
        The project's folder.
    params : Params
        `monitor` holds the thresholds.
    since, until : datetime, optional
        Events with since <= time < until; by default the last `monitor.window_days` of the journal.
    source : Path, optional
        A CSV or Parquet file with the columns of the training data instead of the journal. The
        target's column, where there is one, is taken for the truth.
    page : bool
        Whether Evidently writes its page; its import alone takes ten seconds.

    Returns
    -------
    dict
        The content of `reports/monitor.json`.

    Raises
    ------
    UserError
        If there is no model, no reference or no row to look at.
    """
    bundle = served(root)
    predictor = Predictor.load(bundle)
    known = reference.of(root, bundle)
    if source is None:
        current, window = _of_journal(root, params, predictor, since, until)
        known_truth = current.labelled()
        if len(known_truth) < params.monitor.least_rows:
            known_truth = _newest_labelled(root, params, predictor, until) or known_truth
    else:
        current, window = _of_file(predictor, source, since, until)
        known_truth = current.labelled()
    result = judge(known, current, params.monitor, known_truth)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_version": predictor.version,
        "window": window,
        **result,
    }
    write(root, result)
    if page:
        evidently(root, known, current, result)
    url = config.environment(root).alert_webhook_url
    if url and result["alerts"] and (problem := alerts.send(url, result)):
        logger.warning("%s. The alerts are in %s.", problem, RESULT)
        write(root, {**result, "webhook": problem})
    return result


def judge(
    known: reference.Reference,
    current: Window,
    settings: Settings,
    known_truth: Window | None = None,
) -> dict[str, Any]:
    """All checks of a window against a reference, as plain values; see `checks.all_checks`.

    Raises
    ------
    UserError
        If the window has fewer than `monitor.least_rows` rows.
    """
    if len(current) < settings.least_rows:
        raise UserError(
            f"The window has {len(current):,} rows; `monitor.least_rows` is "
            f"{settings.least_rows:,}, since fewer say little. Widen it with --since, or lower the "
            "setting."
        )
    prepared = checks.prepare(known.training, known.held_out)
    found = checks.all_checks(prepared, current, settings, known_truth)
    fired = checks.alerts(found)
    return {
        "rows": len(current),
        "labelled": len(current.labelled()),
        "reference": {"training": len(known.training), "held_out": len(known.held_out)},
        "alerts": [check.says for check in fired],
        "retrain": any(check.monitor in settings.retrain_on for check in fired),
        "checks": [check.to_json() for check in found],
    }


def write(root: Path, result: dict[str, Any]) -> None:
    """Write the JSON file and the gauges."""
    write_json(root / RESULT, result)
    alerts.write_gauges(root, result)


def evidently(
    root: Path, known: reference.Reference, current: Window, result: dict[str, Any]
) -> None:
    """Write Evidently's page and JSON on the inputs and the answers."""
    from ..monitoring import evidently_report

    thresholds = {
        check["name"]: check["threshold"]
        for check in result["checks"]
        if check["monitor"] in ("features", "predictions")
    }
    before = pd.concat([known.training.views(), known.held_out.answers()], axis=1)
    now = pd.concat([current.views(), current.answers()], axis=1)
    logger.info("Drawing the columns with Evidently: %s", PAGE)
    evidently_report.write(before, now, thresholds, root / PAGE, root / DRIFT)


def _of_journal(
    root: Path,
    params: Params,
    predictor: Predictor,
    since: datetime | None,
    until: datetime | None,
) -> tuple[Window, dict[str, Any]]:
    time = predictor.schema.time
    rows = journal.read(root, since, until, time)
    rows = rows[rows["model_version"] == predictor.version].reset_index(drop=True)
    if len(rows) and since is None:
        moments = pd.to_datetime(rows[f"in:{time}"] if time else rows["at"], utc=True)
        recent = moments > moments.max() - pd.Timedelta(days=params.monitor.window_days)
        rows = rows[recent].reset_index(drop=True)
    if rows.empty:
        raise UserError(
            f"The journal has no prediction of the model that is served ({predictor.version}) in "
            "this window. Ask the service something, choose another window with --since and "
            "--until, or look at a file: --file data/new.csv"
        )
    rows = rows.merge(labels.latest(root)[["id", "label"]], on="id", how="left")
    current = reference.of_journal(predictor.schema, rows)
    return current, _described("journal", current, rows["at"])


def _newest_labelled(
    root: Path, params: Params, predictor: Predictor, until: datetime | None
) -> Window | None:
    """The newest traffic whose labels have come, `monitor.window_days` of it.

    Labels that come late are those of earlier answers, perhaps of an earlier model: the model that
    is served answers them anew, but for those it may have learnt from.
    """
    table = labelled.traffic(root, predictor)
    if table is None:
        return None
    table = labelled.unlearnt(table, predictor)
    schema = predictor.schema
    moments = pd.Series(pd.to_datetime(labelled.moments(table), utc=True))
    inside = moments.notna() if until is None else moments < pd.to_datetime(until, utc=True)
    inside &= moments > moments[inside].max() - pd.Timedelta(days=params.monitor.window_days)
    table = table.take(np.flatnonzero(inside))
    classes = schema.target.classes
    truth = table.y if classes is None else [classes[code] for code in table.y]
    frame = table.x.assign(**{schema.target.name: truth})
    return reference.of_frame(predictor, frame, schema.target.name)


def _of_file(
    predictor: Predictor, source: Path, since: datetime | None, until: datetime | None
) -> tuple[Window, dict[str, Any]]:
    frame = tables.read_file(source).frame
    schema = predictor.schema
    current = reference.of_frame(predictor, frame, schema.target.name)
    if since is not None or until is not None:
        if current.times is None:
            raise UserError("--since and --until need `data.time`, and this table has none.")
        inside = pd.Series(True, index=current.times.index)
        if since is not None:
            inside &= current.times >= pd.Timestamp(since)
        if until is not None:
            inside &= current.times < pd.Timestamp(until)
        current = current.take(inside.to_numpy())
    return current, _described(str(source), current, None)


def _described(source: str, current: Window, at: "pd.Series[Any] | None") -> dict[str, Any]:
    times = current.times if current.times is not None else at
    if times is None or times.empty:
        return {"source": source, "from": None, "to": None}
    return {"source": source, "from": str(times.min()), "to": str(times.max())}


def calibrate(root: Path, params: Params, draws: int) -> dict[str, Any]:
    """Measure false alarms and power on the champion's held-out rows.

    Writes `reports/monitor-calibration.json` and returns its content.
    """
    from ..monitoring import calibration

    known = reference.of(root, served(root))
    measured = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_version": known.version,
        **calibration.run(known, params.monitor, draws, params.seed),
    }
    write_json(root / CALIBRATION, measured)
    return measured


def calibration_lines(measured: dict[str, Any]) -> str:
    """The measured rates as lines of text."""
    lines = []
    for way, found in measured["false_alarms"].items():
        low, high = found["interval"]
        lines.append(
            f"False alarms, {way} drawn: {found['alarmed']} of {found['draws']} draws "
            f"({low:.1%} to {high:.1%})."
        )
    width = max((len(found["drift"]) for found in measured["power"]), default=0)
    lines += [
        f"{found['drift']:<{width}}  noticed in {found['alarmed']} of {found['draws']} draws"
        for found in measured["power"]
    ]
    return "\n".join([*lines, f"More: {CALIBRATION}"])
