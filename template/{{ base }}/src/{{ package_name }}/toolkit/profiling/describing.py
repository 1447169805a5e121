"""What one column holds, in numbers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..reading.parsing import PLAIN, Format
from .schema import Kind

TOP_VALUES = 10
CATEGORIES_KEPT = 200


@dataclass
class ColumnProfile:
    """One column: its kind, its numbers, and why it is not used if it is not."""

    name: str
    kind: Kind
    used: bool = True
    reason: str = ""
    rows: int = 0
    missing: int = 0
    nullable: bool = False  # missing somewhere in the source, unused rows included
    distinct: int = 0
    integer: bool = False
    written: Format = PLAIN
    min: Any = None
    max: Any = None
    mean: float | None = None
    top: list[tuple[str, int]] = field(default_factory=list)

    @property
    def categories(self) -> list[str] | None:
        """The categories by frequency, if they are few enough to be listed."""
        if self.kind != "category" or self.distinct > CATEGORIES_KEPT:
            return None
        return [value for value, _ in self.top]

    def to_json(self) -> dict[str, Any]:
        """Return what reports/data.json says of the column."""
        return {
            "name": self.name,
            "kind": self.kind,
            "missing_share": self.missing / max(self.rows, 1),
            "distinct": self.distinct,
            "min": self.min,
            "max": self.max,
            "mean": self.mean,
            "top": [list(pair) for pair in self.top[:TOP_VALUES]],
            "used": self.used,
            "reason": self.reason,
        }


def describe(name: str, kind: Kind, array: Any) -> tuple[ColumnProfile, Any, Any]:
    """Count a converted column and give it the dtype it is stored with.

    Parameters
    ----------
    name, kind : str
    array : ndarray of shape (n,)
        From `contract.convert`.

    Returns
    -------
    column : ColumnProfile
    typed : Series of shape (n,)
        int64 or float64, bool (or nullable boolean), str, datetime64[us].
    counted : tuple of ndarray
        The different values and how many rows have each: numbers and dates in order, texts by
        frequency.
    """
    series = pd.Series(array, name=name)
    missing = int(series.isna().sum())
    column = ColumnProfile(name, kind, rows=len(array), missing=missing)
    known = kind in ("category", "text")
    present = series.dropna() if known else array[~np.isnan(array)]
    counted = (present[:0], present[:0]) if known else np.unique(present, return_counts=True)
    if kind == "number" and len(present):
        column.integer = bool((present == np.round(present)).all() and abs(present).max() < 2**53)
        column.distinct = len(counted[0])
        column.min, column.max = float(present.min()), float(present.max())
        with np.errstate(over="ignore"):
            mean = float(present.mean())
        column.mean = mean if np.isfinite(mean) else None
        if column.integer and not missing:
            series = series.astype("int64")
    elif kind == "boolean":
        column.distinct = len(counted[0])
        names = [(str(bool(v)), int(n)) for v, n in zip(*counted, strict=True)]
        column.top = sorted(names, key=lambda pair: -pair[1])
        column.mean = float(present.mean()) if len(present) else None
        series = series.astype("boolean" if missing else "bool")
    elif kind == "date" and len(present):
        column.distinct = len(counted[0])
        column.min, column.max = (pd.Timestamp(counted[0][i]).isoformat() for i in (0, -1))
    elif kind in ("category", "text"):
        frequent = present.value_counts()
        counted = frequent.index.to_numpy(), frequent.to_numpy()
        column.distinct = len(frequent)
        column.top = [(str(v), int(n)) for v, n in frequent.head(CATEGORIES_KEPT).items()]
        series = series.astype("str")
    return column, series, counted
