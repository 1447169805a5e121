"""The schema over whole tables: inferred from the training rows, applied to files."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..project.errors import UserError
from ..reading import arrow_parsing as fast
from ..reading import parsing as values
from ..reading.parsing import PLAIN, Format
from ..reading.settings import Data
from .formats import look
from .schema import Column, Ignored, Schema, as_array, refusal

if TYPE_CHECKING:
    from .columns import Profile

CENTURY = timedelta(days=36_525)  # old data is asked about today; a misread year is refused


@dataclass(frozen=True)
class Problem:
    """A value that the schema refuses; `row` counts from 0."""

    row: int
    column: str
    value: Any
    message: str


def infer(frame: pd.DataFrame, profile: "Profile", data: Data) -> Schema:
    """Describe the used columns of a profiled table, with what was seen and what is refused."""
    looked_up = {name for lookup in data.lookups for name in lookup.columns}
    columns = [
        Column(
            name=column.name,
            kind=column.kind,
            nullable=column.nullable,
            integer=column.integer,
            lookup=column.name in looked_up,
            format=column.written if column.written != profile.default else None,
            categories=column.categories,
            **_example(frame[column.name], column.kind, column.integer),
            **_limits(frame[column.name], column.kind, data.bounds.get(column.name)),
        )
        for column in profile.columns
        if column.used
    ]
    return Schema(
        target=profile.target.as_schema(data, profile.column(data.target).written),
        time=data.time,
        group=data.group,
        columns=columns,
        ignored=[
            Ignored(name=column.name, reason=column.reason)
            for column in profile.columns
            if not column.used and column.name != profile.target.name
        ],
        format=profile.default,
    )


def _example(series: "pd.Series[Any]", kind: str, integer: bool) -> dict[str, Any]:
    present = series.dropna()
    if kind in ("category", "text"):
        return {"example": str(present.mode().iloc[0]) if kind == "category" else present.iloc[0]}
    if kind == "boolean":
        return {"example": bool(present.iloc[0])}
    if kind == "date":
        middle = pd.Timestamp(_middle(present.to_numpy().astype("datetime64[us]")))
        return {"example": middle.isoformat()}
    example = float(_middle(present.to_numpy(dtype=np.float64)))
    return {"example": int(example) if integer else example}


def _limits(series: "pd.Series[Any]", kind: str, bounds: Any) -> dict[str, Any]:
    """What was seen, and what is refused: outside `data.bounds`, or a century from all dates."""
    if kind not in ("number", "date"):
        return {}
    low, high = series.min(), series.max()
    if kind == "number":
        lowest, highest = bounds or (None, None)
        return {"seen": (float(low), float(high)), "min": lowest, "max": highest}
    first, last = low.to_pydatetime(), high.to_pydatetime()
    lowest, highest = bounds or (_shifted(first, -CENTURY), _shifted(last, CENTURY))
    return {
        "seen": (first.isoformat(), last.isoformat()),
        "min": lowest.isoformat() if lowest else None,
        "max": highest.isoformat() if highest else None,
    }


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:  # 9999-12-31 stands for "open end" in many tables
        return datetime.max if by > timedelta() else datetime.min


def _middle(array: np.ndarray) -> Any:
    """The middle value, one that occurs: the average of two could be 3.5 children."""
    return np.partition(array, len(array) // 2)[len(array) // 2]


def _refused(column: Column, array: np.ndarray) -> np.ndarray:
    """Where typed values are missing and must not be, or outside the accepted range."""
    missing = pd.isna(array)
    refused = missing & (not column.optional)
    moment: Any = np.datetime64 if column.kind == "date" else float
    with np.errstate(invalid="ignore"):
        for bound, outside in ((column.min, np.less), (column.max, np.greater)):
            if bound is not None and column.kind in ("number", "date"):
                refused |= ~missing & outside(array, moment(bound))
    return refused


def require_valid(schema: Schema, columns: Mapping[str, np.ndarray]) -> None:
    """Check the rows against the schema inferred from them: it must accept them.

    Raises
    ------
    UserError
    """
    for column in schema.columns:
        refused = np.flatnonzero(_refused(column, columns[column.name]))
        if len(refused):
            why = f"row {refused[0] + 1} {refusal(column, columns[column.name][refused[0]])}"
            raise UserError(f"The table does not fit its own schema: {column.name!r} in {why}.")


def columns_from_frame(schema: Schema, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return one array per column of the schema; see `columns_from_records`.

    Raises
    ------
    UserError
        If a column is absent that may not be left out, or naming the first value that cannot be
        read. Values out of bounds are not looked at: `check_frame` does that.
    """
    columns, problems = _convert(schema, frame)
    if problems:
        first = problems[0]
        raise UserError(
            f"Row {first.row + 1}, column {first.column!r}: {first.value!r} {first.message}."
        )
    return columns


