"""Decide how a table writes numbers and dates: a default for the file, and columns that differ.

All columns give evidence: `1.234` beside `980` may be a thousand or one and a bit, and `3,57` in
another column settles it. What nothing settles is read one way and told with both readings.
"""

import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ..project.errors import UserError
from ..reading import arrow_parsing as fast
from ..reading import parsing
from ..reading.parsing import NAMES, ORDERS, PLAIN, Format, Order
from ..reading.settings import Data
from ..reading.tables import Table
from .warnings import EXAMPLES, TableWarning, tell

Decimal = Literal[".", ","]
MOSTLY = 0.95
LOOKED_AT = 2000  # rows, evenly spread, that show whether a column is worth a closer look
SIGNS: tuple[Decimal, Decimal] = (".", ",")
OTHER: dict[Decimal, Decimal] = {".": ",", ",": "."}
EDGE = r"(?:^|[^\d.,])", r"(?:[^\d.,]|$)"
# What only one decimal sign explains: {d} is that sign, {g} the other one.
PROOF = (
    r"{a}\d*[{d}](?:\d{{1,2}}|\d{{4,}}){z}|{a}\d{{4,}}[{d}]\d+{z}|{a}0?[{d}]\d+{z}|[{d}]\d+[eE]"
    r"|\d[{g}]\d{{3}}[{d}]|\d[{g}]\d{{2,3}}[{g}]\d{{3}}{z}|\d['’"
    f"{parsing.SPACES}]" + r"\d{{3}}[{d}]|\d[{d}][" + f"{parsing.MINUS}\u2014]"
)
UNSURE = r"{a}[1-9]\d{{0,2}}[{d}]\d{{3}}{z}"
SMALL, LARGE = r"{a}[1-9]\d{{0,2}}{z}", r"{a}[1-9]\d{{3,}}{z}"
DATED = r"^\s*(?P<a>\d{1,2})(?P<s>[-/.]|\. )(?P<b>\d{1,2})(?:[-/.]|\. )(?P<c>\d{4}|\d{2})(?:\D|$)"
NUMERIC = re.compile(r"\D{0,4}\d[\d.,'’\s]*(?:[eE][-+]?\d+)?\D{0,4}")
BIRTH = re.compile(r"birth|born|\bdob\b|geb(?:urt|oren)|naiss|nacim|nascim|f[øo]d", re.IGNORECASE)
WRITTEN = {".": "1,234.56", ",": "1.234,56"}
PATTERNS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%y-%m-%d"}
AHEAD = 30  # years; further than that no one writes two digits
NEAR = 10
LONG = 40  # years spanned, from which two digits are taken for years that have been


@dataclass
class Evidence:
    """What the texts of one column prove of how it is written, with an example of each."""

    decimal: dict[Decimal, str] = field(default_factory=dict)
    unsure: dict[Decimal, list[str]] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    contradiction: dict[Order, tuple[str, str, str]] = field(default_factory=dict)
    parts: list[tuple[str, str, str]] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)


@dataclass
class Formats:
    """The default of a file, the columns that differ, and the doubts about each column.

    `owned` are columns whose kind the owner's `data.formats` gives.
    """

    default: Format
    columns: dict[str, Format] = field(default_factory=dict)
    doubts: dict[str, list[TableWarning]] = field(default_factory=lambda: defaultdict(list))
    owned: dict[str, Literal["number", "date"]] = field(default_factory=dict)

    def of(self, name: str) -> Format:
        """How a column is written."""
        return self.columns.get(name, self.default)


def decide(table: Table, data: Data) -> Formats:
    """Weigh the evidence of all columns; what `data.formats` and `data.missing` say is followed.

    Raises
    ------
    UserError
        If `data.formats` cannot be read, or a column proves two orders of day and month.
    """
    default = replace(PLAIN, missing=tuple(data.missing))
    given = {name: _given(name, text, default) for name, text in data.formats.items()}
    looked = {str(name): look(table.frame[name], default) for name in table.frame}
    found = {name: e for name, e in looked.items() if e is not None and name not in data.drop}
    signs = Counter(next(iter(e.decimal)) for e in found.values() if len(e.decimal) == 1)
    orders = Counter(e.orders[0] for e in found.values() if len(e.orders) == 1)
    settled = len(signs) == 1
    order = max(orders, key=lambda order: orders[order], default=None)
    default = replace(default, decimal="," if signs[","] > signs["."] else ".", order=order)
    if "default" in given and "default" not in table.frame:
        default, settled = given.pop("default"), True
    formats = Formats(default)
    for name, evidence in found.items():
        if name in given:
            continue
        if evidence.parts:
            if evidence.contradiction:
                raise UserError(_two_orders(table, name, evidence))
            written = _dates(name, evidence, default, len(orders) == 1, formats.doubts[name])
        else:
            written = _numbers(name, evidence, default, settled, formats.doubts[name])
        formats.columns[name] = written
    for name, written in given.items():
        formats.owned[name] = "date" if written.pattern else "number"
        written_parts = re.findall("%([ymdbB])", written.pattern or "")
        if "y" in written_parts and len(written_parts) == 3 and name in found:
            place = written_parts.index("y")
            years = {int(parts[place]) for parts in found[name].parts} or {0}
            written = replace(written, century=century_of(name, years)[0])
        formats.columns[name] = written
    return formats


