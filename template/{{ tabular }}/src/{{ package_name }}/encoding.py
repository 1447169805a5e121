"""The one step between a record and the model: encode and impute, shared by training and serving.

Each column of the schema becomes one or more float32 columns without missing values. What is
learnt (medians, categories, words) is plain JSON, and applying it needs numpy alone, so the
service answers exactly what training computed.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]
Rows: TypeAlias = "Columns | pd.DataFrame"

FORMAT = 1  # of the state; raise it when an older one can no longer be applied
MAX_CATEGORIES = 255
MAX_WORDS = 200
WORD = re.compile(r"\w\w+")
# Beyond it a value would be infinite, which no model takes.
LARGEST = float(np.finfo(np.float32).max)
DAY = np.timedelta64(1, "D")
TWO_YEARS = np.timedelta64(730, "D")


class Encoder:
    """Turn typed columns into a float32 matrix.

    Parameters
    ----------
    kinds : dict of str to str
        Column name to `number`, `boolean`, `category`, `date` or `text`.
    time : str, optional
        The column the rows are split by. Its month and year are used only when the training
        rows span two years, since a season that was never seen twice teaches nothing.
    trend : bool
        Whether dates also become days since the first one (for values that grow over time).

    Attributes
    ----------
    names_ : list of str
        Names of the d matrix columns.
    categorical_ : list of int
        Positions of codes that have no order; a linear model should one-hot encode them.
    """

    def __init__(self, kinds: dict[str, str], time: str | None = None, trend: bool = False) -> None:
        self.kinds = kinds
        self.time = time
        self.trend = trend

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments, so that `sklearn.base.clone` works without scikit-learn here."""
        return {"kinds": self.kinds, "time": self.time, "trend": self.trend}

    def fit(self, columns: Rows, y: NDArray[Any]) -> Self:
        """Learn medians, categories, date parts and words.

        Parameters
        ----------
        columns : mapping of str to array-like of shape (n,)
            A DataFrame or a dict of arrays, typed as the schema says.
        y : ndarray of shape (n,)
            The target; it chooses the words of text columns and nothing else.
        """
        arrays = _with_derived({name: np.asarray(columns[name]) for name in self.kinds})
        self.parts_: list[dict[str, Any]] = []
        for name, values in arrays.items():
            kind = self.kinds.get(name) or ("category" if values.dtype == object else "number")
            if kind == "category":
                self.parts_.append(_fit_category(name, values))
            elif kind == "date":
                is_time = name == self.time
                self.parts_ += _fit_date(name, values, is_time, self.trend or not is_time)
            elif kind == "text":
                from .text import fit_words  # scikit-learn: only where words are learnt

                self.parts_.append(fit_words(name, values, y, MAX_WORDS))
            else:
                self.parts_.append(_fit_number(name, values, kind))
        return self

    @property
    def names_(self) -> list[str]:
        return [name for part in self.parts_ for name in _names(part)]

    @property
    def categorical_(self) -> list[int]:
        flags = [part.get("codes", False) for part in self.parts_ for _ in _names(part)]
        return [position for position, flag in enumerate(flags) if flag]

    def transform(self, columns: Rows) -> NDArray[np.float32]:
        """Encode rows.

        Returns
        -------
        ndarray of shape (n, d), float32, without NaN
        """
        arrays = _with_derived({name: np.asarray(columns[name]) for name in self.kinds})
        size = len(next(iter(arrays.values())))
        widths = [len(_names(part)) for part in self.parts_]
        matrix = np.empty((size, sum(widths)), dtype=np.float32)
        position = 0
        for part, width in zip(self.parts_, widths, strict=True):
            _APPLY[part["kind"]](part, arrays[part["name"]], matrix[:, position : position + width])
            position += width
        return matrix

    def state(self) -> dict[str, Any]:
        """Everything `transform` needs, as JSON."""
        return {"format": FORMAT, **self.get_params(), "parts": self.parts_}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The encoder whose `state()` this is.

        Raises
        ------
        UserError
            If the state was written by another version of this module.
        """
        if state.get("format") != FORMAT:
            raise UserError(
                "The model was trained by another version of this project's code. "
                "Run `train` again."
            )
        encoder = cls(state["kinds"], state["time"], state["trend"])
        encoder.parts_ = state["parts"]
        return encoder


def _with_derived(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    from .features import derive  # its signature names this module's Columns

    merged = dict(arrays)
    for name, values in derive(arrays).items():
        while name in merged:  # a column of the table may have that name already
            name += "_"
        merged[name] = values
    return merged


def _names(part: dict[str, Any]) -> list[str]:
    name = part["name"]
    if part["kind"] == "text":
        return [f"{name}:{word}" for word in part["words"]]
    named = f"{name}.{part['part']}" if part["kind"] == "date" else name
    return [named, f"{name}.missing"] if part.get("flag") else [named]


def _fit_number(name: str, values: NDArray, kind: str) -> dict[str, Any]:
    present = values[np.isfinite(values)]
    if kind == "boolean":
        fill = float(np.mean(present) >= 0.5) if len(present) else 0.0
    else:
        fill = float(np.median(present)) if len(present) else 0.0
    return {"name": name, "kind": "number", "fill": fill, "flag": len(present) < len(values)}


def _apply_number(part: dict[str, Any], values: NDArray, out: NDArray[np.float32]) -> None:
    missing = ~np.isfinite(values)
    filled = np.where(missing, part["fill"], values)
    out[:, 0] = np.minimum(np.maximum(filled, -LARGEST), LARGEST)  # np.clip: 4 times as slow on one
    if part["flag"]:
        out[:, 1] = missing


def _fit_category(name: str, values: NDArray) -> dict[str, Any]:
    counts = Counter(values.tolist())
    counts.pop(None, None)
    least = 10 if len(values) >= 1000 else 2
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    coded = [value for value in ordered if counts[value] >= least][:MAX_CATEGORIES]
    rare = ordered[len(coded) : len(coded) + 10_000]
    categories = {value: code for code, value in enumerate(coded)}
    return {"name": name, "kind": "category", "categories": categories, "rare": rare, "codes": True}


def _apply_category(part: dict[str, Any], values: NDArray, out: NDArray[np.float32]) -> None:
    codes: dict[str, int] = part["categories"]
    other, missing = len(codes), len(codes) + 1
    found = (missing if value is None else codes.get(value, other) for value in values)
    out[:, 0] = np.fromiter(found, np.float32, len(values))


def _fit_date(name: str, values: NDArray, is_time: bool, trend: bool) -> list[dict[str, Any]]:
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


def _date_part(part: str, values: NDArray, start: np.datetime64) -> NDArray[np.float64]:
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


def _apply_date(part: dict[str, Any], values: NDArray, out: NDArray[np.float32]) -> None:
    missing = np.isnat(values)
    start = np.datetime64(part["start"])
    safe = np.where(missing, start.astype(values.dtype), values)
    out[:, 0] = np.where(missing, part["fill"], _date_part(part["part"], safe, start))


def words_of(text: str) -> list[str]:
    """Lower-case runs of two or more letters, digits or underscores."""
    return WORD.findall(text.lower())


def _apply_text(part: dict[str, Any], values: NDArray, out: NDArray[np.float32]) -> None:
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
