"""Whole columns of texts at once, where all are plain numbers or ISO dates.

The results are those of `parsing`, which reads one value at a time, a hundred times sooner.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .parsing import MISSING, PLAIN, Format, missing_numbers

LEADING_ZERO = r"^\s*-?0[0-9]+\s*$"
ISO = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?$"
ISO_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$"
DECIMAL_COMMA = r"^[-+]?([1-9]\d{0,2}(\.\d{3})+|\d+)(,\d+)?$"


def arrow(series: "pd.Series[Any]") -> pa.ChunkedArray | None:
    """The texts of a column; None for a column of anything else."""
    if not isinstance(series.dtype, pd.StringDtype):
        return None
    array = pa.array(series, type=pa.large_string(), from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def present(array: pa.ChunkedArray, written: Format = PLAIN) -> pa.ChunkedArray:
    """The texts without outer spaces, null where they spell a missing value."""
    trimmed = pc.utf8_trim_whitespace(array)
    spellings = sorted((MISSING | {*written.missing}) - {*written.levels})
    return pc.if_else(pc.is_in(trimmed, pa.array(spellings, pa.large_string())), None, trimmed)


def numbers(series: "pd.Series[Any]", written: Format = PLAIN) -> Any:
    """Return the float64 array of a text column that holds only plain numbers, else None.

    Missing tokens become NaN.
    """
    array = arrow(series)
    if array is None and isinstance(series.dtype, np.dtype | pd.CategoricalDtype):
        return None
    try:
        if array is None:  # pandas' nullable numbers
            result = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            texts = present(array, written)
            if written.decimal == ",":
                if pc.all(pc.match_substring_regex(texts, DECIMAL_COMMA)).as_py() is not True:
                    return None
                texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
            result = np.array(pc.cast(texts, pa.float64()).to_numpy(), dtype=np.float64)
    except (pa.ArrowInvalid, ValueError, TypeError):
        return None
    result[~np.isfinite(result)] = np.nan
    if unknown := missing_numbers(written):
        result[np.isin(result, list(unknown))] = np.nan
    return None if np.isnan(result).all() else result


def rows_with_a_mark(array: pa.ChunkedArray) -> list[int]:
    """The rows whose text may be a number beside a currency or percent sign."""
    marked = pc.match_substring_regex(array, r"\d\s?[%\p{Sc}A-Za-z]|[%\p{Sc}A-Za-z]\s?[-(]?\d")
    return np.flatnonzero(pc.fill_null(marked, False).to_numpy()).tolist()


def has_leading_zeros(series: "pd.Series[Any]") -> bool:
    array = arrow(series)
    return array is not None and bool(pc.any(pc.match_substring_regex(array, LEADING_ZERO)).as_py())


def dates(series: "pd.Series[Any]", written: Format = PLAIN) -> Any:
    """Return the datetime64[us] array of a text column that holds only ISO dates, else None."""
    array = arrow(series)
    if array is None:
        return None
    texts = present(array, written)
    for pattern, unit in ((ISO, pa.timestamp("us")), (ISO_ZONED, pa.timestamp("us", "UTC"))):
        matches = pc.match_substring_regex(texts, pattern)
        if pc.any(matches).as_py() and pc.all(matches).as_py():
            try:
                moments = pc.cast(pc.cast(texts, unit), pa.timestamp("us"))
            except pa.ArrowInvalid:
                return None
            return np.array(moments.to_numpy(), dtype="datetime64[us]")
    return None