def typed_frame(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return a frame that keeps the arrays' dtypes (pandas makes texts of objects by itself)."""
    return pd.DataFrame({n: pd.Series(v, dtype=v.dtype) for n, v in columns.items()})


def check_frame(schema: Schema, frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Return the columns and every value that the schema refuses, by row.

    A refused value that could not be read is missing in the arrays.
    """
    columns, problems = _convert(schema, frame)
    unread = {(problem.row, problem.column) for problem in problems}
    for column in schema.columns:
        array = columns[column.name]
        for row in np.flatnonzero(_refused(column, array)).tolist():
            if (row, column.name) not in unread:
                value, why = _plain(array[row]), refusal(column, array[row])
                problems.append(Problem(row, column.name, value, why))
    return columns, sorted(problems, key=lambda problem: problem.row)


def require_format(schema: Schema, frame: pd.DataFrame, source: str) -> None:
    """Refuse a file whose columns prove another format than that of the training data.

    Raises
    ------
    UserError
        Naming the column, a value, and how the model reads it.
    """
    for column in schema.columns:
        if column.name not in frame or column.kind not in ("number", "date"):
            continue
        written = schema.written(column)
        found = look(frame[column.name], written)
        if found is None or written.pattern:
            continue
        other = next(
            (text for sign, text in found.decimal.items() if sign != written.decimal), None
        )
        if written.order and found.orders and written.order not in found.orders:
            read = values.converter("date", written, iso=False)
            other = next((text for text in found.dates if not _reads(read, text)), found.dates[0])
        if other and len(found.decimal) < 2:
            raise UserError(
                f"{source} is written in another format than the training data: column "
                f"{column.name!r} holds {other!r}, and the model reads {written.describe()}. Save the "
                "file in that format, or as Parquet."
            )


def _reads(read: Callable[[Any], Any], text: str) -> bool:
    try:
        return read(text) is not None
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    if value is None or value != value:
        return None
    return str(value) if isinstance(value, np.datetime64) else getattr(value, "item", str)()


def _convert(schema: Schema, frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], list[Problem]]:
    absent = [c.name for c in schema.columns if c.name not in frame.columns and not c.optional]
    if absent:
        near = difflib.get_close_matches(absent[0], [str(name) for name in frame.columns])
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        names = ", ".join(repr(name) for name in absent)
        raise UserError(
            f"The table has no column {names}{hint}. Add it; the model was trained with it."
        )
    columns, problems = {}, []
    for column in schema.columns:
        if column.name not in frame.columns:
            missing = values.converter(column.kind)(None)
            columns[column.name] = as_array(column.kind, [missing] * len(frame))
            continue
        written = schema.written(column)
        array, refused = convert(frame[column.name], column.kind, written)
        if column.kind == "number":
            refused += _in_another_unit(frame[column.name], array, written)
        columns[column.name] = array
        problems += [Problem(row, column.name, *why) for row, why in refused]
    return columns, sorted(problems, key=lambda problem: problem.row)


def _in_another_unit(
    series: "pd.Series[Any]", array: np.ndarray, written: Format
) -> list[tuple[int, tuple[Any, str]]]:
    """Numbers beside another sign than the column's, which become missing: 12% is not 0.12."""
    texts = fast.arrow(series)
    marked = [] if texts is None else fast.rows_with_a_mark(texts)
    refused = []
    for row in marked:
        found = values.number_and_mark(series.iloc[row].strip(), written.decimal)
        mark = values.unit(found[1]) if found else ""
        if mark and mark != values.unit(written.mark):
            own = f"in {written.mark}" if written.mark else "without a sign"
            refused.append((row, (series.iloc[row], f"is in {mark}, and the column is {own}")))
            array[row] = np.nan
    return refused


def convert(
    series: "pd.Series[Any]", kind: str, written: Format = PLAIN
) -> tuple[np.ndarray, list[tuple[int, tuple[Any, str]]]]:
    """Read a whole column as `kind`; each different text is read once.

    Returns
    -------
    array : ndarray of shape (n,)
        As in `columns_from_records`; missing where a value could not be read.
    refused : list of (row, (value, why))
    """
    dtype = series.dtype
    read = values.converter(kind, written, iso=False)
    if kind == "number" and isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        array = series.to_numpy(dtype=np.float64, copy=True)
        array[~np.isfinite(array)] = np.nan
        if unknown := values.missing_numbers(written):
            array[np.isin(array, list(unknown))] = np.nan
        return array, []
    if kind == "date" and isinstance(dtype, np.dtype) and dtype.kind == "M":
        return series.to_numpy().astype("datetime64[us]"), []
    if kind in ("number", "date"):
        at_once = (fast.numbers if kind == "number" else fast.dates)(series, written)
        if at_once is not None:
            return at_once, []
    codes: np.ndarray | None = None
    items: Iterable[Any] = series.to_numpy(dtype=object)
    if not pd.api.types.is_object_dtype(
        dtype
    ):  # in an object column 1, 1.0 and True would be taken for one value
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
        items = [*pd.Series(uniques).to_numpy(dtype=object), None]  # code -1 is the last
    converted, why = [], {}
    for position, item in enumerate(items):
        try:
            converted.append(read(item))
        except ValueError as error:
            converted.append(read(None))
            why[position] = (item, str(error))
    array = as_array(kind, converted)
    if codes is None:
        return array, list(why.items())
    rows: list[tuple[int, tuple[Any, str]]] = []
    if why:
        rows = [
            (int(row), why[int(codes[row])]) for row in np.flatnonzero(np.isin(codes, list(why)))
        ]
    return array[codes], rows
