"""One value at a time: what a number, a boolean, a text and a date look like.

Files, database rows and API records all pass through these functions, so the same value means the
same thing everywhere. Cells of a file are read in a `Format`; records of the service hold JSON
numbers and ISO 8601 dates. Nothing here imports more than the standard library.
"""

import functools
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Literal

Order = Literal["dmy", "mdy", "ymd"]

# Missing values everywhere, those among numbers and dates, truth values, months, currencies.
_KNOWN = json.loads(Path(__file__).with_name("spellings.json").read_text("utf-8"))
MISSING, TRUE, FALSE = (frozenset(_KNOWN[name]) for name in ("missing", "true", "false"))
UNKNOWN = frozenset((*_KNOWN["unknown"], *map(str.lower, MISSING)))  # in any case
USUAL, LEVELS = frozenset(_KNOWN["usual"]), frozenset(_KNOWN["levels"])
_MONTH = {name: i for i, names in enumerate(_KNOWN["months"], 1) for name in names}

MINUS = "-\u2212\u2013\ufe63\uff0d"
SPACES = " \u00a0\u202f\u2009"
CURRENCY = (
    r"(?:(?:R|US|A|C|NZ|HK|S)?\$|[\u00a2-\u00a5\u0e3f\u20a0-\u20bf]|"
    rf"(?:{'|'.join(_KNOWN['currencies'])})\b|kr\b\.?|z\u0142|K\u010d|Ft\b|lei\b|Rs\b\.?|Fr\b\.?)"
)


def _grammar(decimal: str, group: str) -> "re.Pattern[str]":
    """Numbers as people write them, with one decimal sign and one grouping sign throughout."""
    grouped = rf"[1-9]\d{{0,2}}(?:(?P<g>[{group}'\u2019{SPACES}])\d{{3}}(?:(?P=g)\d{{3}})*)"
    lakh = rf"|[1-9]\d?(?:{group}\d\d)+{group}\d{{3}}"
    return re.compile(
        rf"(?P<open>\()?(?P<sign>[{MINUS}+])?\s?(?P<mark>{CURRENCY}|%)?\s?(?P<sign2>[{MINUS}+])?"
        rf"(?P<digits>(?:{grouped}{lakh}|\d+)(?:{decimal}\d*)?|{decimal}\d+)(?P<power>[eE][-+]?\d+)?"
        rf"(?:(?<={decimal})[{MINUS}\u2014]{{1,2}}|/[-=])?"  # 5,- and 5/- have no cents
        rf"\s?(?P<after>{CURRENCY}|%)?\s?(?P<tail>[{MINUS}]|(?:CR|DR|Cr|Dr)\b\.?)?(?(open)\))"
    )


_NUMBER = {".": _grammar(r"\.", ","), ",": _grammar(",", r"\.")}
_GROUPS = {sign: str.maketrans("", "", SPACES + "'\u2019" + sign) for sign in ",."}
_WHOLE = re.compile(r"-?\d+\.0+")
_ZONE = r"(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?" + _ZONE
)
_LETTERS = r"[^\W\d_]"
_ISO = (
    r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})|(?P<y5>\d{4})-(?P<m5>\d{2})"
    r"|(?P<y7>\d{4})-W(?P<week>\d{2})(?:-(?P<weekday>[1-7]))?"
)
_WRITTEN = (
    rf"{_ISO}|(?P<y1>\d{{4}})(?P<s>[/.])(?P<m1>\d{{1,2}})(?P=s)(?P<d1>\d{{1,2}})"
    r"|(?P<a>\d{1,2})(?P<t>[-/.]|\. )(?P<b>\d{1,2})(?P=t)(?P<c>\d{4}|\d{2})"
    rf"|(?:{_LETTERS}{{2,10}}\.?,? )?(?P<d3>\d{{1,2}})(?:\.|er|st|nd|rd|th)?[-/. ](?:de )?"
    rf"(?P<name3>{_LETTERS}{{3,12}})\.?[-/., ]{{1,2}}(?:de )?(?P<y3>\d{{4}}|'?\d{{2}})"
    rf"|(?P<name4>{_LETTERS}{{3,12}})\.? (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>\d{{4}})"
    rf"|(?P<name6>{_LETTERS}{{3,12}})\.?[-/. ](?P<y6>\d{{4}})"
)
_MOMENT, _ISO_MOMENT = (
    re.compile(rf"(?:{form})(?:(?:T|t|,?\s+){_TIME})?") for form in (_WRITTEN, _ISO)
)
_CLOCK = re.compile(_TIME)
_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
ORDERS: tuple[Order, ...] = ("dmy", "mdy", "ymd")
NAMES = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
CENTURY = 2068  # POSIX: two digits are the years 1969 to 2068


