"""What `derive` computes, as a table of steps that one record goes through without numpy.

An operation on an array of length one takes numpy about a microsecond, thirty times what Python's
own arithmetic takes, and a browser has no numpy at all. So `derive` is called once with a `Symbol` in
the place of each array; it notes what is done to it by numpy's own protocols (NEP 13, NEP 18), and what
comes back is an expression for each feature, in plain JSON. An operation that is not listed here raises
`Untraceable`; the service then calls `derive` itself, on arrays of length one.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# ["column", name], ["constant", value], ["nonfinite", "nan" or "inf" or "-inf"], which JSON lacks, or
# [operation, argument, ...].
Expression: TypeAlias = list[Any]
Derive: TypeAlias = Callable[[Any], Any]
Kinds = dict[str, str]

# fmt: off
TRUTHS = {
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite",
    "isinf", "isnat", "logical_and", "logical_or", "logical_xor", "logical_not",
}
NUMBERS = {
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "negative",
    "absolute", "sign", "sqrt", "square", "exp", "expm1", "log", "log1p", "log2", "log10", "sin",
    "cos", "tan", "arctan2", "hypot", "floor", "ceil", "trunc", "rint", "minimum", "maximum",
}
SPELLINGS = {
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor",
    "invert": "logical_not", "positive": "add",
}
# fmt: on
MICROSECONDS = {
    "us": 1,
    "ms": 10**3,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "D": 86_400 * 10**6,
}
# What a column of the schema's kinds is to numpy. Dates and spans count in microseconds.
DTYPES = {
    "number": np.dtype(np.float64),
    "boolean": np.dtype(np.float64),
    "truth": np.dtype(bool),
    "date": np.dtype("datetime64[us]"),
    "span": np.dtype("timedelta64[us]"),
}


class Untraceable(Exception):
    """`derive` does something that is no step of a table; the message says what."""


class Symbol(NDArrayOperatorsMixin):
    """Stands for an array of any length and notes what is done to it.

    Parameters
    ----------
    expression : Expression
    kind : str
        `number`, `truth`, `date`, `span` (of time) or `text`.
    """

    def __init__(self, expression: Expression, kind: str) -> None:
        self.expression = expression
        self.kind = kind

    @property
    def dtype(self) -> np.dtype[Any]:
        """As that of the array it stands for."""
        return DTYPES.get(self.kind, np.dtype(object))

    def astype(self, dtype: Any, **_: Any) -> "Symbol":
        """Numbers and truths become float64; dates are cut to a day, an hour, a minute or a second."""
        wanted = np.dtype(dtype)
        if wanted.kind == "f" and self.kind in ("number", "truth"):
            return Symbol(self.expression, "number")
        if wanted.kind == "b" and self.kind in ("number", "truth"):
            return Symbol(["not_equal", self.expression, ["constant", 0.0]], "truth")
        if wanted.kind == "i" and self.kind == "truth":
            return Symbol(self.expression, "number")
        if wanted.kind == "M" and self.kind == "date":
            unit, count = np.datetime_data(wanted)
            if count == 1 and unit in MICROSECONDS:
                size = ["constant", MICROSECONDS[unit]]
                return Symbol(["cut", self.expression, size], "date")
        raise Untraceable(f"astype({wanted}) of a {self.kind}")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *given: Any, **options: Any
    ) -> "Symbol":
        """Note a universal function, an operator among them (NEP 13)."""
        options.pop("dtype", None) if options.get("dtype") in (float, np.float64) else None
        if method != "__call__" or options:
            raise Untraceable(f"numpy.{ufunc.__name__}.{method} with {', '.join(options) or 'it'}")
        return _noted(SPELLINGS.get(ufunc.__name__, ufunc.__name__), [_symbol(x) for x in given])

    def __array_function__(
        self, function: Callable[..., Any], types: Any, given: Any, options: Any
    ) -> "Symbol":
        """Note one of numpy's functions (NEP 18)."""
        name = function.__name__
        if name == "where" and len(given) == 3 and not options:
            condition, yes, no = map(_symbol, given)
            kind = no.kind if yes.expression == ["constant", None] else yes.kind
            if kind == "truth" and no.kind == "number":
                kind = "number"
            return Symbol(["where", condition.expression, yes.expression, no.expression], kind)
        if name == "isin" and len(given) == 2 and not options:
            known = np.asarray(given[1]).tolist()
            return Symbol(["isin", _symbol(given[0]).expression, ["constant", known]], "truth")
        if name == "clip" and len(given) == 3 and not options:
            return np.minimum(np.maximum(given[0], given[1]), given[2])
        raise Untraceable(f"numpy.{name}")

    def __bool__(self) -> bool:
        raise Untraceable("asking whether a whole column is true")

    def __len__(self) -> int:
        raise Untraceable("the number of rows")

    def __getitem__(self, _: Any) -> Any:
        raise Untraceable("taking some rows")

    def __iter__(self) -> Any:
        raise Untraceable("going through the rows")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array"):  # numpy asks for several ways to make an array of it
            raise Untraceable("making an array of a column")
        raise Untraceable(f"the attribute {name}")


