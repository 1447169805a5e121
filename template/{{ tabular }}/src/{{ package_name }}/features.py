"""Features of your own: the file to edit first, since features gain more than models do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]

# What is measured together: `train` leaves each group out in turn and says what it brings. A name is a
# column or a feature of `derive`; one that the table does not have is ignored.
GROUPS: dict[str, list[str]] = {
    "yesterday's late rates": [
        "origin_late_rate", "carrier_late_rate", "dest_late_rate", "route_late_rate",
    ],
    "weather": [
        "temperature_f", "humidity", "wind_mph", "gust_mph", "rain_in", "pressure_mb", "visibility_mi",
    ],
    "plane": ["plane_year", "seats", "manufacturer", "engine"],
    "interaction": ["carrier_rate_by_origin"],
}  # fmt: skip


def derive(columns: Columns) -> dict[str, NDArray[Any]]:
    """Compute features from the columns of the schema.

    Training and the service compute the same, so whatever is computed here needs nothing but the
    fields of one record. Use only what is known at prediction time. Arithmetic, comparisons,
    `np.where`, `np.isin` and numpy's functions of one number are also answered without numpy, ten
    times as fast for one record; the log says when something else is used.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
        Numbers and booleans are float64 (NaN where missing), categories and text are objects
        (None where missing), dates are datetime64 (NaT where missing).

    Returns
    -------
    dict of str to ndarray of shape (n,)
        float64 arrays become numeric features, object arrays become categories.
    """
    missing: Any = 0.0
    for values in columns.values():
        missing = missing + _is_missing(values)
    return {"missing_fields": missing, **interactions(columns)}


def interactions(columns: Columns) -> dict[str, NDArray[Any]]:
    """A worked example, for a table that has these columns: what two of them say only together.

    Yesterday, a carrier that was late while all of its airport was had bad weather; one that was late
    alone has a problem of its own, which may last. A linear model adds the two rates up and cannot tell
    these apart without their product; trees can. Whether it helps, the steps in the report say.
    """
    if not {"carrier_late_rate", "origin_late_rate"} <= columns.keys():
        return {}
    return {"carrier_rate_by_origin": columns["carrier_late_rate"] * columns["origin_late_rate"]}


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    # NaN and NaT are the values that differ from themselves.
    return values == None if values.dtype == object else values != values  # noqa: E711
