"""Answered traffic whose labels have come, as a table that can be learnt from or judged on."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..profiling.schema import Schema
from ..tables.dataset import Table, typed
from ..tables.predictor import Predictor
from . import gate, journal, labels

AT = "answered at"  # when the service answered; no column of a table is likely to be called so


def traffic(root: Path, source: Predictor) -> Table | None:
    """All labelled traffic in time order, typed by the schema of `source`; None without a label.

    `raw` has the inputs, the target as in `y`, and `AT`.
    """
    rows = labels.joined(root)
    if rows.empty:
        return None
    schema = source.schema
    given = rows.filter(regex=f"^{journal.INPUT}")
    given = given.rename(columns=lambda name: str(name).removeprefix(journal.INPUT))
    for column in schema.columns:  # a caller may leave out what is looked up
        if column.name not in given:
            given[column.name] = None
    target = _targets(schema, rows["label"])
    usable = target.notna().to_numpy()
    x = typed(schema, given[usable].reset_index(drop=True))
    codes = target[usable].to_numpy(dtype=np.float64)
    at = rows["at"][usable].dt.tz_localize(None).to_numpy()
    raw = x.assign(**{schema.target.name: codes, AT: at})
    table = Table(
        schema, raw, x, codes if schema.target.classes is None else codes.astype(np.int64)
    )
    return table.take(np.argsort(moments(table), kind="stable"))


def unlearnt(table: Table, source: Predictor) -> Table:
    """The rows of labelled traffic that are newer than what `source` learnt from."""
    trained = source.metadata.get("trained", {}).get("to")
    if source.schema.time is None or trained is None:
        times, trained = table.raw[AT].to_numpy(), str(source.metadata["created_at"])
        trained = pd.Timestamp(trained).tz_convert("UTC").tz_localize(None).isoformat()
    else:
        times = moments(table)
    return table.take(np.flatnonzero(gate.newer(times, [trained])))


def moments(table: Table) -> Any:
    """When each row of labelled traffic happened, or was answered where the data has no time."""
    if table.schema.time is None:
        return table.raw[AT].to_numpy()
    return table.x[table.schema.time].to_numpy()


def _targets(schema: Schema, given: "pd.Series[Any]") -> "pd.Series[Any]":
    """Class codes or numbers of labels that came as text; NaN for what is neither."""
    if schema.target.classes is None:
        return pd.to_numeric(given, errors="coerce")
    codes = {labels.text_of(label): code for code, label in enumerate(schema.target.classes)}
    return given.map(codes).astype("float64")
