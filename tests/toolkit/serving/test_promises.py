"""OpenAPI promises what the service of a table takes, and refuses."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from promised import check_promises
from small_model import application, save_bundle
from toolkit.reading.parsing import MISSING
from toolkit.serving.limits import Limits

# A date's bounds are in its description: JSON Schema has no keyword for them.
DATES = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))


def mended(case: Any) -> None:
    """What JSON Schema cannot say: columns are equally long, and which words are no value."""
    if not isinstance(case.body, dict):
        return
    columns = {k: v for k, v in (case.body.get("columns") or {}).items() if v is not None}
    if columns:
        shortest = min(map(len, columns.values()))
        case.body["columns"] = {name: values[:shortest] for name, values in columns.items()}
        columns["carrier"] = case.body["columns"]["carrier"]
    for record in (case.body, *(case.body.get("records") or ())):
        if str(record.get("carrier", "")).strip() in MISSING and "carrier" in record:
            record["carrier"] = "UA"
    if columns:
        named = case.body["columns"]["carrier"]
        named[:] = ["UA" if value.strip() in MISSING else value for value in named]


@pytest.mark.parametrize(
    ("examples"), [40, pytest.param(300, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_what_openapi_promises_is_kept(tmp_path: Path, examples: int) -> None:
    schemathesis.openapi.format("date-time", DATES.map(lambda moment: moment.isoformat()))
    app = application(save_bundle(tmp_path), Limits(max_body_mb=0.1, max_batch=50))
    # A number as text or true as 1 is taken, though only plain JSON is documented.
    seen = check_promises(app, examples, mended, excluded=("negative_data_rejection",))
    assert {path: statuses & {200, 422} for path, statuses in seen.items()} == {
        "POST /predict": {200, 422},
        "POST /predict/batch": {200, 422},
        **{f"GET /{path}": {200} for path in ("health", "ready", "model", "metrics")},
    }
