"""Groups of test rows on which the model errs more, or less, than on the whole."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    Returns
    -------
    list of dict
        Column, value, size, mean error, its 95 % interval and the gap to all other rows. Only
        slices whose interval excludes the overall mean count as findings.
    """
    overall = float(np.mean(loss))
    found: list[dict[str, Any]] = []
    for name in columns:
        if columns[name].dtype == object and columns[name].nunique() > 0.5 * len(columns):
            continue  # free text: no row shares a value with another
        groups = bins_of(columns[name]).to_numpy()
        for value in pd.unique(groups):
            inside = loss[groups == value]
            if not smallest <= len(inside) < len(loss):
                continue
            half = 1.96 * float(np.std(inside, ddof=1)) / np.sqrt(len(inside))
            score = float(np.mean(inside))
            found.append(
                {
                    "column": name,
                    "value": str(value),
                    "n": len(inside),
                    "metric": unit,
                    "score": score,
                    "ci": [score - half, score + half],
                    "gap": score - overall,
                    "finding": bool(abs(score - overall) > half),
                }
            )
    return sorted(found, key=lambda s: (s["finding"], s["gap"]), reverse=True)[:most]