@dataclass(frozen=True)
class Format:
    """How the cells of a file, or of one of its columns, are written.

    Attributes
    ----------
    decimal : str
        The decimal sign, `.` or `,`; the other one, spaces and apostrophes group digits.
    order : str or None
        Of day, month and year in 03/04/2020; None where no such date occurs.
    century : int or None
        The last of the hundred years that two digits stand for.
    pattern : str or None
        A `strptime` pattern that the owner gave; it replaces the grammar of dates.
    mark : str
        The currency or percent sign beside the numbers: 12% is 12.
    missing : tuple of str
        Further spellings of a missing value; one that is a number is missing as a number too.
    levels : tuple of str
        Spellings of a missing value that are values of this column, such as NA for Namibia.
    """

    decimal: Literal[".", ","] = "."
    order: Order | None = None
    century: int | None = None
    pattern: str | None = None
    mark: str = ""
    missing: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def describe(self) -> str:
        """Say how numbers and dates are written, as a person would."""
        said = f"numbers as {'1,234.56' if self.decimal == '.' else '1.234,56'}"
        said += f" with {self.mark}" if self.mark else ""
        if self.pattern or self.order:
            said += (
                f", dates {f'as {self.pattern}' if self.pattern else NAMES[self.order or 'dmy']}"
            )
        if self.century:
            said += f", two-digit years from {self.century - 99} to {self.century}"
        return said


PLAIN = Format()


def is_missing(value: Any, written: Format = PLAIN, words: frozenset[str] = MISSING) -> bool:
    """Say whether a value is None, NaN, NaT, NA or a spelling of a missing value."""
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip()
        if text in written.levels:
            return False
        known = text in MISSING or (words is UNKNOWN and text.lower() in words)
        return known or text in written.missing
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


@functools.lru_cache
def missing_numbers(written: Format) -> frozenset[float]:
    """Further missing values that are numbers, such as -999."""
    return frozenset(float(t) for t in written.missing if re.fullmatch(r"[-+]?\d+(\.\d*)?", t))


def number_and_mark(text: str, decimal: str) -> tuple[float, str] | None:
    """Read a number as people write one, and the sign beside it; None if it is none."""
    found = _NUMBER[decimal].fullmatch(text)
    if found is None or (found["sign"] and found["sign2"]) or (found["mark"] and found["after"]):
        return None
    digits = found["digits"].translate(_GROUPS["," if decimal == "." else "."])
    number = float(digits.replace(",", ".") + (found["power"] or ""))
    tail = found["tail"] or ""
    minuses = sum(bool(sign) and sign in MINUS for sign in (found["sign"], found["sign2"], tail))
    negative = minuses + bool(found["open"]) + (tail[:1] == "D")
    if negative > 1:
        return None
    marks = (found["mark"] or found["after"] or "", tail[:2].upper() if tail.isalpha() else "")
    return (-number if negative else number), " ".join(filter(None, marks))


def unit(marks: str) -> str:
    """The sign beside a number, without whether it is credit or debit."""
    return " ".join(word for word in marks.split() if word not in ("CR", "DR")).rstrip(".")


def to_number(value: Any, written: Format = PLAIN, iso: bool = True) -> float:
    """Return a finite float, or NaN for a missing value or an infinity.

    Parameters
    ----------
    value : Any
    written : Format
    iso : bool
        Whether a text must be a number as JSON writes one; otherwise it may be grouped or carry a
        currency or percent sign, brackets or a minus behind it, as `written` says.

    Raises
    ------
    ValueError
        If the value is neither a number nor missing.
    """
    if isinstance(value, str):
        text = value.strip()
        if is_missing(text, written, MISSING if iso else UNKNOWN):
            return math.nan
        try:
            plain = iso or written.decimal == "." or not ("." in text or "," in text)
            number = float(text) if plain and "_" not in text else None
        except ValueError:
            number = None
        if number is None and not iso:
            found = number_and_mark(text, written.decimal)
            number = found[0] if found else None
        if number is None:
            as_in = " as in 1.234,56" if written.decimal == "," and not iso else ""
            raise ValueError(f"is not a number{as_in}")
    elif is_missing(value):
        return math.nan
    else:
        try:
            number = float(b"" if isinstance(value, bytes) else value)
        except OverflowError as error:
            raise ValueError("is too large for a number") from error
        except (TypeError, ValueError) as error:
            raise ValueError("is not a number") from error
    return number if math.isfinite(number) and number not in missing_numbers(written) else math.nan


def to_boolean(value: Any, written: Format = PLAIN, iso: bool = True) -> float:
    """Return 1.0, 0.0 or, for a missing value, NaN.

    Raises
    ------
    ValueError
        If the value is none of true/false, yes/no, t/f, y/n, 1/0 in any case.
    """
    if is_missing(value, written, MISSING if iso else UNKNOWN):
        return math.nan
    name = str(value).strip().lower()
    if name in TRUE:
        return 1.0
    if name in FALSE:
        return 0.0
    raise ValueError("is not true or false (true/false, yes/no, 1/0)")


def to_text(value: Any, written: Format = PLAIN, iso: bool = True) -> str | None:
    """Return a text without outer spaces, or None for a missing value.

    Whole numbers lose their `.0`, so 3, 3.0 and "3.0" are one category.

    Raises
    ------
    ValueError
        If the value is a list or an object.
    """
    if isinstance(value, str):
        text = value.strip()
        if (text in MISSING and text not in written.levels) or text in written.missing:
            return None
        if text.endswith("0") and _WHOLE.fullmatch(text):
            text = text[: text.index(".")]  # -999.0 is missing where -999 is
            return None if text in written.missing else text
        return text
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return to_text(value.decode("utf-8", "replace"), written)
    if isinstance(value, list | dict | tuple | set):
        raise ValueError("is not a text")
    return to_text(str(value.item() if hasattr(value, "item") else value), written)


