"""One record to the model's row of numbers, compiled: what `Snapshot` and `Encoder` do to a table.

A single record through numpy costs 250 microseconds, most of it the making of arrays of length one; the
same steps as lines of Python cost 12 (flights, 19 columns, 37 numbers). So the steps are written out once
as the source of one function, as dataclasses does for `__init__`. What it answers equals the arrays'
answer to the last bit, which a property test holds it to; a record it cannot take (a number beyond
float32) goes through the arrays.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from .column_encoders import LARGEST, Part, words_of
from .snapshot import Snapshot
from .tracing import Derive, Expression, trace

# A record's values in the order of the schema's columns -> the row's numbers and the warnings.
RecordEncoder = Callable[[Any], tuple[list[float], list[str]]]

EPOCH, MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)


def table_of_steps(
    kinds: Mapping[str, str],
    parts: list[Part],
    derive: Derive,
    known: Mapping[str, list[str]],
    seen: Mapping[str, Any],
) -> dict[str, Any]:
    """What is done to one record, as plain JSON: `compiled` and the site's `steps.js` work it off.

    Parameters
    ----------
    kinds : dict of str to str
        Of the schema's columns, in order.
    parts : list of Part
        Of the fitted encoder.
    derive : callable
        The owner's features.
    known : dict of str to list of str
        Categories of which the training data has some rows; others are warned of.
    seen : dict of str to (low, high)
        Lowest and highest value of the training data, dates as ISO 8601; one beyond is warned of.

    Raises
    ------
    Untraceable
        If the features are no table of steps.
    """
    features: dict[str, Any] = {}
    for name, symbol in trace(derive, dict(kinds)).items():
        while name in kinds or name in features:  # as `Encoder` renames what is called as a column
            name += "_"
        features[name] = symbol.expression
    return {
        "columns": dict(kinds),
        "features": features,
        "parts": parts,
        "known": dict(known),
        "seen": dict(seen),
    }


def compiled(steps: Mapping[str, Any], snapshot: Snapshot) -> RecordEncoder:
    """Return the function that encodes one record.

    Parameters
    ----------
    steps : dict
        A `table_of_steps`. The function takes a mapping from `c0`, `c1`, ... to typed values (float,
        bool, str or naive datetime; None where missing), as `record_model` names its fields.
    snapshot : Snapshot
        Fills what a caller left out.

    Returns
    -------
    callable
        Gives the d numbers of the row and the sentences of warning.
    """
    kinds = steps["columns"]
    writer = _Writer(list(kinds), kinds)
    for position in range(len(kinds)):
        writer.add(f"c{position} = record['c{position}']")
    writer.add("warnings = []")
    for table in snapshot.tables:
        writer.fill(table)
    for name, values in steps["known"].items():
        column = writer.column(name)
        writer.add(f"if {column} not in {writer.name('known', frozenset([*values, None]))}:")
        writer.add(
            f"    warnings.append({writer.name('unknown', partial(unknown, name))}({column}))"
        )
    for name, bounds in steps["seen"].items():
        low, high = map(datetime.fromisoformat, bounds) if kinds[name] == "date" else bounds
        column, low_, high_ = (
            writer.column(name),
            writer.name("low", low),
            writer.name("high", high),
        )
        writer.add(f"if {column} is not None and not {low_} <= {column} <= {high_}:")
        writer.add(
            f"    warnings.append({writer.name('beyond', partial(beyond, name, low, high))}({column}))"
        )
    sources = {name: writer.column(name) for name in kinds}
    for name, expression in steps["features"].items():
        sources[name] = writer.once("d", writer.expression(expression))
    numbers = [text for part in steps["parts"] for text in writer.part(part, sources[part["name"]])]
    writer.add(f"return [{', '.join(numbers)}], warnings")
    return writer.function()


def unknown(name: str, value: Any) -> str:
    """The warning of a category that the training data does not have."""
    return f"{name}: the training data has no {value!r}; it counts as unknown."


def beyond(name: str, low: Any, high: Any, value: Any) -> str:
    """The warning of a number or date outside the training data."""
    low, high, value = map(_said, (low, high, value))
    return f"{name}: {value} is outside the training data, {low} to {high}."


def _said(value: Any) -> str:
    return value.isoformat()[:19] if isinstance(value, datetime) else f"{value:.15g}"


class _Writer:
    """Lines of the function's source, and the values they speak of."""

    def __init__(self, columns: list[str], kinds: Mapping[str, str]) -> None:
        self.columns = {name: f"c{position}" for position, name in enumerate(columns)}
        self.kinds = kinds
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"nan": math.nan, "isnan": math.isnan, **_FUNCTIONS}
        self.computed: dict[str, str] = {}

    def add(self, line: str) -> None:
        self.lines.append("    " + line)

    def name(self, hint: str, value: Any) -> str:
        """A name in the function's source for a value."""
        name = f"{hint}_{len(self.names)}"
        self.names[name] = value
        return name

    def function(self) -> RecordEncoder:
        source = "\n".join(["def encode(record):", *self.lines])
        exec(compile(source, "<record encoder>", "exec"), self.names)  # noqa: S102  (our own lines)
        return self.names["encode"]

    def column(self, name: str) -> str:
        return self.columns[name]

    def once(self, hint: str, source: str) -> str:
        """A variable with what `source` computes, computed once."""
        if source not in self.computed:
            variable = self.computed[source] = f"{hint}{len(self.computed)}"
            self.add(f"{variable} = {source}")
        return self.computed[source]

    def fill(self, table: Any) -> None:
        rows, nothing = self.name("table", table.rows), self.name("nothing", table.nothing_for)
        gaps = [self.column(name) for name in table.columns]
        if not gaps:
            return
        key = "".join(f"{self.column(name)}, " for name in table.key)
        self.add(f"if {' or '.join(f'{gap} is None' for gap in gaps)}:")
        self.add(f"    found = {rows}.get(({key}))")
        self.add("    if found is None:")
        self.add(f"        warnings.append({nothing}(({key})))")
        self.add("    else:")
        for position, gap in enumerate(gaps):
            self.add(f"        if {gap} is None: {gap} = found[{position}]")

    def part(self, part: Part, value: str) -> list[str]:
        """Sources of the numbers that a part fills."""
        match part["kind"]:
            case "number":
                return self.number(part, value)
            case "category":
                codes = self.name("codes", part["categories"])
                other, missing = len(part["categories"]), len(part["categories"]) + 1
                return [f"{missing} if {value} is None else {codes}.get({value}, {other})"]
            case "date":
                return [f"{part['fill']!r} if {value} is None else {self.date(part, value)}"]
        words = self.name("words", part["words"])
        weights = self.name("weights", part["idf"])
        return [f"*_tfidf({value}, {words}, {weights})"]

    def number(self, part: Part, value: str) -> list[str]:
        missing = self.once("m", f"{value} is None or {value} != {value} or {value} in _INFINITE")
        filled = f"({part['fill']!r} if {missing} else {value})"
        if "center" in part:
            filled = f"(({filled} - {part['center']!r}) / {part['scale']!r})"
        numbers = [f"_bounded({filled})"]
        return [*numbers, missing] if part["flag"] else numbers

    def date(self, part: Part, value: str) -> str:
        match part["part"]:
            case "hour":
                return f"{value}.hour"
            case "minute_of_day":
                return f"{value}.hour * 60 + {value}.minute"
            case "weekday":
                return f"{value}.weekday()"
            case "month":
                return f"{value}.month"
            case "day_of_year":
                return f"{value}.timetuple().tm_yday"
            case "year":
                return f"{value}.year"
        return f"{value}.toordinal() - {datetime.fromisoformat(part['start']).toordinal()}"

    def expression(self, expression: Expression) -> str:
        """The source of a traced expression; see `tracing`."""
        added = []
        while expression[0] == "add":  # a sum over 2,000 columns is as deep
            added.append(expression[2])
            expression = expression[1]
        if added:
            total = self.expression(expression)
            for term in reversed(added):
                total = self.once("d", f"{total} + {self.expression(term)}")
            return total
        operation, *given = expression
        if operation == "column":
            return self.operand(given[0])
        if operation == "constant":
            value = given[0]
            return (
                self.name("constant", frozenset(value)) if isinstance(value, list) else repr(value)
            )
        if operation == "nonfinite":
            return f"float({given[0]!r})"
        if operation in ("equal", "not_equal") and ["constant", None] in given:
            other = next(each for each in given if each != ["constant", None])
            return f"({self.expression(other)} is {'not ' * (operation == 'not_equal')}None)"
        if operation == "where":
            condition, yes, no = map(self.expression, given)
            return f"({yes} if {condition} else {no})"
        first, *rest = map(self.expression, given)
        if operation in _SIGNS:
            return f"({first} {_SIGNS[operation]} {rest[0]})"
        return f"_{operation}({', '.join([first, *rest])})"

    def operand(self, name: str) -> str:
        """A column as numpy's arithmetic sees it: a gap is NaN, a date counts microseconds."""
        value = self.column(name)
        match self.kinds[name]:
            case "number" | "boolean":
                return self.once("n", f"nan if {value} is None else {value}")
            case "date":
                return self.once(
                    "t", f"nan if {value} is None else ({value} - _EPOCH) // _MICROSECOND"
                )
        return value


