"""The rows that the monitor looks at: of the journal, with labels where they have come, or of a file."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..journal import journal, labelled, labels
from ..operations.settings import Monitor
from ..profiling.contract import convert, require_format
from ..profiling.schema import Target
from ..project.errors import UserError
from ..project.settings import Project
from ..reading import tables
from ..tables.predictor import Predictor
from . import reference
from .window import Window

Span = tuple[datetime | None, datetime | None]  # from (inclusive) and until (exclusive)


def of_journal(
    project: Project, predictor: Predictor, settings: Monitor, span: Span = (None, None)
) -> tuple[Window, dict[str, Any]]:
    """What a model has answered lately, with the labels that have come.

    Parameters
    ----------
    project : Project
    predictor : Predictor
        What other versions answered is left out.
    settings : Monitor
        Without a start, `window_days` up to the newest row are taken.
    span : pair of datetime or None
        By the time of the event (`data.time`), or of the answer where the data has no time.

    Returns
    -------
    window : Window
    described : dict
        Its source, and the first and last time.

    Raises
    ------
    UserError
        If the model has answered nothing in this span.
    """
    time = predictor.schema.time
    rows = journal.read(project, *span, time)
    rows = rows[rows["model_version"] == predictor.version].reset_index(drop=True)
    if len(rows) and span[0] is None:
        times = pd.to_datetime(rows[f"in:{time}"] if time else rows["at"], utc=True)
        recent = times > times.max() - pd.Timedelta(days=settings.window_days)
        rows = rows[recent].reset_index(drop=True)
    if rows.empty:
        raise UserError(
            f"The journal has no prediction of the model that is served ({predictor.version}) in "
            "this window. Ask the service something, choose another window with --since and "
            "--until, or look at a file: --file data/new.csv"
        )
    rows = rows.merge(
        labels.latest(project, predictor.schema.target)[["id", "label"]], on="id", how="left"
    )
    current = reference.of_journal(predictor.schema, rows)
    return current, _described("journal", current, rows["at"])


def newest_labelled(
    project: Project, predictor: Predictor, settings: Monitor, until: datetime | None
) -> Window | None:
    """The newest traffic whose labels have come, `window_days` of it; None without a label.

    Labels that come late are those of earlier answers, perhaps of an earlier model. So the model
    that is served answers these rows again, but for those it may have been trained on.
    """
    table = labelled.traffic(project, predictor)
    if table is None:
        return None
    table = labelled.unseen(table, predictor)
    times = pd.Series(pd.to_datetime(labelled.timestamps(table), utc=True))
    inside = times.notna() if until is None else times < pd.to_datetime(until, utc=True)
    inside &= times > times[inside].max() - pd.Timedelta(days=settings.window_days)
    table = table.take(np.flatnonzero(inside))
    target = predictor.schema.target.name
    frame = table.x.assign(**{target: reference.labels_of(table)})
    return reference.of_frame(predictor, frame, target)


def of_file(
    predictor: Predictor, source: Path, span: Span = (None, None)
) -> tuple[Window, dict[str, Any]]:
    """The rows of a file, answered by `predictor`; the target, where it has one, is the truth.

    Raises
    ------
    UserError
        If the file cannot be read, or `span` asks for a time that its rows do not have.
    """
    frame = tables.read_file(source).frame
    require_format(predictor.schema, frame, source.name)
    target = predictor.schema.target
    if target.name in frame:
        frame[target.name] = _truth(target, frame[target.name])
    current = reference.of_frame(predictor, frame, target.name)
    since, until = span
    if since is not None or until is not None:
        if current.times is None:
            raise UserError("--since and --until need `data.time`, and this table has none.")
        inside = current.times >= pd.Timestamp(since or pd.Timestamp.min)
        inside &= current.times < pd.Timestamp(until or pd.Timestamp.max)
        current = current.take(inside.to_numpy())
    return current, _described(str(source), current, None)


def _truth(target: Target, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The target of a file's rows as numbers, or in the spelling of the classes."""
    if target.classes is None:
        numbers, refused = convert(column, "number", target.format)
        for row, (value, why) in refused:
            raise UserError(f"Row {row + 1}, column {target.name!r}: {value!r} {why}. Correct it.")
        return pd.Series(numbers)
    read, texts = labels.reader(target), column.map(labels.text_of)
    unknown = column.isna() | texts.str.strip().isin(["", *target.format.missing])
    return texts.map(lambda text: read(text) or text).astype(object).mask(unknown, None)


def require_rows(window: Window, least: int) -> None:
    """Raise a UserError if a window is too small to say anything."""
    if len(window) < least:
        raise UserError(
            f"The window has {len(window):,} rows; `monitor.least_rows` is {least:,}, since fewer "
            "say little. Widen it with --since, or lower the setting."
        )


def _described(source: str, current: Window, at: "pd.Series[Any] | None") -> dict[str, Any]:
    times = current.times if current.times is not None else at
    if times is None or times.empty:
        return {"source": source, "from": None, "to": None}
    return {"source": source, "from": str(times.min()), "to": str(times.max())}