def _given(name: str, text: str, default: Format) -> Format:
    """What an entry of `data.formats` means: a pattern of dates, or a number as it is written."""
    if "%" in text.strip().strip("%"):
        return replace(default, pattern=text)
    signs = [sign for sign in SIGNS if parsing.number_and_mark(text.strip(), sign)]
    proved = [sign for sign in signs if re.search(_filled(PROOF, sign), text)]
    if len(proved or signs) != 1:
        raise UserError(
            f"`data.formats` says {text!r} for {name!r}, which does not tell how numbers or dates "
            "are written. Write a number with thousands and two decimals, such as 1.234,56, or a "
            "date pattern, such as %d.%m.%Y."
        )
    return replace(default, decimal=(proved or signs)[0])


def look(series: "pd.Series[Any]", written: Format = PLAIN) -> Evidence | None:
    """Return the evidence of a column of texts, None for one that is not mostly numbers or dates."""
    array = fast.arrow(series)
    if array is None or not len(array):
        return None
    rows = np.unique(np.linspace(0, len(array) - 1, LOOKED_AT).astype(np.int64))
    seen = [t for t in fast.present(array.take(rows), written).to_pylist() if t is not None]
    numeric = sum(NUMERIC.fullmatch(text) is not None for text in seen)
    dated = sum(re.match(DATED, text) is not None for text in seen)
    if not seen or max(numeric, dated) * 2 < len(seen):
        return None
    evidence = Evidence()
    if dated * 2 >= len(seen):
        _look_at_dates(fast.present(array, written), evidence)
        return evidence
    for sign in SIGNS:
        if proof := next((t for t in seen if re.search(_filled(PROOF, sign), t)), None):
            evidence.decimal[sign] = proof
    if len(evidence.decimal) == 1 and fast.numbers(series, written) is not None:
        return evidence  # all are plain numbers, which contradict no other
    texts = fast.present(array, written)

    def those(pattern: str, sign: Decimal = ".") -> pa.ChunkedArray:
        return texts.filter(pc.match_substring_regex(texts, _filled(pattern, sign)))

    for sign in SIGNS:
        if sign in evidence.decimal or not pc.any(pc.match_substring(texts, sign)).as_py():
            continue
        if len(proved := those(PROOF, sign)):
            evidence.decimal[sign] = proved[0].as_py()
        elif len(unsure := those(UNSURE, sign)):
            evidence.unsure[sign] = pc.unique(unsure).to_pylist()[:1000]
    if not evidence.decimal and len(evidence.unsure) == 1:
        ((sign, unsure),) = evidence.unsure.items()
        small, large = len(those(SMALL)) > 0, len(those(LARGE)) > 0
        # 980 beside 1.007 and never 1007: grouped. 1007 beside 1.007: not grouped.
        if small != large and (large or len(unsure) > 2):
            evidence.decimal[OTHER[sign] if small else sign] = unsure[0]
    return evidence


def _filled(pattern: str, sign: Decimal) -> str:
    return pattern.format(d=sign, g=OTHER[sign], a=EDGE[0], z=EDGE[1])


def _look_at_dates(texts: pa.ChunkedArray, evidence: Evidence) -> None:
    """Find the orders of day, month and year that all dates allow, and a date that proves each."""
    parts = pc.extract_regex(texts, pattern=DATED).combine_chunks()
    unique = pd.DataFrame({k: pc.struct_field(parts, k) for k in "abc"}).dropna().drop_duplicates()
    evidence.parts = list(unique.itertuples(index=False, name=None))
    allowed = [
        tuple(order for order in ORDERS if _allows(triple, order)) for triple in evidence.parts
    ]
    evidence.dates = [t for t in texts.slice(0, 200).to_pylist() if t and re.match(DATED, t)]
    evidence.orders = [o for o in ORDERS if all(o in orders or not orders for orders in allowed)]
    if not evidence.orders and sum(map(bool, allowed)) > MOSTLY * len(allowed):
        first = dict(zip(allowed, evidence.parts, strict=True))
        for one, other in itertools.combinations(filter(None, first), 2):
            if not {*one} & {*other}:
                evidence.contradiction = {one[0]: first[one], other[0]: first[other]}


