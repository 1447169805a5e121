"""Decide what a column holds: numbers, booleans, dates, categories or text."""

import contextlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..reading import arrow_parsing as fast
from ..reading import parsing as values
from ..reading.parsing import PLAIN, Format
from .contract import convert
from .formats import Formats
from .schema import Kind
from .warnings import TableWarning, tell

WORDS_OF_TEXT = 3  # mean words and characters from which mostly different values are a text
CHARACTERS_OF_TEXT = 20
STRAY_SHARE = 0.05
STRAY_VALUES = 5
NUMBERS_OF_A_MEASUREMENT = 20  # below, values such as 1, 2, 3, K are grades: a category
KINDS: tuple[Literal["number", "date"], ...] = ("number", "date")
MOSTLY = 0.5
FEW_LEVELS = 10
LOOKED_AT = 1000
FEW_UNITS = 3
MEASURED = re.compile(r"[<>~\u2264\u2265]?\s?[-+]?\d[\d.,'’\s]*(\D{0,12})")
# Numbers that a file wraps or joins: ="12", 131/84, 7h 30m, 2021-Q4, 10:00 CET.
COMPOUND = re.compile(r"(?:&nbsp;|[^\w+]){0,3}\d[\d.,]*(?:\D{1,3}\d[\d.,]*)*\D{0,6}")
UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
ID_NAME = re.compile(
    r"(?:^|[\s_.-])(?:id|uuid|guid|key|index|idx|nr|no|number|num|rownames?|row)$|[a-z]I[dD]$"
    r"|^(?:id|uuid|guid)[\s_.-]|^unnamed: \d+$|^(?:customer|user|order|client|patient)id$",
    re.IGNORECASE,
)
TIME_NAME = re.compile(r"time|date|stamp|epoch|(?:^|_)(?:at|on|ts)$|[a-z]At$", re.IGNORECASE)
DATE_NAME = re.compile(r"date|datum|fecha|month|monat|mois|mes$|period|yyyymm", re.IGNORECASE)
MOMENTS = {  # 1998 to 2049, and from 1954 to 2064
    (9e8, 2.5e9): (TIME_NAME, "seconds since 1970"),
    (9e11, 2.5e12): (TIME_NAME, "milliseconds since 1970"),
    (2e4, 6e4): (DATE_NAME, "days as a spreadsheet counts them"),
}
ZONED = re.compile(r"\d:\d\d.*(?:Z|UTC|GMT|[-+]\d\d(?::?\d\d)?)\s*$", re.IGNORECASE)
COMPACT = (10_101, 31_129_999)
COMPACT_DATES = {"%Y%m%d": 8, "%Y%m": 6, "%d%m%Y": 8, "%m%d%Y": 8, "%y%m%d": 6}
DATE_LIKE = re.compile(
    r".{0,12}\b\d{1,2}[-/. ]{1,2}[^\W\d_]{3,12}[-/., ]{1,2}(?:\d{4}|'?\d\d)\b.{0,40}"
    r"|[^\W\d_]{2,9}\.?,? [^\W\d_]{3,12}\.? \d{1,2},? .{0,30}\b\d{4}"
)
MONTHS = ("%b-%y", "%b %y", "%b/%y", "%m/%Y", "%Y/%m", "%m.%Y", "%m-%Y")
QUARTER = re.compile(r"\d{4}[-/ ]?Q[1-4]|Q[1-4][-/ ]?(?:\d{4}|'?\d\d)", re.IGNORECASE)
MOST_LISTED = 10
YEARS = (1000, 2200)


@dataclass
class Found:
    """What a column holds, and how it is written.

    `stray` is the first row of a column of numbers or dates that holds something else, with the
    value and the number of such values; `warnings` are doubts worth telling the owner.
    """

    kind: Kind | None
    written: Format = PLAIN
    stray: tuple[int, str, int] | None = None
    warnings: list[TableWarning] = field(default_factory=list)


