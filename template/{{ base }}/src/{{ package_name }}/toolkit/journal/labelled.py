"""Answered traffic whose labels have come, as a table that can train or judge a model."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..profiling.schema import Schema
from ..project.settings import Project
from ..tables.dataset import Table, typed
from ..tables.predictor import Predictor
from . import journal, labels

AT = "answered at"  # when the service answered; no column of a table is likely to be called so


def traffic(project: Project, source: Predictor) -> Table | None:
    """All labelled traffic in time order, typed by the schema of `source`; None without a label.

    `raw` has the inputs, the target as in `y`, and `AT`.
    """
    schema = source.schema
    rows = labels.joined(project, schema.target)
    if rows.empty:
        return None
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
    y = codes if schema.target.classes is None else codes.astype(np.int64)
    table = Table(schema, raw, x, y)
    return table.take(np.argsort(timestamps(table), kind="stable"))


def unseen(table: Table, model: Predictor) -> Table:
    """The rows of labelled traffic that are newer than what `model` was trained on."""
    trained = model.metadata.get("trained", {}).get("to")
    if model.schema.time is None or trained is None:
        times, trained = table.raw[AT].to_numpy(), str(model.metadata["created_at"])
        trained = pd.Timestamp(trained).tz_convert("UTC").tz_localize(None).isoformat()
    else:
        times = timestamps(table)
    return table.take(np.flatnonzero(newer(times, [trained])))


def before(table: Table, later: Table) -> Table:
    """The rows of labelled traffic that are older than all of `later`."""
    return table.take(np.flatnonzero(timestamps(table) < timestamps(later).min()))


def appended(old: Table, new: Table) -> Table:
    """The rows of `old`, then those of the labelled traffic `new` that are newer than they are."""
    if old.time is not None:
        last = np.max(old.time)
        end = float(last) if isinstance(last, np.number) else pd.Timestamp(last).isoformat()
        new = new.take(np.flatnonzero(newer(timestamps(new), [end])))
    raw = pd.concat([old.raw, new.raw[[n for n in old.raw if n in new.raw]]], ignore_index=True)
    if old.schema.time is not None:
        times = [table.raw[old.schema.time].to_numpy() for table in (old, new)]
        raw[old.schema.time] = np.concatenate(times)
    x = pd.concat([old.x, new.x[list(old.x)]], ignore_index=True)
    return Table(old.schema, raw, x, np.concatenate([old.y, new.y]))


def newer(times: Any, ends: Sequence[str | float]) -> NDArray[np.bool_]:
    """Which times lie after all of `ends`, shape (n,); both may be numbers, such as a year."""
    if isinstance(ends[0], str):
        return np.asarray(pd.to_datetime(times) > max(pd.Timestamp(end) for end in ends))
    return np.asarray(times > max(float(end) for end in ends))


def timestamps(table: Table) -> Any:
    """When each row of labelled traffic happened, or was answered where the data has no time."""
    if table.schema.time is None:
        return table.raw[AT].to_numpy()
    return table.x[table.schema.time].to_numpy()


def digest(table: Table) -> str:
    """Hexadecimal SHA-256 of the rows as they were read."""
    hashes = pd.util.hash_pandas_object(table.raw, index=False).to_numpy()
    return hashlib.sha256(hashes.tobytes()).hexdigest()


def _targets(schema: Schema, given: "pd.Series[Any]") -> "pd.Series[Any]":
    """Class codes or numbers of labels that came as text; NaN for what is neither."""
    if schema.target.classes is None:
        return pd.to_numeric(given, errors="coerce")
    codes = {labels.text_of(label): code for code, label in enumerate(schema.target.classes)}
    return given.map(codes).astype("float64")
