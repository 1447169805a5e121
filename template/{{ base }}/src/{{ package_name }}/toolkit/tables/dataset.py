"""What the data stage left: rows typed as the schema says, and the target as the models take it."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation.intervals import Units
from ..profiling.contract import columns_from_frame
from ..profiling.schema import Schema
from ..project.files import read_json, write_bytes
from ..splitting.tables import Split

SCHEMA = Path("data", "schema.json")


@dataclass
class Table:
    """Rows of one side of the split.

    Attributes
    ----------
    schema : Schema
    raw : DataFrame
        As it was read, all columns.
    x : DataFrame
        Columns of the schema, typed.
    y : ndarray of shape (n,)
        Class codes (int64) in the order of `schema.target.classes`, or values (float64).
    """

    schema: Schema
    raw: pd.DataFrame
    x: pd.DataFrame
    y: NDArray[Any]

    @property
    def time(self) -> NDArray[Any] | None:
        """When each row happened, if the schema names a time."""
        return None if self.schema.time is None else self.raw[self.schema.time].to_numpy()

    @property
    def groups(self) -> NDArray[Any] | None:
        """The group of each row as text, if the schema names one."""
        return (
            None
            if self.schema.group is None
            else self.raw[self.schema.group].astype(str).to_numpy()
        )

    @property
    def units(self) -> Units:
        """What hangs together, as the split kept it: groups, days, or single rows."""
        return Units.of(len(self.y), self.groups, self.time)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """`x` as the encoder and the predictor take it: one array a column."""
        return columns_of(self.x)

    @property
    def is_classes(self) -> bool:
        """Whether the target is a class."""
        return self.schema.target.task != "regression"

    def take(self, rows: NDArray[np.intp]) -> "Table":
        """Some of the rows, by position and in that order."""
        raw, x = (frame.iloc[rows].reset_index(drop=True) for frame in (self.raw, self.x))
        return Table(self.schema, raw, x, self.y[rows])


def write_sides(root: Path, frame: pd.DataFrame, split: Split) -> str:
    """Write data/train.parquet and data/test.parquet; return the SHA-256 of both together."""
    digest = hashlib.sha256()
    for name, rows in (("train", split.train), ("test", split.test)):
        buffer = io.BytesIO()
        frame.iloc[rows].reset_index(drop=True).to_parquet(buffer, index=False)
        content = buffer.getvalue()
        digest.update(content)
        write_bytes(root / "data" / f"{name}.parquet", content)
    return digest.hexdigest()


def read_schema(root: Path) -> Schema:
    """The schema that the data stage inferred."""
    return Schema.from_json(read_json(root / SCHEMA, "data"))


def read_rows(root: Path, side: str, schema: Schema) -> pd.DataFrame:
    """The inputs of `train` or `test`, typed, without the target."""
    names = [column.name for column in schema.columns]
    return typed(schema, pd.read_parquet(root / "data" / f"{side}.parquet", columns=names))


def read_table(root: Path, side: str) -> Table:
    """`train` or `test` with its target."""
    schema = read_schema(root)
    raw = pd.read_parquet(root / "data" / f"{side}.parquet")
    return Table(schema, raw, typed(schema, raw), _codes(schema, raw[schema.target.name]))


def typed(schema: Schema, raw: pd.DataFrame) -> pd.DataFrame:
    """Columns of the schema with the dtypes that the encoder takes."""
    columns = columns_from_frame(schema, raw)
    # pandas would turn object arrays of text into its own string type.
    return pd.DataFrame({n: pd.Series(v, dtype=v.dtype) for n, v in columns.items()})


def columns_of(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """One array a column, by name."""
    return {str(name): frame[name].to_numpy() for name in frame}


def _codes(schema: Schema, target: "pd.Series[Any]") -> NDArray[Any]:
    if schema.target.classes is None:
        return target.to_numpy(dtype=np.float64)
    position = {str(label): code for code, label in enumerate(schema.target.classes)}
    return np.array([position[str(value)] for value in target], dtype=np.int64)
