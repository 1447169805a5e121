"""The monitor: what the model is asked and answers now, beside what it was trained and tested on.

Three things are told apart: that the inputs or the answers moved (at once, without labels), that the
model got worse (once labels have come), and that something else is broken (latency, data quality).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .api import load
from .settings import Params
from .toolkit.monitoring import alerts, checks, reference, windows
from .toolkit.monitoring.checks import Chance, Check
from .toolkit.monitoring.reference import Reference
from .toolkit.monitoring.window import Window
from .toolkit.operations.settings import Monitor
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.training.bundle import served


def watch(known: Reference, window: Window, labelled: Window, settings: Monitor) -> list[Check]:
    """Everything that is watched in a window; a check beyond its threshold is an alarm.

    A drift has to pass three thresholds at once: what chance explains (all tests of a window share
    `false_alarms`; whole days are permuted, since rows of a day hang together), what the season
    explains (the reference's own windows), and what matters (`effect`).

    Parameters
    ----------
    known : Reference
        Rows that the model was trained on, and rows that it was not.
    window : Window
        What is looked at.
    labelled : Window
        Rows whose labels have come; they may be older than the window.
    settings : Monitor
        The thresholds.
    """
    chance = Chance.between(known, window, settings.false_alarms)
    return [
        # Answers move first of all, whatever moved them; they need no label.
        *checks.predictions(known, window, settings.effect, chance),
        *checks.features(known, window, settings.effect, chance),
        *checks.latency(window, settings.latency_ms, settings.slow_share, chance),
        # The only check that says the model is worse, and not just the world another.
        *checks.errors(known, labelled, settings.error_drop, settings.least_rows, chance),
        *checks.quality(known, window, settings, chance),
    ]


def advises_retraining(alarms: list[Check], settings: Monitor) -> bool:
    """Whether new rows would help: not against a slow machine or a broken column."""
    return any(alarm.monitor in settings.retrain_on for alarm in alarms)


def run(
    project: Project,
    params: Params,
    since: datetime | None = None,
    until: datetime | None = None,
    source: Path | None = None,
    page: bool = True,
) -> dict[str, Any]:
    """Look at a window of the journal, or at a file, and write what was found.

    Writes `reports/monitor.json`, the gauges that `/metrics` shows, and Evidently's page and JSON
    (`reports/drift.html`, `reports/drift.json`); posts to `ALERT_WEBHOOK_URL` when there is an alarm.

    Parameters
    ----------
    project : Project
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
        If there is no model, no reference, or too few rows to look at.
    """
    settings, predictor = params.monitor, load(served(project))
    known = reference.of(project.root, predictor)
    if source is None:
        window, described = windows.of_journal(project, predictor, settings, (since, until))
        labelled = window.labelled()
        if len(labelled) < settings.least_rows:  # labels come later than the answers
            older = windows.newest_labelled(project, predictor, settings, until)
            labelled = older or labelled
    else:
        window, described = windows.of_file(predictor, source, (since, until))
        labelled = window.labelled()
    windows.require_rows(window, settings.least_rows)

    found = watch(known, window, labelled, settings)
    alarms = checks.beyond(found)
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_version": predictor.version,
        "window": described,
        "rows": len(window),
        "labelled": len(window.labelled()),
        "reference": {"training": len(known.training), "held_out": len(known.held_out)},
        "alerts": [alarm.says for alarm in alarms],
        "retrain": advises_retraining(alarms, settings),
        "checks": [check.to_json() for check in found],
    }
    alerts.write(project.root, result)
    if page:
        from .toolkit.monitoring import evidently_report

        evidently_report.write(project.root, known, window, found)
    alerts.notify(project, result)
    return result


def calibrate(project: Project, params: Params, draws: int) -> dict[str, Any]:
    """Measure false alarms and power on the champion's held-out rows.

    Writes `reports/monitor-calibration.json` and returns its content.
    """
    from .toolkit.monitoring import calibration

    known = reference.of(project.root, load(served(project)))

    def watch_labelled(known: Reference, window: Window) -> list[Check]:
        return watch(known, window, window.labelled(), params.monitor)

    measured = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_version": known.version,
        **calibration.run(known, watch_labelled, params.monitor, draws, params.seed),
    }
    write_json(project.root / calibration.RESULT, measured)
    return measured
