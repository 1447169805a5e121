"""One description of the columns, shared by training, batch prediction and the service.

The service imports this module, so pandas and pandera are imported only inside the functions that
the service does not call.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.json_schema import SkipJsonSchema

from . import values
from .errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

    from .profile import Profile
    from .settings import Params

Kind = Literal["number", "boolean", "category", "date", "text"]
Label = str | int | bool | float
TYPES: dict[str, Any] = {"number": float, "boolean": bool, "date": datetime}
CATEGORIES_KEPT = 200
DATE_HORIZON = timedelta(days=3650)  # a served model is asked about days after its training data


class Column(BaseModel):
    """A column a prediction needs.

    `seen` is the range of the training data, `min` and `max` the wider range that is accepted.
    `day_first` says how 03/04/2020 was read. `lookup` columns are filled in when left out.
    """

    name: str
    kind: Kind
    nullable: bool = False
    min: float | str | None = None
    max: float | str | None = None
    seen: tuple[Any, Any] | None = None
    integer: bool = False
    categories: list[str] | None = None
    lookup: bool = False
    example: Any = None
    day_first: bool = False

    @property
    def optional(self) -> bool:
        """Whether a caller may leave the column out."""
        return self.nullable or self.lookup


class Ignored(BaseModel):
    """A column that is accepted and not used, and why."""

    name: str
    reason: str


class Target(BaseModel):
    """What is predicted: `classes` in a fixed order, or the range of a number."""

    name: str
    task: Literal["binary", "multiclass", "regression"]
    classes: list[Label] | None = None
    positive: Label | None = None
    min: float | None = None
    max: float | None = None


class Schema(BaseModel):
    """The target, the columns and the ignored columns of one table."""

    target: Target
    time: str | None = None
    group: str | None = None
    columns: list[Column]
    ignored: list[Ignored] = []

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `json.dumps` takes."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Schema":
        """Read what `to_json` gave."""
        return cls.model_validate(dict(content))


@dataclass(frozen=True)
class Problem:
    """A value that the schema refuses; `row` counts from 0."""

    row: int
    column: str
    value: Any
    message: str


def infer(frame: "pd.DataFrame", profile: "Profile", params: "Params") -> Schema:
    """Describe the used columns of a profiled table, with bounds wider than what was seen."""
    looked_up = {name for lookup in params.data.lookups for name in lookup.columns}
    columns = [
        Column(
            name=column.name,
            kind=column.kind,
            nullable=column.missing > 0,
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
        time=params.data.time,
        group=params.data.group,
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
        middle = present.sort_values().iloc[len(present) // 2]
        try:
            bounds = (low - (high - low), high + (high - low) + DATE_HORIZON)
        except (OverflowError, ValueError):
            bounds = (datetime.min, datetime.max)
        lowest, highest = (moment.isoformat() for moment in bounds)
        seen = (low.isoformat(), high.isoformat())
        return {"min": lowest, "max": highest, "seen": seen, "example": middle.isoformat()}
    low, high = float(low), float(high)
    width = (high - low) or max(abs(low), 1.0)
    lowest, highest = low - width, high + width
    if low >= 0:
        lowest = max(lowest, 0.0)
    # The middle value is one that occurs: an average of two could be 3.5 children.
    example = float(present.sort_values().iloc[len(present) // 2])
    return {
        "min": lowest if math.isfinite(lowest) else None,
        "max": highest if math.isfinite(highest) else None,
        "seen": (low, high),
        "example": int(example) if integer else example,
    }


def pandera_schema(schema: Schema) -> "pa.DataFrameSchema":
    """Return the schema as pandera checks it, over the arrays of `columns_from_frame`."""
    import pandera.pandas as pa

    dtypes = {"number": "float64", "boolean": "float64", "date": "datetime64[us]"}
    columns = {}
    for column in schema.columns:
        checks = []
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


def _field(column: Column, default_min: Any, default_max: Any) -> tuple[Any, Any]:
    read = values.converter(column.kind, column.day_first)

    def before(value: Any) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("is not a finite number")
        result = read(value)
        if result is not None and result == result:
            return result
        if not column.optional:
            raise ValueError(refusal(column, None))
        return None

    kind = TYPES.get(column.kind, str)
    limits: dict[str, Any] = {}
    if column.kind in ("number", "date"):
        limits = {"ge": default_min, "le": default_max}
    inner = Annotated[kind, Field(**{k: v for k, v in limits.items() if v is not None})]
    accepted = inner | None if column.optional else inner
    return (
        Annotated[accepted, BeforeValidator(before)],
        Field(
            None if column.optional else ...,
            alias=column.name,
            title=column.name,
            examples=[column.example],
        ),
    )


def record_model(schema: Schema) -> type[BaseModel]:
    """Return the pydantic model of one record; aliases carry the column names.

    Attributes are called `c0`, `c1`, ... in the order of `schema.columns`, so that no column name
    can collide with a method or a keyword. `model_dump(by_alias=True)` gives the record back,
    without ignored columns.
    """
    fields: dict[str, Any] = {}
    example: dict[str, Any] = {}
    for position, column in enumerate(schema.columns):
        low, high = column.min, column.max
        if column.kind == "date":
            low, high = (datetime.fromisoformat(str(x)) if x else None for x in (low, high))
        fields[f"c{position}"] = _field(column, low, high)
        if not column.lookup:
            example[column.name] = column.example
    unused = [schema.target.name, *(column.name for column in schema.ignored)]
    for position, name in enumerate(unused):
        unused_field = Field(None, alias=name, exclude=True)
        fields[f"i{position}"] = (SkipJsonSchema[Any], unused_field)
    config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [example]}
    )
    return create_model("Record", __config__=config, **fields)


def _array(kind: str, converted: list[Any]) -> np.ndarray:
    if kind in ("number", "boolean"):
        return np.array(converted, dtype=np.float64)
    if kind == "date":
        return np.array(converted, dtype="datetime64[us]")
    result = np.empty(len(converted), dtype=object)
    result[:] = converted
    return result


def columns_from_records(schema: Schema, records: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return one array per column, the same as `columns_from_frame` for the same values.

    Numbers and booleans are float64 with NaN, dates datetime64[us] with NaT, categories and texts
    objects of str or None; each has shape `(len(records),)`. A column a record leaves out is
    missing there.

    Raises
    ------
    UserError
        Naming the record, the column and the value that cannot be read.
    """
    result = {}
    for column in schema.columns:
        read = values.converter(column.kind, column.day_first)
        name = column.name
        try:
            result[name] = _array(column.kind, [read(record.get(name)) for record in records])
        except ValueError:
            for row, record in enumerate(records):
                _read_or_explain(column, record.get(name), f"Record {row + 1}")
            raise
    return result