def find(series: "pd.Series[Any]", formats: Formats | None = None) -> Found:
    """Return the kind of a column, None for one that holds lists or other nested values."""
    name, formats = str(series.name), formats or Formats(PLAIN)
    written, dtype, doubts = formats.of(name), series.dtype, formats.doubts.get(name, [])
    if name in formats.owned:
        return _as_owned(series, formats.owned[name], written)
    if isinstance(dtype, np.dtype) and dtype.kind in "biufM":
        if dtype.kind in "bM":
            return Found("boolean" if dtype.kind == "b" else "date", written)
        numbers = series.to_numpy(dtype=np.float64)
        found = _of_numbers(name, numbers, written)
        found.warnings += _blurred(series, numbers)
        return found
    if isinstance(dtype, pd.DatetimeTZDtype):
        return Found("date", written)
    numbers = fast.numbers(series, written)
    if numbers is not None:
        if fast.has_leading_zeros(series):
            texts = fast.present(fast.arrow(series), written).drop_null().unique().to_pylist()
            return Found("category", written, None, _compact(name, texts))
        found = _of_numbers(name, numbers, written)
        spelled = _spelled(series, written) if np.isnan(numbers).any() else []
        found.warnings += doubts + _unusual(name, spelled) + _blurred(series, numbers)
        return found
    if fast.dates(series, written) is not None:
        return Found("date", written, None, _unusual(name, _spelled(series, written)))
    try:
        codes, uniques = pd.factorize(series)
    except TypeError:
        return Found(None, written)
    counts = np.bincount(codes[codes >= 0], minlength=len(uniques))
    if any(isinstance(item, tuple | frozenset) for item in uniques[:100]):
        return Found(None, written)
    return _among(series, pd.Series(counts, uniques), written, doubts)


def _of_numbers(name: str, array: Any, written: Format) -> Found:
    if _is_zero_one(array):
        return Found("boolean", written)
    found, present = Found("number", written), array[~np.isnan(array)]
    if not len(present) or not (present[:1000] == np.round(present[:1000])).all():
        return found
    low, high, shown = present.min(), present.max(), [f"{number:.0f}" for number in present[:3]]
    if COMPACT[0] <= low and high <= COMPACT[1]:
        found.warnings += _compact(name, [f"{number:.0f}" for number in pd.unique(present)])
    for (first, last), (named, unit) in MOMENTS.items():
        if named.search(name) and first <= low and high <= last:
            found.warnings.append(tell(name, "numbers like moments", shown, unit=unit))
    return found


def _compact(name: str, texts: list[str]) -> list[TableWarning]:
    """A warning where all are digits of dates; other orders than 20201231 only if the name says so."""
    for pattern, digits in COMPACT_DATES.items():
        if pattern != "%Y%m%d" and not DATE_NAME.search(name):
            continue
        if all(len(text) == digits for text in texts[:LOOKED_AT]):
            days = pd.to_datetime(pd.Series(texts), format=pattern, errors="coerce").dt.year
            if days.between(1900, 2100).all():
                return [tell(name, "numbers like dates", texts, pattern=pattern)]
    return []


def _blurred(series: "pd.Series[Any]", numbers: Any) -> list[TableWarning]:
    """A warning of whole numbers that float64 does not tell apart, as identifiers often are."""
    large = [str(value).strip() for value in series[np.abs(numbers) > 2**53].head(LOOKED_AT)]
    whole = [text for text in large if re.fullmatch(r"[-+]?\d+", text)]
    return [tell(str(series.name), "digits lost", whole)] if whole else []


def _as_owned(series: "pd.Series[Any]", kind: Kind, written: Format) -> Found:
    """A column whose kind `data.formats` gives; the first value that does not fit is a stray."""
    _, refused = convert(series, kind, written)
    stray = (refused[0][0], str(refused[0][1][0]), len(refused)) if refused else None
    return Found(kind, written, stray)


