"""Evidently's page and JSON on the columns, judged by the monitor's own distances and thresholds.

Importing Evidently takes ten seconds, so nothing imports this module before it is needed.
"""

import io
import json
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests import StatTest, register_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

from ..project.files import write_bytes, write_json
from .checks import Check
from .distances import distance, is_number
from .reference import Reference
from .window import Window

logger = logging.getLogger(__name__)
logging.getLogger("evidently").setLevel(logging.ERROR)
PAGE = Path("reports", "drift.html")
DRIFT = Path("reports", "drift.json")
METHOD = "share of rows that lie elsewhere"


def write(root: Path, known: Reference, window: Window, checks: Sequence[Check]) -> None:
    """Write `reports/drift.html` and `reports/drift.json`: inputs and answers, then and now.

    Parameters
    ----------
    root : Path
        The project's folder.
    known : Reference
    window : Window
    checks : sequence of Check
        What the monitor found; those of features and predictions have the thresholds.
    """
    before = pd.concat([known.views, known.answers], axis=1)
    now = pd.concat([window.views(), window.answers()], axis=1)
    thresholds = {
        check.name: check.threshold
        for check in checks
        if check.monitor in ("features", "predictions")
    }
    logger.info("Drawing the columns with Evidently: %s", PAGE)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        snapshot = _compare(before, now, thresholds)
        write_bytes(root / PAGE, snapshot.get_html_str(as_iframe=False).encode())
        write_json(root / DRIFT, json.loads(snapshot.json()))


def _compare(before: pd.DataFrame, now: pd.DataFrame, thresholds: dict[str, float]) -> Any:
    names = [name for name in thresholds if now[name].notna().any()]
    numbers = [name for name in names if is_number(before[name])]
    categories = [name for name in names if name not in numbers]
    shape = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    samples = [
        Dataset.from_pandas(
            frame[names].astype(dict.fromkeys(categories, "object")), data_definition=shape
        )
        for frame in (now, before)
    ]
    preset = DataDriftPreset(
        columns=names,
        method=METHOD,
        # One column is an alarm of the monitor, so the page's headline says so, too.
        drift_share=1 / len(names),
        per_column_threshold={name: thresholds[name] for name in names},
    )
    return Report([preset]).run(*samples)


def _stattest(
    reference: "pd.Series[Any]", current: "pd.Series[Any]", kind: Any, threshold: float
) -> tuple[float, bool]:
    """The monitor's distance as one of Evidently's drift methods."""
    if kind == ColumnType.Categorical:
        reference, current = reference.astype(object), current.astype(object)
    value = distance(reference, current)
    return value, value > threshold


register_stattest(
    StatTest(
        name=METHOD,
        display_name=METHOD,
        allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
        default_threshold=0.1,
    ),
    _stattest,
)
