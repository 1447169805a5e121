"""What in a table is not as it seems: a kind, three examples, and the setting that helps."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = 3
MOST_LOST = 0.05  # share of the rows that may be left out without a word
FEW_VALUES = 10  # so many or fewer different ones are codes, among which 8 or 50 may stand apart
REPEATED = 3
# Written in place of "not known", whatever the values beside them: -1, 99, 999.9, 8888.
FILLED = re.compile(r"-1|-?9{2,}(?:\.9+)?|-?8{3,}")
SPIKES = [sign * number for number in (999, 9999, 99999, 999999) for sign in (1.0, -1.0)]
CENTURY = 36_525.0  # days
YEARS = "1600", "2200"
PLACEHOLDERS = np.array(
    "0001-01-01 1000-01-01 1111-11-11 1582-10-15 1600-12-31 1601-01-01 1753-01-01 1800-01-01 1899-12-30 "
    "1899-12-31 1900-01-01 1901-01-01 1904-01-01 1969-12-31 1970-01-01 2079-06-06 2099-12-31 "
    "2199-12-31 2200-01-01 2999-12-31 3000-01-01 3000-12-31 9999-01-01 9999-12-31".split(),
    dtype="datetime64[D]",
)


@dataclass(frozen=True)
class TableWarning:
    """Something an owner would want to know before trusting the table.

    Attributes
    ----------
    column : str or None
        None where it concerns the whole table.
    kind : str
        What `data.accept` calls it, such as `sentinel`.
    detail : str
        One sentence, without the examples.
    examples : list of str
        As they stand in the source.
    remedy : str
        The setting that helps; empty where nothing needs to be done.
    mended : bool
        Whether the reading has already put it right, so that it is only told.
    """

    column: str | None
    kind: str
    detail: str
    examples: list[str] = field(default_factory=list)
    remedy: str = ""
    mended: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what reports/data.json says of it."""
        return asdict(self) | {"examples": self.examples[:EXAMPLES]}


_TEXTS = tomllib.loads(Path(__file__).with_name("warnings.toml").read_text("utf-8"))


def tell(column: str | None, kind: str, examples: Iterable[Any] = (), **words: Any) -> TableWarning:
    """Return a warning in the words of `warnings.toml`."""
    text = _TEXTS[kind]
    detail, remedy = (
        text.get(key, "").format(column=column, **words) for key in ("detail", "remedy")
    )
    shown = [str(example) for example in examples]
    return TableWarning(column, kind, detail, shown, remedy, text.get("mended", False))


def sentinels(name: str, unique: Any, counts: Any) -> list[TableWarning]:
    """Warn of repeated numbers that lie apart from all others, such as -999.

    Parameters
    ----------
    name : str
    unique : ndarray of shape (k,)
        The different numbers, in order.
    counts : ndarray of shape (k,)
        How many rows have each.
    """
    rows, found = int(counts.sum()), dict[float, int]()
    for value in SPIKES:
        at = int(np.searchsorted(unique, value))
        others = max(len(unique) - 1, 1)
        typical = (counts.sum() - counts[at]) / others if at < len(unique) else np.inf
        if at < len(unique) and unique[at] == value and counts[at] >= max(10, 20 * typical):
            found[value] = int(counts[at])
            unique, counts = np.delete(unique, at), np.delete(counts, at)
    while len(unique) > 2 and len(found) < EXAMPLES:
        side = next((s for s in (0, -1) if _stands_apart(unique, counts, s)), None)
        if side is None:
            break
        found[float(unique[side])] = int(counts[side])
        kept = slice(1, None) if side == 0 else slice(None, -1)
        unique, counts = unique[kept], counts[kept]
    if not found:
        return []
    shown = [f"{value:.12g}" for value in found]
    words: dict[str, Any] = {"values": " or ".join(shown), "spellings": ", ".join(shown)}
    words |= {"rows": sum(found.values()), "share": sum(found.values()) / rows}
    # `data.missing` is a setting for all columns, in which 0 or -1 may be a value.
    kind = "sentinel" if all(abs(value) >= 99 for value in found) else "sentinel in one column"
    return [tell(name, kind, shown, low=unique[0], high=unique[-1], **words)]


