"""One description of the columns, shared by training, batch prediction and the service.

The service imports this module, which therefore imports no pandas: `contract`
holds what needs them.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StrictBool,
    create_model,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import core_schema

from ..project.errors import UserError
from ..reading import parsing as values
from ..reading.parsing import PLAIN, Format

Kind = Literal["number", "boolean", "category", "date", "text"]
Label = str | int | bool | float
_SECONDS = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$"  # as programs write a moment
_EPOCH, _MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
_NAT = int(np.datetime64("NaT").astype(np.int64))
TYPES: dict[str, Any] = {"number": float, "boolean": bool, "date": datetime}


class Column(BaseModel):
    """A column a prediction needs.

    `seen` is the range of the training data; outside it a value is answered with a warning, and
    outside `min` to `max` it is refused.
    `format` is how files write it where they do so in another way than the schema's default.
    `lookup` columns are filled in when left out.
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
    format: Format | None = None

    @property
    def optional(self) -> bool:
        """Whether a caller may leave the column out."""
        return self.nullable or self.lookup


class Ignored(BaseModel):
    """A column that is accepted and not used, and why."""

    name: str
    reason: str


class Target(BaseModel):
    """What is predicted: `classes` in a fixed order, or the range of a number.

    `spellings` are what `data.merge_labels` joins with each class, `format` is how files write a
    number.
    """

    name: str
    task: Literal["binary", "multiclass", "regression"]
    classes: list[Label] | None = None
    positive: Label | None = None
    min: float | None = None
    max: float | None = None
    spellings: dict[str, list[str]] = {}
    format: Format = PLAIN


class Schema(BaseModel):
    """The target, the columns and the ignored columns of one table, and how its files are written."""

    target: Target
    time: str | None = None
    group: str | None = None
    columns: list[Column]
    ignored: list[Ignored] = []
    format: Format = PLAIN

    def written(self, column: Column) -> Format:
        """How files write a column."""
        return column.format or self.format

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


def _field(column: Column, written: Format, lowest: Any, highest: Any) -> tuple[Any, Any]:
    read = values.converter(column.kind, written)

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
    elif column.kind in ("category", "text") and not column.optional:
        limits = {"pattern": r"\S"}  # as `before` has seen to; said for OpenAPI
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
            description=_bounds(lowest, highest) if column.kind == "date" else None,
            examples=[column.example],
        ),
    )


def _bounds(lowest: Any, highest: Any) -> str | None:
    """What JSON Schema has no keyword for."""
    said = [("From", lowest), ("to", highest)]
    text = " ".join(f"{word} {bound.isoformat()}" for word, bound in said if bound is not None)
    return f"{text[0].upper()}{text[1:]}" if text else None


def _plain_field(
    column: Column, written: Format, lowest: Any, highest: Any
) -> tuple[Any, Any] | None:
    """A field that pydantic's own core checks, without a call into Python; None where it takes one."""
    kind: Any
    match column.kind:
        case "number" if not values.missing_numbers(written):  # -999 may stand for a gap
            kind = Annotated[float, Field(strict=True, ge=lowest, le=highest)]
        case "boolean":
            kind = StrictBool
        case "category" if column.categories:
            kind = Literal[tuple(column.categories)]
        case "date" if not written.missing:
            moment = core_schema.datetime_schema(ge=lowest, le=highest)
            text = core_schema.str_schema(pattern=_SECONDS)  # 4 microseconds less than `to_date`
            chain = core_schema.chain_schema([text, moment])
            kind = Annotated[datetime, GetPydanticSchema(lambda source, handler: chain)]
        case _:
            return None
    default = None if column.optional else ...
    return kind | None if column.optional else kind, Field(default, alias=column.name)


def record_model(schema: Schema, plain: bool = False) -> type[BaseModel]:
    """Return the pydantic model of one record; aliases carry the column names.

    Attributes are called `c0`, `c1`, ... in the order of `schema.columns`, so that no column name
    can collide with a method or a keyword. `model_dump(by_alias=True)` gives the record back,
    without ignored columns.

    Parameters
    ----------
    schema : Schema
    plain : bool
        The same, but only for what callers nearly always send: JSON numbers, true or false, and
        categories of the training data. It refuses the rest, and takes a third of the time.
    """
    fields: dict[str, Any] = {}
    for position, column in enumerate(schema.columns):
        low: Any = column.min
        high: Any = column.max
        if column.kind == "date":
            low, high = (datetime.fromisoformat(str(x)) if x else None for x in (low, high))
        written = schema.written(column)
        usual = _plain_field(column, written, low, high) if plain else None
        fields[f"c{position}"] = usual or _field(column, written, low, high)
    unused = [schema.target.name, *(column.name for column in schema.ignored)]
    for position, name in enumerate(unused):
        unused_field = Field(None, alias=name, exclude=True)
        fields[f"i{position}"] = (Annotated[Any, SkipJsonSchema()], unused_field)
    config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [example_of(schema)]}
    )
    return create_model("Record", __config__=config, **fields)


