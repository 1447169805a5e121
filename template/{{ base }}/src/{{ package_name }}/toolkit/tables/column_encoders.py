"""How a column of each kind becomes float32 columns: what is fitted, and how it is applied.

A part is plain JSON: the column's name, its kind, and what was learnt. Everything here needs numpy
alone, so the service applies exactly what training learnt.
"""

import re
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Part = dict[str, Any]

MAX_CATEGORIES = 255
MAX_WORDS = 200
WORD = re.compile(r"\w\w+")
LARGEST = 1e19  # beyond it, its square would be infinite in float32, which no model takes
# float32 keeps 7 digits, and scikit-learn's trees take values within 1e-7 for equal: numbers that
# differ by less than a thousandth of their size, or of 1, are centred and scaled before.
NARROW = 1e-3
HUGE = 1e15
DAY = np.timedelta64(1, "D")
TWO_YEARS = np.timedelta64(730, "D")


def names_of(part: Part) -> list[str]:
    """Names of the matrix columns that a part fills."""
    name = part["name"]
    if part["kind"] == "text":
        return [f"{name}:{word}" for word in part["words"]]
    named = f"{name}.{part['part']}" if part["kind"] == "date" else name
    return [named, f"{name}.missing"] if part.get("flag") else [named]


def fit_number(name: str, values: NDArray[Any], kind: str) -> Part:
    """Learn the median (a boolean: the commoner value) that stands in for what is missing."""
    present = values[np.isfinite(values)].astype(np.float64)  # an owner's condition is of bools
    if kind == "boolean":
        fill = float(np.mean(present) >= 0.5) if len(present) else 0.0
    else:
        fill = float(np.median(present)) if len(present) else 0.0
    part = {"name": name, "kind": "number", "fill": fill, "flag": len(present) < len(values)}
    if kind != "boolean" and len(present):
        low, high = (float(value) for value in np.quantile(present, (0.05, 0.95)))
        spread = high - low or float(present.max() - present.min())
        size = max(abs(low), abs(high))
        narrow = spread < NARROW * max(size, 1.0) or size > HUGE
        if narrow and 0 < spread < np.inf:
            part |= {"center": fill, "scale": spread}
    return part


def _apply_number(part: Part, values: NDArray[Any], out: NDArray[np.float32]) -> None:
    missing = ~np.isfinite(values)
    filled = np.where(missing, part["fill"], values)
    if "scale" in part:  # in float64
        filled = (filled - part["center"]) / part["scale"]
    out[:, 0] = np.minimum(np.maximum(filled, -LARGEST), LARGEST)  # np.clip: 4 times as slow on one
    if part["flag"]:
        out[:, 1] = missing


def fit_category(name: str, values: NDArray[Any]) -> Part:
    """Learn a code for each common category, commonest first; rare ones share one code."""
    counts = Counter(values.tolist())
    counts.pop(None, None)
    least = 10 if len(values) >= 1000 else 2
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    coded = [value for value in ordered if counts[value] >= least][:MAX_CATEGORIES]
    rare = ordered[len(coded) : len(coded) + 10_000]
    categories = {value: code for code, value in enumerate(coded)}
    return {"name": name, "kind": "category", "categories": categories, "rare": rare, "codes": True}


def _apply_category(part: Part, values: NDArray[Any], out: NDArray[np.float32]) -> None:
    codes: dict[str, int] = part["categories"]
    other, missing = len(codes), len(codes) + 1
    code: dict[Any, int] = {**codes, None: missing}
    out[:, 0] = [code.get(value, other) for value in values.tolist()]


def fit_dates(name: str, values: NDArray[Any], is_time: bool, trend: bool) -> list[Part]:
    """Learn which parts of the dates vary; see `Encoder` for those left out of the split's time."""
    present = values[~np.isnat(values)]
    if not len(present):
        return []
    start = present.min().astype("datetime64[D]")
    repeats = not is_time or present.max() - present.min() >= TWO_YEARS
    wanted = ["hour", "minute_of_day", "weekday"]
    if repeats:
        wanted += ["month", "day_of_year", "year"]
    if trend:
        wanted.append("elapsed_days")
    parts = []
    for part in wanted:
        computed = _date_part(part, present, start)
        if computed.min() == computed.max():
            continue
        if part == "minute_of_day" and not np.any(computed % 60):
            continue
        codes = part in ("hour", "weekday", "month")
        fill = -1.0 if codes else float(np.median(computed))
        parts.append(
            {
                "name": name,
                "kind": "date",
                "part": part,
                "start": str(start),
                "fill": fill,
                "codes": codes,
            }
        )
    return parts


def _date_part(part: str, values: NDArray[Any], start: np.datetime64) -> NDArray[np.float64]:
    days = values.astype("datetime64[D]")
    match part:
        case "hour":
            return ((values - days) // np.timedelta64(1, "h")).astype(np.float64)
        case "minute_of_day":
            return ((values - days) // np.timedelta64(1, "m")).astype(np.float64)
        case "weekday":  # Monday is 0; 1970-01-01 was a Thursday
            return ((days.astype(np.int64) + 3) % 7).astype(np.float64)
        case "month":
            return (values.astype("datetime64[M]").astype(np.int64) % 12 + 1).astype(np.float64)
        case "day_of_year":
            return ((days - values.astype("datetime64[Y]")) / DAY + 1).astype(np.float64)
        case "year":
            return (values.astype("datetime64[Y]").astype(np.int64) + 1970).astype(np.float64)
        case _:
            return np.asarray((days - start) / DAY, dtype=np.float64)


def _apply_date(part: Part, values: NDArray[Any], out: NDArray[np.float32]) -> None:
    missing = np.isnat(values)
    start = np.datetime64(part["start"])
    safe = np.where(missing, start.astype(values.dtype), values)
    out[:, 0] = np.where(missing, part["fill"], _date_part(part["part"], safe, start))


def words_of(text: str) -> list[str]:
    """Lower-case runs of two or more letters, digits or underscores."""
    return WORD.findall(text.lower())


def _apply_text(part: Part, values: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Term frequency times inverse document frequency, each row scaled to length 1."""
    position: dict[str, int] = part["words"]
    weights = np.asarray(part["idf"], dtype=np.float64)
    for row, text in enumerate(values):
        found = [position[word] for word in words_of(text or "") if word in position]
        counts = np.bincount(found, minlength=len(weights)) * weights
        length = np.sqrt(counts @ counts)
        out[row] = counts / length if length else 0.0


_APPLY = {
    "number": _apply_number,
    "category": _apply_category,
    "date": _apply_date,
    "text": _apply_text,
}


def apply(part: Part, values: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Fill `out`, of shape (n, columns of the part), from typed values of shape (n,)."""
    _APPLY[part["kind"]](part, values, out)