def _read_or_explain(column: Column, value: Any, where: str) -> None:
    try:
        values.converter(column.kind, column.day_first)(value)
    except ValueError as error:
        raise UserError(f"{where}, column {column.name!r}: {value!r} {error}.") from error


def columns_from_frame(schema: Schema, frame: "pd.DataFrame") -> dict[str, np.ndarray]:
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


def typed_frame(columns: Mapping[str, np.ndarray]) -> "pd.DataFrame":
    """Return a frame that keeps the arrays' dtypes (pandas makes texts of objects by itself)."""
    import pandas as pd

    return pd.DataFrame({n: pd.Series(v, dtype=v.dtype) for n, v in columns.items()})


def check_frame(
    schema: Schema, frame: "pd.DataFrame"
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """Return the columns and every value that the schema refuses, by row.

    A refused value that could not be read is missing in the arrays.
    """
    import pandas as pd
    from pandera.errors import SchemaErrors

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


def refusal(column: Column, value: Any) -> str:
    """Say why a value that was read is refused: it is missing, or outside the accepted range."""
    if value is None or value != value:
        return "is missing, and the training data had no missing value in this column"
    seen = f" (training data: {column.seen[0]} to {column.seen[1]})" if column.seen else ""
    return f"is outside the accepted range {column.min} to {column.max}{seen}"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, np.datetime64) else getattr(value, "item", str)()


def _convert(schema: Schema, frame: "pd.DataFrame") -> tuple[dict[str, np.ndarray], list[Problem]]:
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
            columns[column.name] = _array(column.kind, [read(None)] * len(frame))
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
    import pandas as pd

    from .kinds import fast_numbers

    dtype = series.dtype
    read = values.converter(kind, day_first)
    if kind == "number" and isinstance(dtype, np.dtype) and dtype.kind in "iufb":
        array = series.to_numpy(dtype=np.float64, copy=True)
        array[~np.isfinite(array)] = np.nan
        return array, []
    if kind == "date" and isinstance(dtype, np.dtype) and dtype.kind == "M":
        return series.to_numpy().astype("datetime64[us]"), []
    if kind == "number":
        fast = fast_numbers(series)
        if fast is not None:
            return fast, []
    codes: np.ndarray | None = None
    items: Iterable[Any] = series.to_numpy(dtype=object)
    if dtype != object:  # in an object column 1, 1.0 and True would be taken for one value
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
        items = [*pd.Series(uniques).to_numpy(dtype=object), None]  # code -1 is the last
    converted, why = [], {}
    for position, item in enumerate(items):
        try:
            converted.append(read(item))
        except ValueError as error:
            converted.append(read(None))
            why[position] = (item, str(error))
    array = _array(kind, converted)
    if codes is None:
        return array, list(why.items())
    rows: list[tuple[int, tuple[Any, str]]] = []
    if why:
        rows = [
            (int(row), why[int(codes[row])]) for row in np.flatnonzero(np.isin(codes, list(why)))
        ]
    return array[codes], rows
