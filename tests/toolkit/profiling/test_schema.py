"""One schema: a file, a record and a lone request mean the same."""

import contextlib
import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from toolkit.profiling import columns as profiling
from toolkit.profiling import contract, schema
from toolkit.project.errors import UserError
from toolkit.reading import parsing
from toolkit.reading.parsing import Format
from toolkit.reading.settings import Data
from toolkit.reading.tables import Table

COLUMNS = [
    {"name": "age in years", "kind": "number", "min": 0, "max": 120, "seen": (18, 80), "example": 40},
    {"name": "class", "kind": "category", "nullable": True, "example": "a"},
    {"name": "model_config", "kind": "boolean", "example": True},
    {"name": "_début", "kind": "date", "min": "2000-01-01T00:00:00", "max": "2040-01-01T00:00:00",
     "example": "2020-01-01T00:00:00"},
    {"name": "c0", "kind": "text", "nullable": True, "example": "some words"},
    {"name": "rate", "kind": "number", "nullable": True, "lookup": True, "example": 0.5},
]  # fmt: skip
RECORD = {"age in years": 40, "class": "a", "model_config": True, "_début": "2020-01-01", "c0": "x"}


@pytest.fixture(scope="module")
def described() -> schema.Schema:
    return schema.Schema.from_json(
        {
            "target": {
                "name": "late",
                "task": "binary",
                "classes": [False, True],
                "positive": True,
            },
            "columns": COLUMNS,
            "ignored": [{"name": "id", "reason": "identifier"}],
        }
    )


@pytest.fixture(scope="module")
def record(described):
    return schema.record_model(described)


def test_the_schema_survives_json(described):
    again = schema.Schema.from_json(json.loads(json.dumps(described.to_json())))
    assert again == described
    assert again.target.classes[0] is False


def test_odd_names_are_aliases_and_the_example_is_valid(described, record):
    spec = record.model_json_schema()
    assert {"age in years", "class", "model_config", "_début", "c0"} <= set(spec["properties"])
    filled = record.model_validate(spec["examples"][0]).model_dump(by_alias=True)
    assert filled["model_config"] is True


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"age in years": 500}, "age in years", "120"),
        ({"age in years": "abc"}, "age in years", "not a number"),
        ({"age in years": None}, "age in years", "missing"),
        ({"age in years": math.inf}, "age in years", "finite"),
        ({"model_config": 2}, "model_config", "true or false"),
        ({"_début": "yesterday"}, "_début", "not a date"),
        ({"_début": "2090-01-01"}, "_début", "2040"),
        ({"class": ["a"]}, "class", "not a text"),
        ({"unheard of": 1}, "unheard of", "not permitted"),
    ],
)
def test_a_refusal_names_field_and_bound(record, changes, field, words):
    with pytest.raises(ValidationError) as refused:
        record.model_validate({**RECORD, **changes})
    (error,) = refused.value.errors()
    assert error["loc"] == (field,)
    assert words in error["msg"]


def test_strings_for_numbers_missing_nullables_and_extra_known_columns_are_fine(record):
    given_ = {"age in years": " 40 ", "model_config": "yes", "_début": "2020-03-01T10:00:00+02:00",
              "id": 7, "late": True, "class": 3.0}  # fmt: skip
    read = record.model_validate(given_).model_dump(by_alias=True)
    assert read["age in years"] == 40
    assert read["_début"] == datetime(2020, 3, 1, 8)
    assert read["class"] == "3"
    assert read["c0"] is None
    assert "id" not in read


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("2020-12-31", None, datetime(2020, 12, 31)),
        ("31/12/2020", "dmy", datetime(2020, 12, 31)),
        ("03/04/2020", "dmy", datetime(2020, 4, 3)),
        ("03/04/2020", "mdy", datetime(2020, 3, 4)),
        ("20-12-31", "ymd", datetime(2020, 12, 31)),
        ("31.12.99 23:59", "dmy", datetime(1999, 12, 31, 23, 59)),
        ("Dec 31, 2020", None, datetime(2020, 12, 31)),
        ("31-Dec-20", None, datetime(2020, 12, 31)),
        ("31. Dezember 2020", None, datetime(2020, 12, 31)),
        ("1er févr. 2020", None, datetime(2020, 2, 1)),
        ("31 de dezembro de 2020", None, datetime(2020, 12, 31)),
        ("Thu, 31 Dec 2020 23:00:00 GMT", None, datetime(2020, 12, 31, 23)),
        ("2020-12-31T23:00:00Z", None, datetime(2020, 12, 31, 23)),
        ("2020-12-31 23:00:00.123456+0130", None, datetime(2020, 12, 31, 21, 30, 0, 123456)),
        ("12/31/2020 1:05 PM", "mdy", datetime(2020, 12, 31, 13, 5)),
        ("14:30", None, datetime(1970, 1, 1, 14, 30)),
        ("2020-12", None, datetime(2020, 12, 1)),
        ("2020-W53-5", None, datetime(2021, 1, 1)),
    ],
)
def test_dates_are_read_as_people_write_them(text, order, moment):
    assert parsing.to_date(text, Format(order=order), iso=False) == moment