def _allows(triple: tuple[str, str, str], order: Order) -> bool:
    year, month, day = parsing.in_order(*triple, order)
    return len(year) in (2, 4) and len(day) < 3 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def _numbers(
    name: str, evidence: Evidence, default: Format, settled: bool, doubts: list[TableWarning]
) -> Format:
    sign, own = default.decimal, list(evidence.decimal.items())
    if len(own) == 1:
        return replace(default, decimal=own[0][0])
    if own:
        shown = [text for _, text in own]
        doubts.append(tell(name, "two number formats", shown, read=WRITTEN[sign]))
    unsure = [text for texts in evidence.unsure.values() for text in texts[:EXAMPLES]]
    if unsure and (not settled or ("." in evidence.unsure and sign == ",")):
        shown = []
        for text in unsure:
            read = (parsing.number_and_mark(text, each) for each in (sign, OTHER[sign]))
            shown.append(f"{text}: {' or '.join(f'{number[0]:.12g}' for number in read if number)}")
        words = {"read": WRITTEN[sign], "other": WRITTEN[OTHER[sign]]}
        doubts.append(tell(name, "ambiguous numbers", shown, **words))
    return default


def _dates(
    name: str, evidence: Evidence, default: Format, settled: bool, doubts: list[TableWarning]
) -> Format:
    order, sure = _order(evidence, default)
    written = replace(default, order=order)
    if len(evidence.orders) > 1 and not sure and not (settled and order == default.order):
        other = next(each for each in evidence.orders if each != order)
        both = written, replace(written, order=other)
        shown = [f"{t}: {' or '.join(_read(t, each) for each in both)}" for t in evidence.dates]
        words = {"read": NAMES[order], "other": PATTERNS[other]}
        doubts.append(tell(name, "ambiguous dates", dict.fromkeys(shown), **words))
    years = {parsing.in_order(*triple, order)[0] for triple in evidence.parts}
    short = {int(year) for year in years if len(year) == 2}
    if not short:
        return written
    century, sure = century_of(name, short)
    kind = "two-digit years" if sure else "doubtful centuries"
    doubts.append(tell(name, kind, evidence.dates, first=century - 99, last=century))
    return replace(written, century=century)


def _read(text: str, written: Format) -> str:
    try:
        return f"{parsing.to_date(text, written, iso=False):%Y-%m-%d}"
    except ValueError:
        return "no date"


def _two_orders(table: Table, name: str, evidence: Evidence) -> str:
    said = []
    for order, triple in evidence.contradiction.items():
        found = enumerate(re.match(DATED, str(text)) for text in table.frame[name])
        row = next(i for i, match in found if match and match.group("a", "b", "c") == triple)
        said.append(f"{table.frame[name][row]!r} ({table.where(row)}) is {NAMES[order]}")
    return (
        f"Column {name!r} writes dates in two orders: {', '.join(said)}. Which one 03/04/2021 would "
        "be cannot be known. Write them all in one order, or put the column in `data.drop`."
    )


def _order(evidence: Evidence, default: Format) -> tuple[Order, bool]:
    """One of the orders that the dates allow, and whether their spread leaves no doubt.

    Years vary least and days most, but for monthly figures, which fall on one day.
    """
    allowed = evidence.orders or [*ORDERS[:2]]
    if len(allowed) == 1:
        return allowed[0], True
    firsts, seconds, thirds = (len({t[i] for t in evidence.parts}) for i in range(3))
    if "ymd" in allowed and max(firsts, thirds) >= 4 * min(firsts, thirds):
        return ("ymd" if firsts < thirds else "dmy"), True
    if default.order in allowed:
        return default.order, False
    if firsts != seconds and "mdy" in allowed:
        return ("dmy" if firsts < seconds else "mdy"), False
    slashed = "/" in evidence.dates[0] and default.decimal == "."
    return ("mdy" if slashed and "mdy" in allowed else "dmy"), False


def century_of(name: str, years: set[int]) -> tuple[int, bool]:
    """The last of the hundred years that two digits stand for, and whether no other is likely.

    A date of birth is never in the future, nor is a span so long that it must be history. Other
    years are put where they reach or surround the present, the window's ends far from both.
    """
    now = datetime.now().year
    ordered = sorted(years)
    after = [*ordered[1:], ordered[0] + 100]
    gap, last = max((b - a, a) for a, b in zip(ordered, after, strict=True))
    span = 100 - gap
    if BIRTH.search(name) or span >= LONG:
        return now, True
    end = now + AHEAD - (now + AHEAD - last) % 100
    if end - span > now:  # all in the future: rather the past
        return end - 100 + gap // 2, False
    return end + gap // 2, end <= now + NEAR
