"""Evidently's page and JSON on the columns, judged by the monitor's own distances and thresholds.

Importing Evidently takes ten seconds, so nothing imports this module before it is needed.
"""

import io
import json
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pandas as pd

from ..project.files import write_bytes, write_json
from .distances import distance

METHOD = "share of rows that lie elsewhere"
MOST_DRAWN = 5_000  # rows a side in the page's histograms; the distances use them all


def write(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    thresholds: Mapping[str, float],
    page: Path,
    content: Path,
) -> dict[str, Any]:
    """Compare columns and write the HTML page and the JSON.

    Parameters
    ----------
    reference, current : DataFrame
        Numbers (float64) and categories (objects) under the same names.
    thresholds : mapping of str to float
        By column: the distance beyond which it has drifted.
    page, content : Path
        Where the page and the JSON go.

    Returns
    -------
    dict
        `drifted`: names of the columns whose distance passes the threshold, as Evidently counts.
    """
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return _write(reference, current, thresholds, page, content)


def _write(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    thresholds: Mapping[str, float],
    page: Path,
    content: Path,
) -> dict[str, Any]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    _register()
    names = [name for name in thresholds if current[name].notna().any()]
    numbers = [name for name in names if reference[name].dtype.kind in "iuf"]
    categories = [name for name in names if name not in numbers]
    shape = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    sides = [
        Dataset.from_pandas(_filled(frame[names], categories), data_definition=shape)
        for frame in (current, reference)
    ]
    report = Report(
        [
            DataDriftPreset(
                columns=names,
                method=METHOD,
                # One column is an alarm of the monitor, so the page's headline says so, too.
                drift_share=1 / len(names),
                per_column_threshold={name: thresholds[name] for name in names},
            )
        ]
    )
    snapshot = report.run(*sides)
    result = json.loads(snapshot.json())
    page.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(page, snapshot.get_html_str(as_iframe=False).encode())
    write_json(content, result)
    found = {
        metric["config"]["column"]: float(metric["value"])
        for metric in result["metrics"]
        if "column" in metric["config"]
    }
    return {"drifted": [name for name, value in found.items() if value > thresholds[name]]}


def _filled(frame: pd.DataFrame, categories: list[str]) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(categories, "object"))


def _register() -> None:
    """Make the monitor's distance one of Evidently's drift methods."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def compare(
        reference: "pd.Series[Any]", current: "pd.Series[Any]", kind: Any, threshold: float
    ) -> tuple[float, bool]:
        if kind == ColumnType.Categorical:
            reference, current = reference.astype(object), current.astype(object)
        value = distance(reference, current)
        return value, value > threshold

    method = StatTest(
        name=METHOD,
        display_name=METHOD,
        allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
        default_threshold=0.1,
    )
    register_stattest(method, compare)


logging.getLogger("evidently").setLevel(logging.ERROR)