@pytest.mark.parametrize(
    "text", ["20201231", "12", "1.5", "A-1", "2020-13-01", "99/99/2020", "xyz"]
)
def test_codes_and_numbers_are_not_dates(text):
    with pytest.raises(ValueError, match="not a date"):
        parsing.to_date(text, Format(order="mdy"), iso=False)


@pytest.mark.parametrize("kind", ["number", "date"])
@pytest.mark.parametrize(
    "text", ["1.234,5", "$12", "12 %", "31.12.2020", "31/12/2020", "Dec 31, 2020"]
)
def test_the_service_takes_json_numbers_and_iso_dates_only(kind, text):
    read = parsing.converter(kind, Format(decimal=",", order="dmy"))
    with pytest.raises(ValueError, match="is not a"):
        read(text)


def test_dates_at_the_ends_of_the_calendar_have_bounds():
    frame = pd.DataFrame({"until": ["2020-05-01", "9999-12-31", "0001-01-01"] * 20,
                          "y": [1.5, 2.5, 3.0] * 20})  # fmt: skip
    data = Data(target="y", task="regression")
    found = profiling.run(Table(frame, "t.csv"), data)
    described = contract.infer(found.frame, found, data)
    assert described.columns[0].min == "0001-01-01T00:00:00"
    assert described.columns[0].max == "9999-12-31T23:59:59.999999"
    schema.record_model(described).model_validate({"until": "9999-12-31"})


