"""Look at a table column by column: what each holds, and whether a model may use it."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ..project.errors import UserError
from ..reading.parsing import PLAIN, Format
from ..reading.settings import Data
from ..reading.tables import Table
from . import formats, kinds, targets
from . import warnings as odd
from .contract import convert
from .describing import ColumnProfile, describe
from .warnings import TableWarning

FEWEST_ROWS = 50
FEW_ROWS_PER_CLASS = 1000
MOST_LEVELS = 20_000


@dataclass
class Profile:
    """A table whose columns are typed and whose unusable rows are gone.

    Attributes
    ----------
    frame : DataFrame
        All columns, in the order of the source: float64 or int64, bool, str, datetime64[us]. The
        target holds class labels or float64.
    rows : ndarray of shape (n,)
        Where each row of `frame` stands in the source, counted from 0.
    warnings : list of TableWarning
        What is not as it seems.
    notes : list of str
        What is as it seems, and worth knowing.
    default : Format
        How the file writes numbers and dates, where a column does not differ.
    """

    frame: pd.DataFrame
    rows: Any
    columns: list[ColumnProfile]
    target: targets.TargetProfile
    source: str
    rows_read: int
    rows_dropped: dict[str, int]
    warnings: list[TableWarning]
    notes: list[str]
    default: Format = PLAIN

    @property
    def y(self) -> Any:
        """Class codes (int64) in the order of `target.classes`, or numbers (float64); shape (n,)."""
        target = self.target
        if target.classes is None:
            return np.asarray(target.values, dtype=np.float64)
        order = {label: code for code, label in enumerate(target.classes)}
        positions, uniques = pd.factorize(target.values)
        return np.array([order[label] for label in uniques], dtype=np.int64)[positions]

    @property
    def written(self) -> str:
        """How the file writes numbers and dates, and which columns differ, as a sentence."""
        other = [f"{c.name}: {c.written.describe()}" for c in self.columns if self._differs(c)]
        return f"Files hold {'; '.join([self.default.describe(), *other])}."

    def _differs(self, column: ColumnProfile) -> bool:
        return column.used and column.written.describe() != self.default.describe()

    def column(self, name: str) -> ColumnProfile:
        """Return the profile of one column."""
        return next(column for column in self.columns if column.name == name)


def run(table: Table, data: Data) -> Profile:
    """Type and describe every column, drop the rows that cannot be used, infer the task.

    Raises
    ------
    UserError
        If the target is missing, there are under 50 rows or one class, or a column mixes types;
        the message names the column, the place and the value, and the remedy.
    """
    frame, target = table.frame, data.target
    require(target, list(frame.columns), "data.target")
    written = formats.decide(table, data)
    dropped: dict[str, int] = {}
    keep, warnings = targets.present(frame[target], data, written.of(target))
    if not keep.any():
        raise UserError(
            f"The target {target!r} is missing in all {len(frame):,} rows. Name another "
            "`data.target`, or fill it in."
        )
    dropped |= _count("missing target", keep)
    if data.time:
        timed = _present(frame[data.time], written.of(data.time))
        dropped |= _count(f"missing time ({data.time})", timed | ~keep)
        keep = keep & timed
        placed, shown = _without_placeholders(frame[data.time], written)
        reason = f"placeholder instead of a time ({data.time}): {', '.join(shown)}"
        dropped |= _count(reason, placed | ~keep)
        if not placed[keep].all():
            lost = dropped[reason]
            warnings.append(odd.tell(data.time, "placeholder times", shown, rows=lost))
        keep = keep & placed
    rows = np.flatnonzero(keep)
    _enough(len(rows), len(frame))
    used = frame if keep.all() else frame.iloc[rows]
    places = _Places(table, rows)
    profiled = targets.read(used[target], data, places, written.of(target))
    if profiled.kept is not None and not profiled.kept.all():
        names = ", ".join(f"{label} ({n})" for label, n in profiled.left_out.items())
        dropped[f"class with under {targets.ROWS_PER_CLASS} rows: {names}"] = int(
            (~profiled.kept).sum()
        )
        rows = rows[profiled.kept]
        used = frame.iloc[rows]
        _enough(len(rows), len(frame))
    unused = np.ones(len(frame), dtype=bool)  # setdiff1d is 50 times as slow
    unused[rows] = False
    typed: dict[str, Any] = {}
    columns = []
    warnings += [*table.warnings, *written.doubts.get(target, []), *profiled.warnings]
    for name in frame.columns:
        if name == target:
            columns.append(_target_column(profiled, dropped.get("missing target", 0), len(frame)))
            columns[-1].written = written.of(name)
            typed[name] = pd.Series(list(profiled.values), name=name)
            continue
        places = _Places(table, rows)
        column, typed[name] = _column(used[name], data, written, places, warnings)
        others = frame[name][unused]
        column.nullable = column.missing > 0 or not _present(others, column.written).all()
        columns.append(column)
    if not any(column.used for column in columns if column.name != target):
        reasons = "; ".join(f"{c.name}: {c.reason}" for c in columns if c.name != target)
        doubts = " ".join(f"{w.column}: {w.detail} {w.remedy}" for w in warnings if not w.mended)
        raise UserError(
            f"No column is left to predict {target!r} from ({reasons}). Add columns. {doubts}".strip()
        )
    result = pd.DataFrame(typed)
    notes = _class_notes(profiled)
    warnings += odd.rows_lost(dropped, len(frame))
    return Profile(
        result,
        rows,
        columns,
        profiled,
        table.source,
        len(frame),
        dropped,
        warnings,
        notes,
        written.default,
    )


class _Places(list[str]):
    """Where rows stand in the source, named only when asked for."""

    def __init__(self, table: Table, rows: Any) -> None:
        super().__init__()
        self._table, self._rows = table, rows

    def __getitem__(self, row: Any) -> Any:
        return self._table.where(int(self._rows[row]))


def require_settings(data: Data, known: list[str]) -> None:
    """Refuse settings that name columns that are not there, or the target in another part.

    Raises
    ------
    UserError
    """
    for key in ("time", "group"):
        if (name := getattr(data, key)) is not None:
            require(name, known, f"data.{key}")
    for key in ("drop", "sensitive", "bounds", "formats"):
        for name in getattr(data, key):
            if (key, name) == ("formats", "default"):
                continue
            require(name, known, f"data.{key}")
    for key in ("time", "group"):
        if getattr(data, key) == data.target:
            raise UserError(f"`data.{key}` is {data.target!r}, which is the target. Unset it.")
    if data.target in data.drop:
        raise UserError(f"`data.drop` lists the target {data.target!r}. Take it off the list.")
    if data.time in data.drop:
        raise UserError(f"`data.drop` lists {data.time!r}, the `data.time`. Unset one of the two.")


def require(name: str, known: list[str], key: str) -> None:
    """Raise a UserError with the nearest name if a column is not there."""
    if name in known:
        return
    lower = {column.lower().strip(): column for column in known}
    near = difflib.get_close_matches(name.lower().strip(), list(lower), n=1, cutoff=0.6)
    hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
    listed = ", ".join(map(repr, known[:15])) + (", ..." if len(known) > 15 else "")
    raise UserError(f"`{key}` is {name!r}, which is not a column.{hint} The columns are {listed}.")


def _present(series: "pd.Series[Any]", written: Format = PLAIN) -> Any:
    array, _ = (
        convert(series, "text", written) if series.dtype.kind not in "biufM" else (None, None)
    )
    return series.notna().to_numpy() if array is None else pd.notna(array)


def _without_placeholders(
    series: "pd.Series[Any]", written: formats.Formats
) -> tuple[Any, list[str]]:
    """Mask of the rows with a true time, and the placeholders of the others."""
    found = kinds.find(series, written)
    if found.kind != "date":
        return np.ones(len(series), dtype=bool), []
    array, _ = convert(series, "date", found.written)
    unique, counts = np.unique(array[~np.isnat(array)], return_counts=True)
    none = unique[odd.are_placeholders(unique, counts)]
    return ~np.isin(array, none), [str(moment)[:10] for moment in none]


def _count(reason: str, keep: Any) -> dict[str, int]:
    lost = int((~keep).sum())
    return {reason: lost} if lost else {}


def _enough(rows: int, read: int) -> None:
    if rows < FEWEST_ROWS:
        of = f" of {read:,}" if read != rows else ""
        raise UserError(
            f"The table has {rows}{of} rows that can be used; a model needs at "
            f"least {FEWEST_ROWS} to be trained and tested. Collect more rows, or raise `data.limit`."
        )


def _class_notes(target: targets.TargetProfile) -> list[str]:
    few = {label: n for label, n in (target.counts or {}).items() if n < FEW_ROWS_PER_CLASS}
    if not few:
        return []
    listed = ", ".join(f"{label} ({n:,})" for label, n in list(few.items())[:10])
    more = ", ..." if len(few) > 10 else ""
    return [
        f"Under {FEW_ROWS_PER_CLASS:,} rows in {'class' if len(few) == 1 else 'classes'} {listed}"
        f"{more}: scores will vary from sample to sample; read their intervals."
    ]


def _target_column(target: targets.TargetProfile, missing: int, rows: int) -> ColumnProfile:
    column = ColumnProfile(
        target.name, "category", used=False, reason="target", rows=rows, missing=missing
    )
    if target.counts is None:
        column.kind = "number"
        column.distinct = len(np.unique(target.values))
        column.min, column.max = float(target.values.min()), float(target.values.max())
        column.mean = float(target.values.mean())
    else:
        column.distinct = len(target.counts)
        column.top = sorted(target.counts.items(), key=lambda pair: -pair[1])
    return column


def _column(
    series: "pd.Series[Any]",
    data: Data,
    written: formats.Formats,
    places: _Places,
    warnings: list[TableWarning],
) -> tuple[ColumnProfile, Any]:
    name = str(series.name)
    unused = _unused_by_choice(name, data)
    found = kinds.find(series, written)
    if found.kind is None:
        texts = series.map(str).reset_index(drop=True).astype("str")
        nested = "nested: lists or objects, not single values"
        return ColumnProfile(name, "text", False, nested, len(series)), texts
    kind, stray = found.kind, found.stray
    if stray and not unused:
        row, value, count = stray
        others = f" ({count} such values)" if count > 1 else ""
        raise UserError(
            f"Column {name!r} mixes types: it holds {kind}s, and at {places[row]} it holds "
            f"{value!r}{others}. Correct the value, list it in `data.missing` or leave the cell "
            "empty if it is not known, or put the column in `data.drop`."
        )
    if stray:
        kind = "category"
    array, _ = convert(series, kind, found.written)
    column, typed, counted = describe(name, kind, array)
    column.written = found.written
    if not unused:
        warnings += found.warnings
    if name in data.bounds:
        _require_bounds(column, array, data.bounds[name], places)
    _judge(column, array, data, unused)
    if column.used:
        warnings += _not_as_it_seems(column, *counted)
    return column, typed


def _not_as_it_seems(column: ColumnProfile, values: Any, counts: Any) -> list[TableWarning]:
    if column.kind == "number":
        return odd.sentinels(column.name, values, counts)
    if column.kind == "date" and column.distinct:
        return [
            *odd.placeholder_dates(column.name, values, counts),
            *odd.years_away(column.name, values),
        ]
    if column.kind == "category" and column.distinct <= MOST_LEVELS:
        return odd.levels_alike(column.name, list(values))
    return []


def _require_bounds(column: ColumnProfile, array: Any, bounds: Any, places: _Places) -> None:
    """Refuse a table that its own `data.bounds` refuse."""
    key = f"`data.bounds` of {column.name!r}"
    wanted: Any = {"number": float, "date": datetime}.get(column.kind, ())
    low, high = bounds
    if not all(bound is None or isinstance(bound, wanted) for bound in bounds):
        raise UserError(
            f"{key} are {low} and {high}, and the column holds {column.kind} values. "
            + ("Write numbers, dates or null." if wanted else "Only numbers and dates have bounds.")
        )
    outside = np.zeros(len(array), dtype=bool)
    if low is not None:
        outside |= array < (low if wanted is float else np.datetime64(low))
    if high is not None:
        outside |= array > (high if wanted is float else np.datetime64(high))
    if outside.any():
        first = int(np.argmax(outside))
        count = f" ({outside.sum():,} such values)" if outside.sum() > 1 else ""
        raise UserError(
            f"{key} are {low} to {high}, and {places[first]} holds {array[first]}{count}. Correct "
            "the value, list it in `data.missing` if it stands for a missing one, or widen the bounds."
        )


def _unused_by_choice(name: str, data: Data) -> str:
    if name in data.drop:
        return "dropped: listed in `data.drop`"
    if name == data.group:
        return "group: rows that share it stay on one side, and new rows come from new groups"
    return ""


def _judge(column: ColumnProfile, array: Any, data: Data, unused: str) -> None:
    if column.name == data.time:
        if column.kind not in ("date", "number"):
            value = column.top[0][0] if column.top else None
            raise UserError(
                f"`data.time` is {column.name!r}, which holds {column.kind} values such as "
                f"{value!r}, not dates. Write the dates as 2020-12-31, or unset `data.time`."
            )
        if column.distinct < 2:
            raise UserError(f"`data.time` is {column.name!r}, which has one value. Unset it.")
        return
    reason = unused
    if not reason and column.missing == column.rows:
        reason = "empty: no row has a value"
    if not reason and column.distinct == 1 and not column.missing:
        reason = f"constant: every row has {column.top[0][0] if column.top else column.min}"
    if not reason:
        reason = kinds.identifier(column.name, column.kind, array, column.integer) or ""
    if reason:
        column.used, column.reason = False, reason
