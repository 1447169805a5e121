"""One record, compiled, is what the arrays make of it: to the last bit of float32."""

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.profiling.schema import as_array
from toolkit.project.files import write_json
from toolkit.site import build
from toolkit.tables.encoder import Encoder
from toolkit.tables.record_encoder import compiled, table_of_steps
from toolkit.tables.snapshot import Snapshot
from toolkit.tables.tracing import Untraceable, trace

STEPS = Path(build.__file__).with_name("steps.js")
KINDS = {
    "price": "number",
    "size": "number",
    "new": "boolean",
    "colour": "category",
    "sold": "date",
    "listed": "date",
    "note": "text",
}
NAMES = list(KINDS)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
VALUES = {
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.sampled_from([0.0, 1.0]),
    "category": st.sampled_from(["red", "blue", "mauve", "é", "never seen"]),
    "date": MOMENTS,
    "text": st.sampled_from(["", "a good film", "slow, slow plot", "good good plot"]),
}
RECORDS = st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in KINDS.items()})


def features(columns: Any) -> dict[str, Any]:
    """What owners write: gaps, ratios, logarithms, thresholds, spans, crossed conditions."""
    price, size, sold, listed = (columns[name] for name in ("price", "size", "sold", "listed"))
    missing = (v == None if v.dtype == object else v != v for v in columns.values())  # noqa: E711
    return {
        "gaps": sum(missing, start=0.0),
        "each": price / size,
        "log": np.log1p(np.abs(price)),
        "root": np.sqrt(size),
        "days": (sold - listed) / np.timedelta64(1, "D"),
        "hour": (sold - sold.astype("datetime64[D]")) / np.timedelta64(1, "h"),
        "capped": np.clip(price, -10, 10.5),
        "low": np.minimum(price, size),
        "cheap_red": (price < 3) & (columns["colour"] == "red"),
        "not_new": ~(columns["new"] == 1),
        "warm": np.isin(columns["colour"], ["red", "mauve"]),
        "filled": np.where(np.isnan(price), -1.0, price * 2 - 1),
        "unknown_where_new": np.where(columns["new"] == 1, np.nan, np.minimum(size, np.inf)),
        "recent": (sold > np.datetime64("2020-01-01")).astype(float),
        "power": size**2 % 7 // 2,
    }


def columns_of(records: list[dict[str, Any]]) -> dict[str, Any]:
    gap = {"number": np.nan, "boolean": np.nan, "date": None}
    return {
        name: as_array(kind, [gap.get(kind) if r[name] is None else r[name] for r in records])
        for name, kind in KINDS.items()
    }


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    generator = np.random.default_rng(0)
    colours, notes = ["red", "blue", "mauve", "é", None], ["a good film", "slow plot", "good plot"]
    rows = [
        {
            "price": float(generator.normal()) if i % 7 else None,
            "size": float(generator.integers(0, 9)),
            "new": float(i % 2),
            "colour": colours[i % 5],
            "sold": datetime(2015 + i % 9, 1 + i % 12, 1 + i % 28, i % 24, i % 60),
            "listed": datetime(2014, 1 + i % 12, 1),
            "note": notes[i % 3],
        }
        for i in range(120)
    ]
    with np.errstate(all="ignore"):
        return Encoder(KINDS, features).fit(columns_of(rows), np.arange(120) % 2)


@pytest.fixture(scope="module")
def encode(encoder: Encoder) -> Any:
    nothing = Snapshot({"as_of": None, "tables": []}, KINDS)
    return compiled(table_of_steps(KINDS, encoder.parts_, features, {}, {}), nothing)


@given(record=RECORDS)
def test_a_record_is_encoded_as_the_arrays_encode_it(
    encoder: Encoder, encode: Any, record: dict[str, Any]
) -> None:
    with np.errstate(all="ignore"):
        expected = encoder.transform(columns_of([record]))[0]
    row, _ = encode({f"c{i}": record[name] for i, name in enumerate(NAMES)})
    np.testing.assert_array_equal(np.array(row, dtype=np.float32), expected)