class Columns(BaseModel):
    """Many records, column by column; see `columns_model`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        lengths = {len(values) for values in self.__dict__.values() if values is not None}
        if len(lengths) != 1:
            raise ValueError(f"columns must be equally long, and hold {sorted(lengths)} values")
        return self

    def listed(self, schema: Schema) -> dict[str, list[Any]]:
        """The values of each column of the schema; None for each value of one that was left out."""
        given = self.__dict__
        rows = next(len(values) for values in given.values() if values is not None)
        return {
            column.name: given[f"c{position}"] or [None] * rows
            for position, column in enumerate(schema.columns)
        }


def columns_model(record: type[BaseModel], most: int) -> type[Columns]:
    """The model of 1 to `most` records column by column, with the fields of a `record_model`."""
    fields: dict[str, Any] = {}
    for name, field in record.model_fields.items():
        each: Any = field.annotation
        if field.metadata:
            each = Annotated[(each, *field.metadata)]
        many: Any = Annotated[list[each], Field(min_length=1, max_length=most)]
        default = ... if field.is_required() else None
        kind = many if field.is_required() else many | None
        fields[name] = (
            kind,
            Field(default, alias=field.alias, exclude=field.exclude, description=field.description),
        )
    return create_model("Columns", __base__=Columns, **fields)


def _say_one_of_two(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        del field["default"]
    schema["oneOf"] = [{"required": [name]} for name in schema["properties"]]


class _Batch(BaseModel):
    model_config = ConfigDict(json_schema_extra=_say_one_of_two)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.records is None) == (self.columns is None):  # type: ignore[attr-defined]
            raise ValueError("send `records` or `columns`, and not both")
        return self


def batch_model(record: type[BaseModel], most: int) -> type[BaseModel]:
    """The model of `{"records": [...]}` or `{"columns": {...}}`, up to `most` records."""
    records = Annotated[list[record], Field(min_length=1, max_length=most)]  # type: ignore[valid-type]
    columns = columns_model(record, most)
    # Each may be left out, and null is no list: a default of None with no None in the type.
    fields: Any = {"records": (records, None), "columns": (columns, None)}
    return create_model("Batch", __base__=_Batch, **fields)


def example_of(schema: Schema) -> dict[str, Any]:
    """A valid record, without the columns that are looked up."""
    return {column.name: column.example for column in schema.columns if not column.lookup}


def as_array(kind: str, converted: list[Any]) -> np.ndarray:
    """Return read values as the array of a column kind; None is NaN or NaT, where there is one."""
    if kind in ("number", "boolean"):
        return np.array(converted, dtype=np.float64)
    if kind == "date":
        # Counted here, in a tenth of the time that numpy takes to read 1,000 of them (2.2 ms).
        counts = [_NAT if each is None else (each - _EPOCH) // _MICROSECOND for each in converted]
        return np.array(counts, dtype=np.int64).view("datetime64[us]")
    result = np.empty(len(converted), dtype=object)
    result[:] = converted
    return result


def typed_columns(schema: Schema, values: Mapping[str, list[Any]]) -> dict[str, np.ndarray]:
    """The arrays of validated values, by column; as `columns_from_records` gives them."""
    return {column.name: as_array(column.kind, values[column.name]) for column in schema.columns}


def columns_from_records(schema: Schema, records: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return one array per column, the same as `columns_from_frame` for the same values.

    Numbers are JSON's and dates ISO 8601, however the table's files are written.

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
        read = values.converter(column.kind, schema.written(column))
        name = column.name
        try:
            result[name] = as_array(column.kind, [read(record.get(name)) for record in records])
        except ValueError:
            for row, record in enumerate(records):
                _read_or_explain(read, record.get(name), f"Record {row + 1}, column {name!r}")
            raise
    return result


def _read_or_explain(read: Callable[[Any], Any], value: Any, where: str) -> None:
    try:
        read(value)
    except ValueError as error:
        raise UserError(f"{where}: {value!r} {error}.") from error