def trace(derive: Derive, kinds: Kinds) -> dict[str, Symbol]:
    """The expression of each feature that `derive` computes.

    Parameters
    ----------
    derive : callable
        From columns to features, as in the owner's `features.py`.
    kinds : dict of str to str
        Kind of each column of the schema.

    Raises
    ------
    Untraceable
        If it does what no table of steps can hold.
    """
    columns = {name: Symbol(["column", name], kind) for name, kind in kinds.items()}
    for symbol in columns.values():
        if symbol.kind not in ("number", "date"):
            symbol.kind = "number" if symbol.kind == "boolean" else "text"
    try:
        features = {name: _symbol(feature) for name, feature in derive(columns).items()}
    except Untraceable:
        raise
    except Exception as error:
        # Whatever it is: with arrays `derive` worked in training, and works in the service.
        raise Untraceable(f"{type(error).__name__}: {error}") from error
    for name, feature in features.items():
        if feature.kind in ("date", "span"):
            raise Untraceable(f"{name} is a {feature.kind}, which is no feature")
    return features


def _symbol(value: Any) -> Symbol:
    if isinstance(value, Symbol):
        return value
    if isinstance(value, np.datetime64):
        return Symbol(["constant", value.astype("datetime64[us]").astype(int).item()], "date")
    if isinstance(value, np.timedelta64):
        return Symbol(["constant", value.astype("timedelta64[us]").astype(int).item()], "span")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str):
        return Symbol(["constant", value], "text")
    if isinstance(value, bool):
        return Symbol(["constant", value], "truth")
    if isinstance(value, int | float):
        plain = ["constant", float(value)] if np.isfinite(value) else ["nonfinite", str(value)]
        return Symbol(plain, "number")
    raise Untraceable(f"a {type(value).__name__} beside the columns")


def _noted(name: str, given: list[Symbol]) -> Symbol:
    expression = [name, *(symbol.expression for symbol in given)]
    kinds = ["number" if symbol.kind == "truth" else symbol.kind for symbol in given]
    if name in TRUTHS:
        if len(set(kinds)) > 1 and ["constant", None] not in expression:
            raise Untraceable(f"numpy.{name} of a {kinds[0]} and a {kinds[1]}")
        return Symbol(expression, "truth")
    if set(kinds) <= {"number"} and name in NUMBERS:
        return Symbol(expression, "number")
    match name, *kinds:
        case ("subtract", "date", "date"):
            return Symbol(expression, "span")
        case ("add" | "subtract", "date" | "span", "span"):
            return Symbol(expression, given[0].kind)
        case ("divide", "span", "span"):
            return Symbol(expression, "number")
        case ("add", "text", "text"):
            return Symbol(expression, "text")
    raise Untraceable(f"numpy.{name} of {' and '.join(kinds)}")