def _among(
    series: "pd.Series[Any]", counts: "pd.Series[int]", written: Format, doubts: list[TableWarning]
) -> Found:
    """Decide by the different values of a column and how many rows have each."""
    name = str(series.name)
    missing = np.array([values.is_missing(item, written) for item in counts.index], dtype=bool)
    items, weights = counts.index[~missing].tolist(), counts[~missing].to_numpy()
    spelled = counts[missing]
    if not items:
        return Found("category", written)
    names = {str(item).strip().lower() for item in items}
    if names <= values.TRUE | values.FALSE and names & values.TRUE and names & values.FALSE:
        return Found("boolean", written, None, _unusual(name, spelled.index))
    if any(isinstance(item, str) and re.match(fast.LEADING_ZERO, item) for item in items):
        return _category(name, items, weights, spelled, written, [])
    unknown = np.array([values.is_missing(i, written, values.UNKNOWN) for i in items])
    most = MOSTLY
    for kind in KINDS:
        good, marks = _readable(items, kind, written)
        good &= ~unknown
        share = float(weights[good].sum() / max(weights[~unknown].sum(), 1))
        others = [item for item, ok in zip(items, good | unknown, strict=True) if not ok]
        units = set(map(values.unit, marks.values())) - {""}
        unmarked = [item for item in items if item not in marks]
        if len(units) > 1 or ("%" in units and unmarked and not others):
            # 12 and 12% are not one measure.
            first = {values.unit(mark): item for item, mark in reversed(marks.items())}
            doubts = [tell(name, "two units", [*first.values(), *unmarked])]
            break
        enough = int(good.sum()) >= NUMBERS_OF_A_MEASUREMENT
        if share == 1 and good.any() and (enough or not unknown.any()):
            named = [*spelled.index, *itertools.compress(items, unknown)]
            said = [*doubts, *_unusual(name, named)]
            if sides := [item for item, mark in marks.items() if {"CR", "DR"} & {*mark.split()}]:
                said.append(tell(name, "credit and debit", sides))
            zoned = [ZONED.search(str(item)) is not None for item in items]
            if kind == "date" and any(zoned) and not all(zoned):
                bare = [item for item, zone in zip(items, zoned, strict=True) if not zone]
                said.append(tell(name, "zone in some", bare))
            return Found(kind, replace(written, mark=" ".join(units)), None, said)
        if 0 < len(others) <= STRAY_VALUES and share >= 1 - STRAY_SHARE and enough:
            is_stray = series.isin(others).to_numpy()
            row = int(np.argmax(is_stray))
            return Found(kind, written, (row, str(series.iloc[row]), int(is_stray.sum())))
        if share > most:
            most, listed = share, ", ".join(f'"{item}"' for item in others)
            remedy = f", or set `data.missing: [{listed}]` if they mean that no value is known"
            words = {"share": share, "missing": remedy if len(others) <= MOST_LISTED else ""}
            doubts = [*doubts, tell(name, f"mostly {kind}s", others, **words)]
    is_text = _is_text(items, weights)
    doubts = doubts or _periods(name, items) or _measured(name, items)
    if not doubts and all(DATE_LIKE.fullmatch(str(item).strip()) for item in items[:LOOKED_AT]):
        kept = "text" if is_text else "categories"
        doubts = [tell(name, "dates unread", items, kept=kept)]
    if is_text:
        return Found("text", written, None, doubts)
    return _category(name, items, weights, spelled, written, doubts)


def _readable(items: list[Any], kind: str, written: Format) -> tuple[Any, dict[Any, str]]:
    """Mask of the values that can be read, and the sign beside each number that has one.

    It stops early when it is plain that most cannot be read.
    """
    good, marks = np.zeros(len(items), dtype=bool), {}
    read = values.converter(kind, written, iso=False)
    for position, item in enumerate(items):
        if position == 200 and good[:200].sum() < 100:
            break
        with contextlib.suppress(ValueError):
            good[position] = read(item) is not None
        text = item.strip() if isinstance(item, str) else "0"
        if kind == "number" and good[position] and not (text[:1] + text[-1:]).isdigit():
            found = values.number_and_mark(text, written.decimal)
            if found and found[1]:
                marks[item] = found[1]
    return good, marks


