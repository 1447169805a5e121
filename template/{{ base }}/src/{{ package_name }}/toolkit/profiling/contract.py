"""The schema over whole tables: inferred from the training rows, applied to files."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from ..project.errors import UserError
from ..reading import arrow_parsing as fast
from ..reading import parsing as values
from ..reading.settings import Data
from .schema import Column, Ignored, Schema, as_array, refusal

if TYPE_CHECKING:
    from .columns import Profile

DATE_HORIZON = timedelta(days=36_500)  # old data is asked about today; a misread year is refused


@dataclass(frozen=True)
class Problem:
    """A value that the schema refuses; `row` counts from 0."""

    row: int
    column: str
    value: Any
    message: str


def infer(frame: pd.DataFrame, profile: "Profile", data: Data) -> Schema:
    """Describe the used columns of a profiled table, with bounds wider than what was seen."""
    looked_up = {name for lookup in data.lookups for name in lookup.columns}
    columns = [
        Column(
            name=column.name,
            kind=column.kind,
            nullable=column.nullable,
            integer=column.integer,
            lookup=column.name in looked_up,
            day_first=column.day_first,
            categories=column.categories,
            **_example_and_bounds(frame[column.name], column.kind, column.integer),
        )
        for column in profile.columns
        if column.used
    ]
    return Schema(
        target=profile.target.as_schema(),
        time=data.time,
        group=data.group,
        columns=columns,
        ignored=[
            Ignored(name=column.name, reason=column.reason)
            for column in profile.columns
            if not column.used and column.name != profile.target.name
        ],
    )


def _example_and_bounds(series: "pd.Series[Any]", kind: str, integer: bool) -> dict[str, Any]:
    present = series.dropna()
    if kind in ("category", "text"):
        return {"example": str(present.mode().iloc[0]) if kind == "category" else present.iloc[0]}
    if kind == "boolean":
        return {"example": bool(present.iloc[0])}
    low, high = present.min(), present.max()
    if kind == "date":
        middle = pd.Timestamp(_middle(present.to_numpy().astype("datetime64[us]")))
        first, last = low.to_pydatetime(), high.to_pydatetime()
        return {
            "min": _shifted(first, first - last).isoformat(),
            "max": _shifted(last, last - first + DATE_HORIZON).isoformat(),
            "seen": (first.isoformat(), last.isoformat()),
            "example": middle.isoformat(),
        }
    low, high = float(low), float(high)
    width = (high - low) or max(abs(low), 1.0)
    lowest, highest = low - width, high + width
    if low >= 0:
        lowest = max(lowest, 0.0)
    example = float(_middle(present.to_numpy(dtype=np.float64)))
    return {
        "min": lowest if math.isfinite(lowest) else None,
        "max": highest if math.isfinite(highest) else None,
        "seen": (low, high),
        "example": int(example) if integer else example,
    }


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:  # 9999-12-31 stands for "open end" in many tables
        return datetime.max if by > timedelta() else datetime.min


def _middle(array: np.ndarray) -> Any:
    """The middle value, one that occurs: the average of two could be 3.5 children."""
    return np.partition(array, len(array) // 2)[len(array) // 2]


def pandera_schema(schema: Schema) -> pa.DataFrameSchema:
    """Return the schema as pandera checks it, over the arrays of `columns_from_frame`."""
    dtypes = {"number": "float64", "boolean": "float64", "date": "datetime64[us]"}
    columns = {}
    for column in schema.columns:
        checks: list[pa.Check] = []
        low: Any
        high: Any
        if column.kind == "number":
            low = -math.inf if column.min is None else column.min
            high = math.inf if column.max is None else column.max
            checks = [pa.Check.in_range(low, high)]
        elif column.kind == "date" and column.min and column.max:
            low, high = np.datetime64(str(column.min)), np.datetime64(str(column.max))
            checks = [pa.Check.in_range(low, high)]
        dtype = dtypes.get(column.kind, "object")
        columns[column.name] = pa.Column(dtype, checks, nullable=column.optional, coerce=False)
    return pa.DataFrameSchema(columns, strict=True)


def require_valid(schema: Schema, columns: Mapping[str, np.ndarray]) -> None:
    """Check the rows against the schema inferred from them: it must accept them.

    Raises
    ------
    UserError
    """
    try:
        pandera_schema(schema).validate(typed_frame(columns), lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases[["column", "check", "failure_case"]].head(5)
        raise UserError(f"The table does not fit its own schema:\n{cases.to_string()}") from error


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
    try:
        pandera_schema(schema).validate(typed_frame(columns), lazy=True)
    except SchemaErrors as error:
        by_name = {column.name: column for column in schema.columns}
        cases = error.failure_cases
        for name, row in zip(cases["column"], cases["index"], strict=True):
            if pd.isna(row) or (int(row), name) in unread:
                continue
            value = columns[name][int(row)]
            problems.append(Problem(int(row), name, _plain(value), refusal(by_name[name], value)))
    return columns, sorted(problems, key=lambda problem: problem.row)


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
            read = values.converter(column.kind)
            columns[column.name] = as_array(column.kind, [read(None)] * len(frame))
            continue
        array, refused = convert(frame[column.name], column.kind, column.day_first)
        columns[column.name] = array
        problems += [Problem(row, column.name, *why) for row, why in refused]
    return columns, sorted(problems, key=lambda problem: problem.row)


def convert(
    series: "pd.Series[Any]", kind: str, day_first: bool = False
) -> tuple[np.ndarray, list[tuple[int, tuple[Any, str]]]]:
    """Read a whole column as `kind`; each different text is read once.

    Returns
    -------
    array : ndarray of shape (n,)
        As in `columns_from_records`; missing where a value could not be read.
    refused : list of (row, (value, why))
    """
    dtype = series.dtype
    read = values.converter(kind, day_first)
    if kind == "number" and isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        array = series.to_numpy(dtype=np.float64, copy=True)
        array[~np.isfinite(array)] = np.nan
        return array, []
    if kind == "date" and isinstance(dtype, np.dtype) and dtype.kind == "M":
        return series.to_numpy().astype("datetime64[us]"), []
    if kind in ("number", "date"):
        at_once = fast.numbers(series) if kind == "number" else fast.dates(series)
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