def to_date(value: Any, written: Format = PLAIN, iso: bool = True) -> datetime | None:
    """Return a moment without a zone (zoned values are converted to UTC), or None if missing.

    Parameters
    ----------
    value : Any
        A date, a datetime, a time of day (put on 1970-01-01), or a text: ISO 8601, and where `iso`
        is False 31/12/2020, 31.12.20, 31 Dec 2020, December 31, 2020 in the order of `written`.
    written : Format
    iso : bool

    Raises
    ------
    ValueError
        If the value is none of these. Bare numbers are never dates.
    """
    if isinstance(value, str):
        text = value.strip()
        if is_missing(text, written, MISSING if iso else UNKNOWN):
            return None
        try:
            if _SECONDS.fullmatch(text):  # what programs write; a tenth of the time
                return datetime.fromisoformat(text)
            return _parse(text, written, iso)
        except (ValueError, OverflowError) as error:
            why = str(error)
            raise ValueError(why if why.startswith("is ") else f"is not a date ({why})") from error
    if is_missing(value):
        return None
    if written.pattern and not iso and isinstance(value, int | float):  # 20201231
        return _by_pattern(f"{value:.0f}", written)
    if type(value).__name__ == "Timestamp":
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, time):
        return datetime.combine(date(1970, 1, 1), value.replace(tzinfo=None))
    raise ValueError("is not a date")


def _parse(text: str, written: Format, iso: bool) -> datetime:
    if written.pattern and not iso and not _ISO_MOMENT.fullmatch(text):
        return _by_pattern(text, written)
    if found := (_ISO_MOMENT if iso else _MOMENT).fullmatch(text):
        part = dict.fromkeys(("y1", "a", "d3", "name3", "name4", "name6"), None) | found.groupdict()
        return _moment(part, *_day(part, written))
    if found := _CLOCK.fullmatch(text):
        return _moment(found.groupdict(), 1970, 1, 1)
    raise ValueError("is not a date" + (" (write it as 2020-12-31)" if iso else ""))


def _by_pattern(text: str, written: Format) -> datetime:
    assert written.pattern
    try:
        moment = datetime.strptime(text, written.pattern)
    except ValueError:
        raise ValueError(f"is not a date written as {written.pattern}") from None
    if "%y" in written.pattern:
        moment = moment.replace(year=full_year(moment.year % 100, written.century))
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _day(part: dict[str, Any], written: Format) -> tuple[int, int, int]:
    if part["y7"]:
        monday = date.fromisocalendar(int(part["y7"]), int(part["week"]), int(part["weekday"] or 1))
        return monday.year, monday.month, monday.day
    if part["y"] or part["y5"] or part["y1"]:
        which = "" if part["y"] else "5" if part["y5"] else "1"
        return int(part["y" + which]), int(part["m" + which]), int(part.get("d" + which) or 1)
    if part["a"]:
        if written.order is None:
            raise ValueError("is not a date whose order is known (write it as 2020-12-31)")
        year, month, day = in_order(part["a"], part["b"], part["c"], written.order)
    else:
        which = "3" if part["name3"] else "4" if part["name4"] else "6"
        year, day = part["y" + which].lstrip("'"), part.get("d" + which) or "1"
        name = part["name" + which].lower()
        month = str(_MONTH.get(name) or 0)
    full = int(year) if len(year) == 4 else full_year(int(year), written.century)
    return full, int(month), int(day)


def in_order(a: str, b: str, c: str, order: str) -> tuple[str, str, str]:
    """Return year, month and day of three parts."""
    return (c, b, a) if order == "dmy" else (c, a, b) if order == "mdy" else (a, b, c)


def full_year(two: int, century: int | None) -> int:
    """The year of two digits in the hundred years that end with `century`."""
    last = century or CENTURY
    return last - (last - two) % 100


def _moment(part: dict[str, Any], year: int, month: int, day: int) -> datetime:
    hour = int(part["hour"] or 0)
    if part["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("hour must be in 1..12")
        hour = hour % 12 + (12 if part["half"][0] in "Pp" else 0)
    micro = int((part["fraction"] or "0").ljust(6, "0")[:6])
    moment = datetime(
        year, month, day, hour, int(part["minute"] or 0), int(part["second"] or 0), micro
    )
    zone = part["zone"]
    if zone and zone[0] in "+-":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = f"{zone[0]}{digits[:2]}:{digits[2:]}"
        moment = datetime.fromisoformat(moment.isoformat() + offset)
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment


def converter(kind: str, written: Format = PLAIN, iso: bool = True) -> Callable[[Any], Any]:
    """Return the function that reads one value of a column kind."""
    readers: dict[str, Any] = {"number": to_number, "boolean": to_boolean, "date": to_date}
    return functools.partial(readers.get(kind, to_text), written=written, iso=iso)
