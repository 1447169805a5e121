"""Groups of test rows on which the model errs more, or less, than on the whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .intervals import FEWEST, Units, interval_of_ratio

SMALLEST_SLICE = 30
MOST_VALUES = 12


def bins_of(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A readable group for every row of one typed column, shape (n,).

    Categories keep their commonest values, numbers fall into quarters, dates into months (or
    hours, where all rows lie in one month).
    """
    if column.dtype == object:
        names = column.fillna("(missing)").astype(str)
        common = names.value_counts().index[:MOST_VALUES]
        return names.where(names.isin(common), "(other)")
    if column.dtype.kind == "M":
        months = column.dt.strftime("%Y-%m").fillna("(missing)")
        return months if months.nunique() > 1 else column.dt.strftime("%H h").fillna("(missing)")
    if column.nunique() <= 6:
        return column.map(lambda v: "(missing)" if pd.isna(v) else f"{v:g}")
    quarters = pd.qcut(column, 4, duplicates="drop")
    least = column.min()  # the first interval begins a little below it
    names = quarters.map(lambda i: f"{max(i.left, least):.4g} to {i.right:.4g}", na_action="ignore")
    return names.astype(object).fillna("(missing)")


def slices(
    columns: pd.DataFrame,
    loss: NDArray[np.float64],
    unit: str,
    most: int = 20,
    smallest: int = SMALLEST_SLICE,
    units: Units | None = None,
    held: NDArray[np.bool_] | None = None,
) -> list[dict[str, Any]]:
    """Groups of rows on which the model errs more, or less, than on the whole.

    Parameters
    ----------
    columns : DataFrame of n rows
        What the rows are grouped by, one column at a time.
    loss : ndarray of shape (n,)
        Error of each row, lower is better.
    unit : str
        What `loss` is, for the report.
    most : int
        How many slices to keep, the largest gaps first.
    smallest : int
        Groups with fewer rows are passed over.
    units : Units, optional
        What is resampled for the intervals; single rows otherwise.
    held : ndarray of shape (n,), optional
        Whether a row's interval or set held the truth.

    Returns
    -------
    list of dict
        Column, value, size, mean error, its 95% interval and the gap to all other rows; the other
        names of the `same_rows`. Only slices of enough units whose interval excludes the overall
        mean count as findings.
    """
    overall = float(np.mean(loss))
    units = units or Units.of(len(loss))
    found: dict[bytes, dict[str, Any]] = {}
    for name, value, inside in slices_of(columns, smallest):
        key = np.packbits(inside).tobytes()
        if key in found:
            found[key]["same_rows"].append(f"{name} = {value}")
            continue
        part, own = loss[inside], units.take(inside)
        score, bounds = float(np.mean(part)), interval_of_ratio(part, np.ones(len(part)), own)
        few = own.count < FEWEST
        found[key] = {
            "column": name,
            "value": value,
            "n": len(part),
            "units": own.count,
            "too_few_units": few,
            "metric": unit,
            "score": score,
            "ci": bounds,
            "gap": score - overall,
            "finding": bool(bounds and not few and not bounds[0] <= overall <= bounds[1]),
            "coverage": None if held is None else float(np.mean(held[inside])),
            "same_rows": [],
        }
    ranked = sorted(found.values(), key=lambda s: (s["finding"], s["gap"]), reverse=True)
    return ranked[:most]


def slices_of(columns: pd.DataFrame, smallest: int) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Column, value and the rows, bool of shape (n,), of every slice that is large enough."""
    for name in columns:
        if columns[name].dtype == object and columns[name].nunique() > 0.5 * len(columns):
            continue  # free text: no row shares a value with another
        groups = bins_of(columns[name]).to_numpy()
        for value in pd.unique(groups):
            inside = np.asarray(groups == value)
            if smallest <= inside.sum() < len(inside):
                yield str(name), str(value), inside
