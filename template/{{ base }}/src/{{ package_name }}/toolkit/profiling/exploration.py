"""What the training rows show before any model: by class, in pairs, missing together, over time.

Two columns are compared by Spearman's rank correlation where both are numbers, by Cramér's V where both
are categories, and otherwise by the correlation ratio: the root of the share of a number's variance that
lies between the categories (Pearson 1905). All of them are 0 for nothing and at most 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats.contingency import association

from .schema import Schema

MOST_ROWS = 10_000  # evenly taken, for what is compared in pairs
MOST_COLUMNS = 15  # of which pairs are made: those that say most of the target
MOST_CLASSES = 4
SHOWN = 6
LEVELS = 20
SPANS = 40
FEWEST = 20  # rows of a span of time; the mean of fewer is left out
OTHER = "other"

Json = dict[str, Any]


def explore(
    schema: Schema,
    typed: Mapping[str, NDArray[Any]],
    y: NDArray[Any],
    rows: NDArray[np.intp],
    time: "pd.Series[Any] | None" = None,
) -> Json:
    """The content of `exploration` in `reports/data.json`.

    Parameters
    ----------
    schema : Schema
    typed : mapping of str to ndarray of shape (n,)
        Columns of the schema, as `contract.columns_from_frame` gives them.
    y : ndarray of shape (n,)
        Class codes, or values.
    rows : ndarray
        Positions of the training rows; no others are looked at.
    time : Series of n moments, optional

    Returns
    -------
    dict
        `rows`; `by_class`, the columns that differ most, each with its `shares` by class (for a number to
        predict: where it is in its lowest and its highest third); `pairs` of `columns`, strongest first,
        with their `measure` and `value`, and `with_target` likewise; `missing`, with the share of `complete`
        rows and the `patterns` in which columns are missing, the rarest gap first; and `over_time`, the mean target, or the
        shares of the classes, in spans of equal length.
    """
    frame = pd.DataFrame(
        {
            column.name: _plain(typed[column.name][rows], column.kind)
            for column in schema.columns
            if column.kind in ("number", "boolean", "category")
        },
        index=range(len(rows)),
    )
    truth, labels = y[rows], schema.target.classes
    target = pd.Series(truth) if labels is None else pd.Series(np.array(labels, str)[truth])
    picked = np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int))
    sample, of_sample = frame.iloc[picked].apply(_few_levels), _few_levels(target.iloc[picked])
    ranked = [
        {"column": str(name), **found}
        for name in frame
        if (found := _compare(sample[name], of_sample)) is not None
    ]
    ranked.sort(key=lambda row: -row["value"])
    names = [row["column"] for row in ranked][:MOST_COLUMNS]
    pairs = [
        {"columns": [first, second], **found}
        for place, first in enumerate(names)
        for second in names[place + 1 :]
        if (found := _compare(sample[first], sample[second])) is not None
    ]
    groups = _groups(target)
    return {
        "rows": len(rows),
        "compared_rows": len(picked),
        "with_target": ranked,
        "pairs": sorted(pairs, key=lambda row: -row["value"]),
        "by_class": [{"column": name, **_by_class(frame[name], groups)} for name in names[:SHOWN]],
        "missing": _missing({column.name: typed[column.name][rows] for column in schema.columns}),
        "over_time": None if time is None else _over_time(time.iloc[rows], target),
    }


def _plain(values: NDArray[Any], kind: str) -> "pd.Series[Any]":
    """Numbers as they are, and all else as text; None where missing."""
    if kind != "boolean":
        return pd.Series(values)
    words: NDArray[Any] = np.full(len(values), None, dtype=object)
    words[values == 1], words[values == 0] = "true", "false"
    return pd.Series(words)


def _is_number(column: "pd.Series[Any]") -> bool:
    return column.dtype.kind == "f"


def _few_levels(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A category's commonest levels, the others as one."""
    if _is_number(column):
        return column
    common = column.value_counts().index[:LEVELS]
    return column.where(column.isin(common) | column.isna(), OTHER)


