"""Each value of a window is counted once: as missing, as refused, or as outside the training range."""

import numpy as np
import pandas as pd
import pytest
from small_model import schema_for
from toolkit.monitoring import checks
from toolkit.monitoring.reference import Reference
from toolkit.monitoring.window import Window
from toolkit.operations.settings import Monitor
from toolkit.profiling.contract import check_frame, typed_frame

SCHEMA = schema_for({"name": "late", "task": "binary", "classes": [False, True]})
ROWS = 200


def window(**changed: list) -> Window:
    """Rows as the schema knows them, but for the first ones of some columns."""
    columns = {
        "distance": np.linspace(100, 4000, ROWS),
        "carrier": ["AA", "UA"] * (ROWS // 2),
        "at": pd.date_range("2013-01-01", periods=ROWS, freq="6h"),
        "night flight?": [True, None] * (ROWS // 2),
    }
    frame = pd.DataFrame(columns, dtype=object)
    for name, values in changed.items():
        frame.loc[: len(values) - 1, name] = values
    arrays, problems = check_frame(SCHEMA, frame)
    scores = pd.Series(np.full(ROWS, 0.5))
    said = pd.Series(["true"] * ROWS, dtype=object)
    return Window(SCHEMA, typed_frame(arrays), said, scores, problems=problems)


def quality(current: Window) -> dict[str, checks.Check]:
    known = Reference("v1", window(), window())
    chance = checks.Chance.between(known, current, 0.01)
    found = checks.quality(known, current, Monitor(), chance)
    return {check.name: check for check in found}


def test_a_missing_value_is_missing_and_nothing_else() -> None:
    found = quality(window(distance=[None] * 20))
    assert found["distance: missing"].value == pytest.approx(0.1)
    assert "distance: refused" not in found
    assert found["distance: out of range"].detail["rows"] == ROWS - 20


def test_what_cannot_be_read_is_refused_and_nothing_else() -> None:
    found = quality(window(distance=["far"] * 20))
    assert found["distance: refused"].value == pytest.approx(0.1)
    assert found["distance: missing"].value == 0


def test_out_of_bounds_is_refused_and_out_of_range_is_counted() -> None:
    found = quality(window(distance=[9000] * 10 + [4500] * 50))
    assert found["distance: refused"].detail["rows"] == 10
    out = found["distance: out of range"]
    assert out.detail["rows"] == ROWS - 10
    assert out.detail["share"] == pytest.approx(50 / (ROWS - 10))
    assert out.alert
