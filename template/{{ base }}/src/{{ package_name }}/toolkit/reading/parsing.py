"""One value at a time: what a number, a boolean, a text and a date look like.

Files, database rows and API records all pass through these functions, so the same value means the
same thing everywhere. Nothing here imports more than the standard library.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

# fmt: off
MISSING = frozenset((
    "", "NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "NULL",
    "Null", "null", "None", "none", "nil", "NIL", "<NA>", "NaT", "?",
    "-", "--", ".", "missing", "Missing", "MISSING", "#NULL!", "#VALUE!", "(null)",
))
# fmt: on
TRUE = frozenset(["true", "t", "yes", "y", "1", "1.0"])
FALSE = frozenset(["false", "f", "no", "n", "0", "0.0"])

_GROUPED = re.compile(r"[-+]?[$€£¥]?\s?\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?:\.\d+)?\s?%?")
_MARKED = re.compile(r"[-+]?[$€£¥]?\s?\d+(?:\.\d+)?\s?%?")
_MARKS = str.maketrans("", "", "$€£¥%,\u00a0\u202f ")
_WHOLE = re.compile(r"-?\d+\.0+")
_ZONE = r"(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?\s?" + _ZONE
)
_DATE = (
    r"(?:(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<y2>\d{4}|\d{2})"
    r"|(?P<d3>\d{1,2})[-/. ](?P<name3>[A-Za-z]{3,9})\.?[-/, ]{1,2}(?P<y3>\d{4}|\d{2})"
    r"|(?P<name4>[A-Za-z]{3,9})\.? (?P<d4>\d{1,2}),? (?P<y4>\d{4})"
    r"|(?P<y5>\d{4})-(?P<m5>\d{2}))"
)
_MOMENT = re.compile(rf"{_DATE}(?:(?:T|t|,?\s+){_TIME})?")
_CLOCK = re.compile(_TIME)
_MONTHS = "january february march april may june july august september october november december"
_MONTH = {m: i for i, m in enumerate(_MONTHS.split(), 1)}
_MONTH |= {m[:3]: i for m, i in list(_MONTH.items())} | {"sept": 9}


def is_missing(value: Any) -> bool:
    """Say whether a value is None, NaN, NaT, NA or a token of `MISSING`."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in MISSING
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return False


def to_number(value: Any) -> float:
    """Return a finite float, or NaN for a missing value or an infinity.

    Texts may carry thousands separators, a currency sign or a percent sign (`"$1,200"` is 1200).

    Raises
    ------
    ValueError
        If the value is neither a number nor missing.
    """
    if isinstance(value, str):
        value = value.strip()
        if value in MISSING:
            return math.nan
        try:
            number = float(value) if "_" not in value else None
        except ValueError:
            number = None
        if number is None:
            if not (_MARKED.fullmatch(value) or _GROUPED.fullmatch(value)):
                raise ValueError("is not a number")
            number = float(value.translate(_MARKS))
        return number if math.isfinite(number) else math.nan
    if is_missing(value):
        return math.nan
    if isinstance(value, datetime | date | time | bytes | list | dict):
        raise ValueError("is not a number")
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("is too large for a number") from error
    except TypeError as error:
        raise ValueError("is not a number") from error
    return number if math.isfinite(number) else math.nan


def to_boolean(value: Any) -> float:
    """Return 1.0, 0.0 or, for a missing value, NaN.

    Raises
    ------
    ValueError
        If the value is none of true/false, yes/no, t/f, y/n, 1/0 in any case.
    """
    if is_missing(value):
        return math.nan
    name = str(value).strip().lower()
    if name in TRUE:
        return 1.0
    if name in FALSE:
        return 0.0
    raise ValueError("is not true or false (true/false, yes/no, 1/0)")


def to_text(value: Any) -> str | None:
    """Return a text without outer spaces, or None for a missing value.

    Whole numbers lose their `.0`, so 3, 3.0 and "3.0" are one category.

    Raises
    ------
    ValueError
        If the value is a list or an object.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return None
        if text.endswith("0") and _WHOLE.fullmatch(text):
            return text[: text.index(".")]
        return text
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return to_text(value.decode("utf-8", "replace"))
    if isinstance(value, list | dict | tuple | set):
        raise ValueError("is not a text")
    return to_text(str(value.item() if hasattr(value, "item") else value))


def to_date(value: Any, day_first: bool = False) -> datetime | None:
    """Return a moment without a zone (zoned values are converted to UTC), or None if missing.

    Parameters
    ----------
    value : Any
        A date, a datetime, a time of day (put on 1970-01-01), or a text: ISO 8601, 31/12/2020,
        12/31/2020, 31.12.20, 31 Dec 2020, December 31, 2020, 2020-12, with or without a time.
    day_first : bool
        How 03/04/2020 is read: True is 3 April. Where only one reading is a date, it is taken.

    Raises
    ------
    ValueError
        If the value is none of these. Bare numbers are never dates.
    """
    if isinstance(value, str):
        text = value.strip()
        return None if text in MISSING else _parse(text, day_first)
    if is_missing(value):
        return None
    if type(value).__name__ == "Timestamp":
        value = value.to_pydatetime(warn=False)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, time):
        return datetime.combine(date(1970, 1, 1), value.replace(tzinfo=None))
    raise ValueError("is not a date")


def _parse(text: str, day_first: bool) -> datetime:
    found = _MOMENT.fullmatch(text)
    part: dict[str, Any]
    if found:
        part = found.groupdict()
        if part["y"] or part["y5"]:
            year, month = part["y"] or part["y5"], part["m"] or part["m5"]
            day = part["d"] or 1
        elif part["a"]:
            year, (day, month) = part["y2"], (part["a"], part["b"])
            if int(month) > 12 or (not day_first and int(day) <= 12):
                day, month = month, day
        else:
            year, day = part["y3"] or part["y4"], part["d3"] or part["d4"]
            month = _MONTH.get((part["name3"] or part["name4"]).lower(), 0)
        full = int(year) + (0 if len(year) == 4 else 1900 if int(year) >= 69 else 2000)
    elif found := _CLOCK.fullmatch(text):
        part, full, month, day = found.groupdict(), 1970, 1, 1
    else:
        raise ValueError("is not a date")
    try:
        return _moment(part, full, int(month), int(day))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a date ({error})") from error


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


def converter(kind: str, day_first: bool = False) -> Callable[[Any], Any]:
    """Return the function that reads one value of a column kind."""
    if kind == "date":
        return lambda value: to_date(value, day_first)
    return {"number": to_number, "boolean": to_boolean}.get(kind, to_text)
