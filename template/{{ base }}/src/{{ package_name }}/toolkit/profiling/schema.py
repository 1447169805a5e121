"""One description of the columns, shared by training, batch prediction and the service.

The service imports this module, which therefore imports neither pandas nor pandera: `contract`
holds what needs them.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.json_schema import SkipJsonSchema

from ..project.errors import UserError
from ..reading import parsing as values

Kind = Literal["number", "boolean", "category", "date", "text"]
Label = str | int | bool | float
TYPES: dict[str, Any] = {"number": float, "boolean": bool, "date": datetime}


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


def refusal(column: Column, value: Any) -> str:
    """Say why a value that was read is refused: it is missing, or outside the accepted range."""
    if value is None or value != value:
        return "is missing, and the training data had no missing value in this column"
    seen = f" (training data: {column.seen[0]} to {column.seen[1]})" if column.seen else ""
    return f"is outside the accepted range {column.min} to {column.max}{seen}"


def _field(column: Column, lowest: Any, highest: Any) -> tuple[Any, Any]:
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

    limits: dict[str, Any] = {}
    if column.kind in ("number", "date"):
        limits = {"ge": lowest, "le": highest}
    kind: Any = TYPES.get(column.kind, str)
    kind = Annotated[kind, Field(**{k: v for k, v in limits.items() if v is not None})]
    if column.optional:
        kind = kind | None
    return (
        Annotated[kind, BeforeValidator(before)],
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
    for position, column in enumerate(schema.columns):
        low: Any = column.min
        high: Any = column.max
        if column.kind == "date":
            low, high = (datetime.fromisoformat(str(x)) if x else None for x in (low, high))
        fields[f"c{position}"] = _field(column, low, high)
    unused = [schema.target.name, *(column.name for column in schema.ignored)]
    for position, name in enumerate(unused):
        unused_field = Field(None, alias=name, exclude=True)
        fields[f"i{position}"] = (Annotated[Any, SkipJsonSchema()], unused_field)
    config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [example_of(schema)]}
    )
    return create_model("Record", __config__=config, **fields)


def example_of(schema: Schema) -> dict[str, Any]:
    """A valid record, without the columns that are looked up."""
    return {column.name: column.example for column in schema.columns if not column.lookup}


def as_array(kind: str, converted: list[Any]) -> np.ndarray:
    """Return read values as the array of a column kind."""
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
            result[name] = as_array(column.kind, [read(record.get(name)) for record in records])
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
