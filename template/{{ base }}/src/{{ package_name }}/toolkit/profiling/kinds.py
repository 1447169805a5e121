"""Decide what a column holds: numbers, booleans, dates, categories or text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..reading import arrow_parsing as fast
from ..reading import parsing as values
from .schema import Kind

WORDS_OF_TEXT = 3  # mean words and characters from which mostly different values are a text
CHARACTERS_OF_TEXT = 20
STRAY_SHARE = 0.05
STRAY_VALUES = 5
NUMBERS_OF_A_MEASUREMENT = 20  # below, values such as 1, 2, 3, K are grades: a category
UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
SLASHED = re.compile(r"\s*(\d{1,2})[-/.](\d{1,2})[-/.]\d{2,4}\b")
ID_NAME = re.compile(
    r"(?:^|[\s_.-])(?:id|uuid|guid|key|index|idx|nr|no|number|num|rownames?|row)$|[a-z]I[dD]$"
    r"|^(?:id|uuid|guid)[\s_.-]|^unnamed: \d+$|^(?:customer|user|order|client|patient)id$",
    re.IGNORECASE,
)
YEARS = (1000, 2200)


@dataclass(frozen=True)
class Found:
    """What a column holds.

    `stray` is the first row of a column of numbers or dates that holds something else, with the
    value and the number of such values; `note` is a doubt worth telling the owner.
    """

    kind: Kind | None
    day_first: bool = False
    stray: tuple[int, str, int] | None = None
    note: str | None = None


def find(series: "pd.Series[Any]") -> Found:
    """Return the kind of a column, None for one that holds lists or other nested values."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufM":
        if dtype.kind in "bM":
            return Found("boolean" if dtype.kind == "b" else "date")
        return Found("boolean" if _is_zero_one(series) else "number")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Found("date")
    numbers = fast.numbers(series)
    if numbers is not None:
        if fast.has_leading_zeros(series):
            return Found("category")
        return Found("boolean" if _is_zero_one(pd.Series(numbers)) else "number")
    if fast.dates(series) is not None:
        return Found("date")
    try:
        codes, uniques = pd.factorize(series)
    except TypeError:
        return Found(None)
    counts = np.bincount(codes[codes >= 0], minlength=len(uniques))
    present = [(u, n) for u, n in zip(uniques, counts, strict=True) if not values.is_missing(u)]
    if not present:
        return Found("category")
    items = [item for item, _ in present]
    if any(isinstance(item, tuple | frozenset) for item in items[:100]):
        return Found(None)
    weights = np.array([n for _, n in present])
    return _find_among(items, weights, series)


def _find_among(items: list[Any], weights: Any, series: "pd.Series[Any]") -> Found:
    names = {str(item).strip().lower() for item in items}
    if names <= values.TRUE | values.FALSE and names & values.TRUE and names & values.FALSE:
        return Found("boolean")
    if any(isinstance(item, str) and re.match(fast.LEADING_ZERO, item) for item in items):
        return Found("category")
    day_first, note = _day_first(items)
    for kind, read in (
        ("number", values.to_number),
        ("date", values.converter("date", day_first)),
    ):
        good = _readable(items, read, kind)
        share = float(weights[good].sum() / weights.sum())
        if share == 1 and not _is_percent_mix(items, kind):
            return Found(kind, day_first, note=note if kind == "date" else None)  # type: ignore[arg-type]
        strays = [item for item, ok in zip(items, good, strict=True) if not ok]
        enough = int(good.sum()) >= NUMBERS_OF_A_MEASUREMENT
        if 0 < len(strays) <= STRAY_VALUES and share >= 1 - STRAY_SHARE and enough:
            is_stray = series.isin(strays).to_numpy()
            first = int(np.argmax(is_stray))
            value = str(series.iloc[first])
            return Found(kind, day_first, (first, value, int(is_stray.sum())))  # type: ignore[arg-type]
    return Found("text" if _is_text(items, weights) else "category")


def _readable(items: list[Any], read: Callable[[Any], Any], kind: str) -> Any:
    """Mask of the values that `read` takes; stops early when it is plain that most are not."""
    good = np.zeros(len(items), dtype=bool)
    for position, item in enumerate(items):
        if position == 200 and good[:200].sum() < 100:
            break
        if kind == "number" and isinstance(item, str) and "_" in item:
            continue
        try:
            read(item)
            good[position] = True
        except ValueError:
            pass
    return good


def _is_percent_mix(items: list[Any], kind: str) -> bool:
    """12 and 12% in one column are not one measure."""
    marked = sum(str(item).strip().endswith("%") for item in items)
    return kind == "number" and 0 < marked < len(items)


def _day_first(items: list[Any]) -> tuple[bool, str | None]:
    """Decide how 03/04/2020 is read, by values that allow one reading only, or by their spread."""
    matches = [SLASHED.match(item) for item in items if isinstance(item, str)]
    pairs = [(int(m[1]), int(m[2]), m[0]) for m in matches if m]
    if not pairs:
        return False, None
    if any(a > 12 for a, _, _ in pairs):
        return True, None
    if any(b > 12 for _, b, _ in pairs):
        return False, None
    firsts, seconds = len({a for a, _, _ in pairs}), len({b for _, b, _ in pairs})
    # Monthly figures fall on one day: the part that varies less is the day.
    day_first = firsts < seconds if firsts != seconds else "/" not in pairs[0][2]
    order = "day/month/year" if day_first else "month/day/year"
    return day_first, f"dates such as {pairs[0][2].strip()} can be read two ways; taken as {order}"


def _is_text(items: list[Any], weights: Any) -> bool:
    texts = [str(item) for item in items[:5000]]
    words = float(np.mean([len(text.split()) for text in texts]))
    characters = float(np.mean([len(text) for text in texts]))
    varied = len(items) / weights.sum() > 0.3 or len(items) > 5000
    return varied and words >= WORDS_OF_TEXT and characters >= CHARACTERS_OF_TEXT


def _is_zero_one(numbers: "pd.Series[Any]") -> bool:
    array = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    present = array[~np.isnan(array)]
    if not len(present) or not np.isin(present[:1000], (0, 1)).all():
        return False
    return bool(np.isin(present, (0, 1)).all() and present.min() != present.max())


def identifier(name: str, kind: str, array: Any, integer: bool) -> str | None:
    """Say why a column is an identifier, or return None.

    Parameters
    ----------
    name : str
    kind : str
    array : ndarray of shape (n,)
        The column as `contract.convert` reads it. A measurement with decimals never is one.
    integer : bool
    """
    named = bool(ID_NAME.search(name))
    if kind == "number" and integer:
        present = array[~np.isnan(array)]
        if len(present) < 20 or len(np.unique(present)) < len(present):
            return None
        low, high = present.min(), present.max()
        if "year" in name.lower() and YEARS[0] <= low and high <= YEARS[1]:
            return None
        if high - low == len(present) - 1:
            return "identifier: consecutive whole numbers, one a row"
        return "identifier: by its name, and no two rows share a value" if named else None
    if kind in ("category", "text"):
        texts = pd.Series(array).dropna()
        distinct = texts.nunique()
        if distinct < 20:
            return None
        if texts.iloc[:200].map(lambda text: bool(UUID.fullmatch(text))).all():
            return "identifier: universally unique identifiers (UUID)"
        if kind == "category" and distinct >= 0.98 * len(texts):
            return f"identifier: {distinct:,} different values in {len(texts):,} rows"
    return None