def test_a_browser_encodes_the_same(encoder: Encoder, tmp_path: Path) -> None:
    """The other interpreter of the table: the site's `steps.js`, in node, over 400 records."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")
    generator = np.random.default_rng(1)
    numbers = [0.0, -0.5, 2.5, 1e-300, 1e19, 3e38, -7.25, 1e6]
    some: dict[str, list[Any]] = {
        "number": numbers,
        "boolean": [0.0, 1.0],
        "category": ["red", "blue", "mauve", "é", "constructor"],
        "date": [
            datetime(1905, 12, 31, 23, 59, 59, 5),
            datetime(2024, 2, 29),
            datetime(2001, 3, 4, 7),
        ],
        "text": ["a Good film", "slow, slow plot", "good good plot", "film_2 é"],
    }
    records = [
        {name: None if generator.random() < 0.2 else some[kind][generator.integers(len(some[kind]))]
         for name, kind in KINDS.items()}
        for _ in range(400)
    ]  # fmt: skip
    steps = table_of_steps(KINDS, encoder.parts_, features, {}, {})
    given = {
        "steps": steps,
        "lookups": {"as_of": None, "tables": []},
        "records": [
            {n: v.isoformat() if isinstance(v, datetime) else v for n, v in r.items()}
            for r in records
        ],
    }
    write_json(tmp_path / "given.json", given)
    script = (
        f"import {{ Steps }} from {json.dumps(STEPS.as_uri())}; import {{ readFileSync }} from 'node:fs';"
        f"const given = JSON.parse(readFileSync({json.dumps(str(tmp_path / 'given.json'))}));"
        "const steps = new Steps(given); process.stdout.write(JSON.stringify(given.records.map("
        "(each) => Array.from(Float32Array.from(steps.encode(steps.filled(each).row))))));"
    )
    (tmp_path / "run.mjs").write_text(script, "utf-8")
    done = subprocess.run([node, tmp_path / "run.mjs"], check=True, capture_output=True, text=True)
    with np.errstate(all="ignore"):
        expected = encoder.transform(columns_of(records))
    np.testing.assert_allclose(np.float32(json.loads(done.stdout)), expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize(
    ("said", "feature"),
    [
        ("the attribute", lambda c: c["price"].mean()),
        ("reduce", lambda c: np.add.reduce(c["price"])),
        ("taking some rows", lambda c: c["price"][0]),
        ("going through", lambda c: [len(text) for text in c["note"]]),
        ("number of rows", lambda c: np.full(len(c["price"]), 1.0)),
        ("making an array", lambda c: np.asarray(c["price"])),
        ("is true", lambda c: 1.0 if c["price"] > 3 else 0.0),
        ("numpy.median", lambda c: np.median(c["price"])),
        ("of a number and a text", lambda c: c["price"] == c["colour"]),
        ("datetime64[M]", lambda c: c["sold"].astype("datetime64[M]")),
        ("a date, which is no feature", lambda c: c["sold"].astype("datetime64[D]")),
        ("KeyError", lambda c: c["absent"]),
    ],
)
def test_what_no_step_can_hold_is_said(said: str, feature: Any) -> None:
    with pytest.raises(Untraceable, match=said.replace("[", r"\[")):
        trace(lambda columns: {"x": feature(columns)}, KINDS)


def test_two_thousand_columns_of_small_differences_are_one_function_too():
    kinds = dict.fromkeys((f"v{i}" for i in range(2000)), "number")

    def gaps(columns: Any) -> dict[str, Any]:
        return {"gaps": sum((v != v for v in columns.values()), start=0.0)}

    generator = np.random.default_rng(0)
    table = {name: 1.7e9 + generator.integers(-60, 60, 50).astype(float) for name in kinds}
    table["v7"][3] = np.nan
    encoder = Encoder(kinds, gaps).fit(table, np.arange(50) % 2)
    nothing = Snapshot({"as_of": None, "tables": []}, kinds)
    encode = compiled(table_of_steps(kinds, encoder.parts_, gaps, {}, {}), nothing)
    record = {f"c{i}": None if np.isnan(v[3]) else v[3] for i, v in enumerate(table.values())}
    numbers, _ = encode(record)
    np.testing.assert_array_equal(np.float32(numbers), encoder.transform(table)[3])