def test_only_bounds_and_another_century_refuse():
    n = 60
    frame = pd.DataFrame({"rain": [f"{i / 10}" for i in range(n)], "size": [f"{i}.5" for i in range(n)],
                          "day": pd.date_range("2020-01-01", periods=n).astype(str),
                          "born": pd.date_range("1950-01-01", periods=n).astype(str),
                          "y": ["a", "b"] * (n // 2)})  # fmt: skip
    data = Data(target="y", bounds={"rain": [0, 20], "born": [date(1900, 1, 1), None]})
    found = profiling.run(Table(frame, "t.csv"), data)
    model = schema.record_model(contract.infer(found.frame, found, data))
    row = {"rain": 1, "size": 1, "day": "2020-01-05", "born": "1960-01-01"}
    for changes in ({"size": -1e9}, {"rain": 19}, {"day": "1930-01-01"}, {"born": "2200-01-01"}):
        model.model_validate(row | changes)
    for field, value in (("rain", 20.5), ("rain", -1), ("day", "1890-01-01"), ("day", "2190-01-01"),
                         ("born", "1899-12-31")):  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            model.model_validate(row | {field: value})
        assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_a_file_is_checked_row_by_row(described):
    rows = [{**RECORD}, {**RECORD, "age in years": "500"}, {**RECORD, "age in years": "abc"},
            {**RECORD, "model_config": None}]  # fmt: skip
    columns, problems = contract.check_frame(described, pd.DataFrame(rows))
    assert [(p.row, p.column) for p in problems] == [
        (1, "age in years"),
        (2, "age in years"),
        (3, "model_config"),
    ]
    assert "120" in problems[0].message
    assert len(columns["c0"]) == 4


def test_a_missing_column_is_named_with_the_nearest(described):
    frame = pd.DataFrame([RECORD]).rename(columns={"age in years": "age in year"})
    with pytest.raises(UserError, match="did you mean 'age in year'"):
        contract.columns_from_frame(described, frame)


def test_the_service_loads_the_schema_without_pandas():
    code = "import toolkit.profiling.schema, sys; sys.exit('pandas' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=-5, minutes=-30))])
CELLS = {
    "number": st.one_of(
        st.floats(),
        st.integers(-(2**60), 2**60),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.sampled_from(["", " 7 ", "1e3", "NA", "?", None]),
    ),
    "boolean": st.sampled_from([True, False, "true", "No", "Y", 0, 1, 1.0, "0", "", None]),
    "category": st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none()),
    "text": st.one_of(TEXTS, st.none()),
    "date": st.one_of(
        st.none(),
        st.dates(min_value=date(1678, 1, 1), max_value=date(2261, 1, 1)).map(str),
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=ZONES).map(
            datetime.isoformat
        ),
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
        st.just(""),
    ),
}


@st.composite
def tables(draw):
    kinds = draw(st.dictionaries(NAMES, st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    size = draw(st.integers(1, 6))
    rows = [{name: draw(CELLS[kind]) for name, kind in kinds.items()} for _ in range(size)]
    columns = [{"name": n, "kind": k, "nullable": True, "example": None} for n, k in kinds.items()]
    for column in columns[::2]:
        column["format"] = {"missing": ["0", "-999"]}
    for column in columns:  # known ones are as `to_text` leaves them
        known = {parsing.to_text(row[column["name"]]) for row in rows[:3]} - {None}
        column["categories"] = sorted(known) if column["kind"] == "category" else None
    target = {"name": "\0target", "task": "regression"}
    return schema.Schema.from_json({"target": target, "columns": columns}), rows


@given(tables())
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
def test_a_frame_and_its_records_give_the_same_arrays(table):
    described, rows = table
    names = [column.name for column in described.columns]
    whole = pd.DataFrame(rows, columns=names)
    as_objects = pd.DataFrame({n: pd.Series([r[n] for r in rows], dtype=object) for n in names})
    from_records = schema.columns_from_records(described, rows)
    one_by_one = [schema.columns_from_records(described, [row]) for row in rows]
    for frame in (as_objects, *([whole] if _keeps_values(whole, rows) else [])):
        from_frame = contract.columns_from_frame(described, frame)
        for name in names:
            assert from_frame[name].dtype == from_records[name].dtype
            np.testing.assert_array_equal(from_frame[name], from_records[name])
    for name in names:
        single = np.concatenate([columns[name] for columns in one_by_one])
        np.testing.assert_array_equal(single, from_records[name])
    model = schema.record_model(described)
    plain = schema.record_model(described, plain=True)
    for row, alone in zip(rows, one_by_one, strict=True):
        if any(isinstance(v, float) and not math.isfinite(v) for v in row.values()):
            continue  # the service refuses what is not JSON
        read = model.model_validate(row).model_dump(by_alias=True)
        with contextlib.suppress(ValidationError):  # it may refuse, and must not read otherwise
            assert plain.model_validate(row).model_dump(by_alias=True) == read
        with contextlib.suppress(ValidationError, TypeError):  # a moment is not JSON
            given_as_text = json.dumps(row)
            assert plain.model_validate_json(given_as_text).model_dump(by_alias=True) == read
        again = schema.columns_from_records(described, [read])
        for name in names:
            np.testing.assert_array_equal(again[name], alone[name])


def _keeps_values(frame, rows):
    """Whether pandas kept every value's type; it makes floats of whole numbers beside a None."""
    plain = frame.astype(object).to_dict("records")
    return all(type(a) is type(b) for x, y in zip(plain, rows, strict=True)
               for a, b in zip(x.values(), y.values(), strict=True))  # fmt: skip


@given(st.lists(st.one_of(TEXTS, st.floats().map(repr)), min_size=1, max_size=5))
@example(["12", "3,4", "NA"])
@example(["2020-01-01", "2020-02-30"])
@settings(max_examples=80)
def test_reading_a_column_at_once_changes_no_value(cells):
    for kind in ("number", "date", "category", "boolean"):
        fast, refused = contract.convert(pd.Series(cells, dtype="str"), kind)
        slow, also = contract.convert(pd.Series(cells, dtype=object), kind)
        np.testing.assert_array_equal(fast, slow)
        assert [row for row, _ in refused] == [row for row, _ in also]


@given(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds"))
    | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}\Z")
    | st.from_regex(r"\A2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-6][0-9])?Z?\Z")
)
@example("2020-02-29T23:59:60")
@example("0000-01-01T00:00:00")
@example("2020-01-01T24:00:00")
@example("2020-01-01T10:00:00\n")
@settings(max_examples=300)
def test_a_moment_that_is_read_in_one_step_is_read_alike(text):
    column = {"name": "at", "kind": "date", "min": "0001-01-01", "max": "9999-01-01"}
    target = {"name": "y", "task": "regression"}
    described = schema.Schema.from_json({"target": target, "columns": [column]})
    with contextlib.suppress(ValidationError):
        found = schema.record_model(described, plain=True).model_validate({"at": text})
        assert found.c0 == schema.record_model(described).model_validate({"at": text}).c0
        assert found.c0.tzinfo is None
    usual = schema.record_model(described, plain=True).model_validate({"at": "2020-01-01T10:00:00"})
    assert usual.c0.hour == 10