def _stands_apart(unique: Any, counts: Any, side: int) -> bool:
    """Whether the lowest (0) or highest (-1) number is no value like the others."""
    value, count, rest = unique[side], counts[side], unique[1:] if side == 0 else unique[:-1]
    if count < REPEATED:
        return False
    with np.errstate(over="ignore"):
        span, gap = rest[-1] - rest[0], abs(rest[side] - value)
    filled = FILLED.fullmatch(f"{value:.12g}") is not None
    if len(unique) <= FEW_VALUES:  # a grade of 99 or -999
        far_off = value < 0 <= rest[0] or value >= 9 * rest[-1] > 0
        return filled and abs(value) >= 99 and far_off and bool(gap > 2 * span)
    if gap > 2 * span:
        return True
    if value < 0 <= rest[0]:
        return filled and (value < -1 or count >= 2 * counts.mean())
    if value > 0:
        return filled and bool(gap > span / 2)
    far = value == 0 and gap > np.median(rest) / 4  # no pressure, weight or age lies near 0
    return bool(far and gap > 5 * np.median(np.diff(rest)))


def code_apart(codes: Sequence[Any]) -> Any:
    """A class such as 9 beside 0 and 1, or -1 beside 1 and 2: it may mean that none is known."""
    if len(codes) < 3 or any(type(code) is not int for code in codes):
        return None
    for code, rest in ((max(codes), sorted(codes)[:-1]), (min(codes), sorted(codes)[1:])):
        gap = min(abs(code - other) for other in rest)
        if gap > max(1, rest[-1] - rest[0]) and re.fullmatch(r"-1|-?9+|-?8+", str(code)):
            return code
    return None


def are_placeholders(unique: Any, counts: Any) -> Any:
    """Mask of the dates that stand for "not known" or "never", or lie a century from the rest.

    Parameters
    ----------
    unique : ndarray of datetime64[us], shape (k,)
        The different dates, in order.
    counts : ndarray of shape (k,)
    """
    known = np.isin(unique.astype("datetime64[D]"), PLACEHOLDERS)
    rest = unique[~known]
    if len(rest) < REPEATED:
        return np.zeros(len(unique), dtype=bool)
    days = unique.astype("datetime64[D]").astype(np.float64)
    low, high = np.quantile(days[~known], [0.1, 0.9])
    bulk = max(high - low, 1.0)
    away = np.maximum(low - days, days - high)
    far = away > max(CENTURY, 2 * bulk)
    usual = days[~known & ~far]
    outside = np.maximum(usual.min() - days, days - usual.max()) > bulk / 4
    spike = counts >= max(REPEATED, 5 * counts[~known & ~far].mean())
    return far | (known & (outside | spike))


def placeholder_dates(name: str, unique: Any, counts: Any) -> list[TableWarning]:
    """Warn of dates such as 1900-01-01; see `are_placeholders`."""
    mask = are_placeholders(unique, counts)
    if not mask.any():
        return []
    shown = [str(moment)[:10] for moment in unique[mask]]
    return [tell(name, "placeholder dates", shown, rows=counts[mask].sum())]


def years_away(name: str, unique: Any) -> list[TableWarning]:
    """Warn of a column of dates that all lie centuries away, as those of another calendar do."""
    first, last = (str(moment)[:4] for moment in (unique[0], unique[-1]))
    if YEARS[0] <= last and first <= YEARS[1]:
        return []
    return [
        tell(name, "years away", [str(moment)[:10] for moment in unique], first=first, last=last)
    ]


def plain_key(text: str) -> str:
    """What texts that differ in case and spaces share, or in how an accent is coded."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def loose_key(text: str) -> str:
    """What texts share that also differ in accents, or in dots, hyphens or underscores."""
    folded = unicodedata.normalize("NFKD", plain_key(text))
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    joined = re.sub(r"(?<=[^\W\d])[-_/ ]+(?=[^\W\d])", "", folded)
    return joined.strip(" .,;:!?\"'_") or folded


def grouped(texts: Iterable[str], keys: Mapping[str, str]) -> list[list[str]]:
    """Those texts that share their key with another one."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(keys[text], []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def levels_alike(name: str, levels: list[str]) -> list[TableWarning]:
    """Warn of categories that differ in case and spaces only."""
    groups = grouped(levels, {level: plain_key(level) for level in levels})
    return [tell(name, "categories alike", map(" / ".join, groups))] if groups else []


def rows_lost(dropped: dict[str, int], read: int) -> list[TableWarning]:
    """Warn where more than a small share of the rows is left out."""
    lost = sum(dropped.values())
    if lost <= MOST_LOST * read:
        return []
    reasons = [f"{why}: {count:,}" for why, count in dropped.items()]
    return [tell(None, "rows lost", reasons, lost=lost, read=read, share=lost / read)]
