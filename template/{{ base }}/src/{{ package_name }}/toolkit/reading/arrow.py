"""Arrow tables to plain frames."""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from ..project.errors import UserError


def first_rows(batches: Iterable[pa.RecordBatch], limit: int, schema: pa.Schema) -> pa.Table:
    """Collect record batches until `limit` rows are there."""
    taken, rows = [], 0
    for batch in batches:
        taken.append(batch.slice(0, limit - rows))
        rows += taken[-1].num_rows
        if rows >= limit:
            break
    return pa.Table.from_batches(taken, schema=taken[0].schema if taken else schema)


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """Return a frame with a plain row number as its index; durations become seconds."""
    for position, column in enumerate(table.schema):
        if column.type == pa.month_day_nano_interval():
            table = table.set_column(position, column.name, _seconds(table[position]))
    frame = table.to_pandas(ignore_metadata=True)
    frame = frame.drop(columns=[n for n in frame if str(n).startswith("__index_level_")])
    for name in frame.select_dtypes("timedelta"):
        frame[name] = frame[name].dt.total_seconds()
    return frame


def _seconds(intervals: pa.ChunkedArray) -> pa.Array:
    """Intervals of SQL as seconds; a month counts 30 days, as in EXTRACT(epoch)."""
    return pa.array(
        None if i is None else (i.months * 30 + i.days) * 86_400 + i.nanoseconds / 1e9
        for i in intervals.to_pylist()
    )


def refuse_duplicates(names: list[str], source: str) -> None:
    """Raise a UserError if a column name occurs twice (pandas would rename it silently)."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f"{source} has more than one column called {', '.join(map(repr, twice))}. "
            "Rename or remove the extra ones; which one is meant cannot be guessed."
        )