def _compare(first: "pd.Series[Any]", second: "pd.Series[Any]") -> Json | None:
    """How closely two columns go together, on the rows that have both; None where one is constant."""
    both = (first.notna() & second.notna()).to_numpy()
    first, second = first[both], second[both]
    if first.nunique() < 2 or second.nunique() < 2:
        return None
    if _is_number(first) and _is_number(second):
        signed = float(first.corr(second, method="spearman"))
        return {"measure": "Spearman correlation", "value": abs(signed), "signed": signed}
    if not _is_number(first) and not _is_number(second):
        table = pd.crosstab(first, second).to_numpy()
        return {"measure": "Cramér's V", "value": float(association(table, method="cramer"))}
    number, category = (first, second) if _is_number(first) else (second, first)
    between = number.groupby(category).transform("mean").var(ddof=0)
    ratio = float(np.sqrt(min(between / number.var(ddof=0), 1.0)))
    return {"measure": "correlation ratio", "value": ratio} if np.isfinite(ratio) else None


def _groups(target: "pd.Series[Any]") -> dict[str, NDArray[np.bool_]]:
    """The rows of the commonest classes, or where a number is lowest and highest."""
    if not _is_number(target):
        return {
            str(label): (target == label).to_numpy()
            for label in target.value_counts().index[:MOST_CLASSES]
        }
    low, high = target.quantile([1 / 3, 2 / 3])
    return {
        "lowest third": (target <= low).to_numpy(),
        "highest third": (target >= high).to_numpy(),
    }


def _by_class(column: "pd.Series[Any]", groups: Mapping[str, NDArray[np.bool_]]) -> Json:
    """How the values of a column are spread in each group of rows."""
    parts = {name: column[rows].dropna() for name, rows in groups.items()}
    if not _is_number(column):
        levels = [str(level) for level in column.value_counts().index[:SHOWN]]
        shares = {
            name: [float((part == level).mean()) if len(part) else 0.0 for level in levels]
            for name, part in parts.items()
        }
        widest = np.ptp(np.array([*shares.values()]), axis=0).argmax()
        return {"levels": levels, "shares": shares, "widest": int(widest)}
    low, high = column.quantile([0.01, 0.99])
    bins = min(SPANS // 2, column.nunique())
    edges = np.linspace(low, high, bins + 1) if high > low else np.array([low, low + 1.0])
    shares = {
        name: (np.histogram(part.clip(low, high), edges)[0] / max(len(part), 1)).tolist()
        for name, part in parts.items()
    }
    medians = {name: float(part.median()) if len(part) else None for name, part in parts.items()}
    return {"edges": edges.tolist(), "shares": shares, "medians": medians}


def _missing(columns: Mapping[str, NDArray[Any]]) -> Json:
    """Which columns are missing in the same rows, commonest first."""
    masks = pd.DataFrame({name: pd.isna(values) for name, values in columns.items()})
    gaps = masks.loc[:, masks.any()]
    counts = gaps.value_counts()[:100] if len(gaps.columns) else pd.Series(dtype=int)
    rarest = gaps.mean().sort_values(kind="stable").index
    patterns = [
        {
            "columns": [name for name in rarest if pattern[gaps.columns.get_loc(name)]],
            "rows": int(count),
        }
        for pattern, count in zip(counts.index.tolist(), counts, strict=True)
        if any(pattern)
    ]
    return {
        "columns": {str(name): float(share) for name, share in gaps.mean().items()},
        "complete": float((~gaps.any(axis=1)).mean()) if len(gaps.columns) else 1.0,
        "patterns": patterns[:SHOWN],
    }


def _over_time(time: "pd.Series[Any]", target: "pd.Series[Any]") -> Json | None:
    """The target's mean, or the shares of its commonest classes, in spans of equal length."""
    moments = time.to_numpy()
    dated = moments.dtype.kind == "M"
    places = moments.astype("datetime64[s]").astype(float) if dated else moments.astype(float)
    edges = np.linspace(places.min(), places.max(), SPANS + 1)
    if not edges[0] < edges[-1]:
        return None
    span = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, SPANS - 1)
    counts = np.bincount(span, minlength=SPANS)
    numbers = (
        {"": target.to_numpy()}
        if _is_number(target)
        else {name: rows.astype(float) for name, rows in _groups(target).items()}
    )
    starts = edges[:-1].astype("datetime64[s]").astype(str) if dated else edges[:-1]
    return {
        "from": starts.tolist(),
        "rows": counts.tolist(),
        "values": {
            name: [
                float(total / count) if count >= FEWEST else None
                for total, count in zip(np.bincount(span, value, SPANS), counts, strict=True)
            ]
            for name, value in numbers.items()
        },
    }