def _periods(name: str, items: list[Any]) -> list[TableWarning]:
    """A warning where all values name months or quarters, such as Dec-20, 12/2020 or 2020Q4."""
    texts = [str(item).strip() for item in items[:LOOKED_AT]]
    if all(map(QUARTER.fullmatch, texts)):
        return [tell(name, "quarters", texts)]
    for pattern in MONTHS:
        with contextlib.suppress(ValueError):
            if all(YEARS[0] <= datetime.strptime(text, pattern).year <= YEARS[1] for text in texts):
                return [tell(name, "periods", texts, pattern=pattern)]
    return []


def _measured(name: str, items: list[Any]) -> list[TableWarning]:
    """A warning where values are numbers with a few words or units, such as 12 kg, <50 or 7h 30m."""
    texts = [str(item).strip() for item in items[:LOOKED_AT]]
    found = [match for match in map(MEASURED.fullmatch, texts) if match]
    units = {match[1].strip() for match in found} - {""}
    if not units and len(texts) >= NUMBERS_OF_A_MEASUREMENT:
        found = [match for match in map(COMPOUND.fullmatch, texts) if match]
        units = {re.sub(r"\d[\d.,]*", "0", match[0]) for match in found} - {"0"}
    if not units or len(units) > FEW_UNITS or len(found) < max(0.9 * len(texts), LOOKED_AT / 50):
        return []
    listed = ", ".join(map(repr, sorted(units)))
    return [tell(name, "numbers with text", [match[0] for match in found], units=listed)]


def _spelled(series: "pd.Series[Any]", written: Format) -> Iterable[Any]:
    """The spellings of a missing value that a column of texts has, beyond the usual ones."""
    if (array := fast.arrow(series)) is None:
        return []
    others = sorted((values.MISSING | {*written.missing}) - values.USUAL - {*written.levels})
    trimmed = pc.utf8_trim_whitespace(array)
    infinite = pc.match_substring_regex(trimmed, r"^[-+]?(?i:inf(?:inity)?)$")
    found = trimmed.filter(pc.or_(pc.is_in(trimmed, pa.array(others, pa.large_string())), infinite))
    return pc.unique(found).to_pylist()


def _unusual(
    name: str, spellings: Iterable[Any], usual: frozenset[str] = values.USUAL
) -> list[TableWarning]:
    named = sorted({item.strip() for item in spellings if isinstance(item, str)} - usual)
    listed = ", ".join(named)
    return [tell(name, "missing spellings", named, spellings=listed)] if named else []


def _category(
    name: str,
    items: list[Any],
    weights: Any,
    spelled: "pd.Series[int]",
    written: Format,
    doubts: list[TableWarning],
) -> Found:
    """A category, in which NA may be a level: Namibia among codes of countries."""
    texts = [str(item).strip() for item in items]
    levels = [
        item.strip()
        for item, count in spelled.items()
        if isinstance(item, str) and item.strip() in values.LEVELS - {*written.missing}
        if count >= weights.mean() / 2 and _alike(item.strip(), texts)
    ]
    # Null may be a name, and N/A cannot.
    usual = {word for word in values.USUAL if not word.isalpha()}
    said = [*doubts, *_unusual(name, spelled.index, frozenset({*usual, *levels}))]
    if levels:
        said.append(tell(name, "level or missing", levels, spellings=", ".join(levels)))
    return Found("category", replace(written, levels=tuple(levels)), None, said)


def _alike(word: str, texts: list[str]) -> bool:
    """Whether a spelling looks like the levels beside it: as long, or words of the same case."""

    def case(text: str) -> tuple[bool, ...]:
        return text.isalpha(), text.isupper(), text.islower()

    short = all(len(text) <= len(word) + 1 for text in texts)
    few = word.istitle() and len(texts) <= FEW_LEVELS
    return len(texts) > 1 and all(case(text) == case(word) for text in texts) and (short or few)


def _is_text(items: list[Any], weights: Any) -> bool:
    texts = [str(item) for item in items[:5000]]
    words = float(np.mean([len(text.split()) for text in texts]))
    characters = float(np.mean([len(text) for text in texts]))
    varied = len(items) / weights.sum() > 0.3 or len(items) > 5000
    return varied and words >= WORDS_OF_TEXT and characters >= CHARACTERS_OF_TEXT


def _is_zero_one(array: Any) -> bool:
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