def _tfidf(text: str | None, words: Mapping[str, int], weights: list[float]) -> list[float]:
    counts = [0] * len(weights)
    for word in words_of(text or ""):
        if (position := words.get(word)) is not None:
            counts[position] += 1
    scaled = [count * weight for count, weight in zip(counts, weights, strict=True)]
    length = math.sqrt(sum(each * each for each in scaled))
    return [each / length for each in scaled] if length else scaled


def _bounded(value: float) -> float:
    return -LARGEST if value < -LARGEST else LARGEST if value > LARGEST else value


def _numpy(function: Callable[..., Any]) -> Callable[..., float]:
    """A function as numpy computes it, where Python's own raises (log of 0) or rounds otherwise."""

    def call(*values: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(*values))

    return call


_by_zero = _numpy(np.divide)
_INFINITE = frozenset({math.inf, -math.inf})
_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "isin": "in",
}  # fmt: skip
_FUNCTIONS: dict[str, Any] = {
    "_EPOCH": EPOCH,
    "_MICROSECOND": MICROSECOND,
    "_INFINITE": _INFINITE,
    "_bounded": _bounded,
    "_tfidf": _tfidf,
    "_isnan": math.isnan,
    "_isnat": lambda moment: moment != moment,
    "_isfinite": math.isfinite,
    "_isinf": math.isinf,
    "_logical_not": lambda x: not x,
    "_logical_and": lambda x, y: bool(x and y),
    "_logical_or": lambda x, y: bool(x or y),
    "_logical_xor": lambda x, y: bool(x) != bool(y),
    "_negative": lambda x: -x,
    "_absolute": abs,
    "_divide": lambda x, y: x / y if y else _by_zero(x, y),
    "_minimum": lambda x, y: x if x < y or x != x else y,
    "_maximum": lambda x, y: x if x > y or x != x else y,
    "_cut": lambda moment, size: moment if moment != moment else moment // size * size,
}
for _name in (
    "floor_divide", "remainder", "power", "sign", "sqrt", "square", "exp", "expm1", "log", "log1p", "log2",
    "log10", "sin", "cos", "tan", "arctan2", "hypot", "floor", "ceil", "trunc", "rint",
):  # fmt: skip
    _FUNCTIONS[f"_{_name}"] = _numpy(getattr(np, _name))
