"""Whole columns of texts at once, where all are plain numbers or ISO dates.

The results are those of `values`, which reads one value at a time, a hundred times sooner.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .parsing import MISSING

LEADING_ZERO = r"^\s*-?0[0-9]+\s*$"
ISO = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?$"
ISO_ZONED = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$"


def _arrow(series: "pd.Series[Any]") -> pa.ChunkedArray | None:
    if not isinstance(series.dtype, pd.StringDtype):
        return None
    array = pa.array(series, type=pa.large_string(), from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _present(array: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(array)
    missing = pc.is_in(trimmed, value_set=pa.array(sorted(MISSING), pa.large_string()))
    return pc.if_else(missing, None, trimmed)


def numbers(series: "pd.Series[Any]") -> Any:
    """Return the float64 array of a text column that holds only plain numbers, else None.

    Missing tokens become NaN.
    """
    array = _arrow(series)
    if array is None:
        if isinstance(series.dtype, np.dtype | pd.CategoricalDtype | pd.StringDtype):
            return None
        try:  # pandas' nullable numbers
            return series.to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError):
            return None
    try:
        result = np.array(pc.cast(_present(array), pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        return None
    result[~np.isfinite(result)] = np.nan
    return None if np.isnan(result).all() else result


def has_leading_zeros(series: "pd.Series[Any]") -> bool:
    array = _arrow(series)
    return array is not None and bool(pc.any(pc.match_substring_regex(array, LEADING_ZERO)).as_py())


def dates(series: "pd.Series[Any]") -> Any:
    """Return the datetime64[us] array of a text column that holds only ISO dates, else None."""
    array = _arrow(series)
    if array is None:
        return None
    present = _present(array)
    for pattern, unit in ((ISO, pa.timestamp("us")), (ISO_ZONED, pa.timestamp("us", "UTC"))):
        matches = pc.match_substring_regex(present, pattern)
        if pc.any(matches).as_py() and pc.all(matches).as_py():
            try:
                moments = pc.cast(pc.cast(present, unit), pa.timestamp("us"))
            except pa.ArrowInvalid:
                return None
            return np.array(moments.to_numpy(), dtype="datetime64[us]")
    return None
