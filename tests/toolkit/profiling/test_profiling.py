"""What columns are taken for, which of them are left out and why, and what is predicted."""

import numpy as np
import pandas as pd
import pytest
from toolkit.profiling import columns as profiling
from toolkit.project.errors import UserError
from toolkit.reading.settings import Data
from toolkit.reading.tables import Table

N = 200
RNG = np.random.default_rng(0)


def profile(columns, target="y", **data):
    """Profile a table of texts, as a CSV gives them; `y` is a balanced binary target."""
    columns = {"x": RNG.normal(size=N).round(3), "y": np.arange(N) % 2, **columns}
    frame = pd.DataFrame({n: pd.Series(v).map(_cell).astype("str") for n, v in columns.items()})
    return profiling.run(Table(frame, "t.csv", lines=True), Data(target=target, **data))


def _cell(value):
    return "" if value is None or value != value else str(value)


def repeated(*values):
    return [values[i % len(values)] for i in range(N)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.normal(size=N), "number"),
        (repeated("1", "2.5", "", "NA", "?", "-3e2"), "number"),
        (repeated("$1,200", "$950", "$13"), "number"),
        (repeated("12%", "50 %"), "number"),
        (repeated("yes", "no", ""), "boolean"),
        (repeated("True", "False"), "boolean"),
        (repeated(0, 1), "boolean"),
        (repeated("1", "2", "K"), "category"),
        (repeated("10", "12A", "B7", "9"), "category"),
        (repeated("00123", "04567"), "category"),
        (repeated("M", "F"), "category"),
        ([f"V{i % 90}" if i % 3 else str(100 + i) for i in range(N)], "category"),
        (pd.date_range("2020-01-01", periods=N).astype(str), "date"),
        (pd.date_range("2020-01-01", periods=N).strftime("%d/%m/%Y"), "date"),
        (pd.date_range("2020-01-01", periods=N).strftime("%m/%d/%y %H:%M"), "date"),
        (pd.date_range("2020-01-01", periods=N, tz="Asia/Tokyo").map(str), "date"),
        (pd.date_range("2020-01-01", periods=N).strftime("%b %d, %Y"), "date"),
        (repeated("08:30", "23:59:59"), "date"),
        ([f"the quick brown fox number {i} jumps over it" for i in range(N)], "text"),
    ],
)
def test_kinds(values, kind):
    column = profile({"c": values}).column("c")
    assert column.used, column.reason
    assert column.kind == kind


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("row", range(1, N + 1), "identifier"),
        ("order_id", RNG.permutation(10**6)[:N], "identifier"),
        ("code", [f"K-{i:06}" for i in range(N)], "identifier"),
        ("u", [f"{i:032x}" for i in range(N)], "identifier"),
        ("c", ["same"] * N, "constant"),
        ("e", [None] * N, "empty"),
        ("d", RNG.normal(size=N), "dropped"),
        ("g", repeated(*range(20)), "group"),
    ],
)
def test_columns_left_out_say_why(name, values, reason):
    column = profile({name: values}, drop=["d"] if name == "d" else [],
                     group="g" if name == "g" else None).column(name)  # fmt: skip
    assert not column.used
    assert column.reason.startswith(reason)


def test_measurements_and_years_are_no_identifiers():
    found = profile({"weight": RNG.permutation(N) + 0.5, "year": range(1700, 1700 + N)})
    assert found.column("weight").used
    assert found.column("year").used


@pytest.mark.parametrize(("written", "order"), [("%d/%m/%Y", "dmy"), ("%m/%d/%Y", "mdy")])
def test_the_order_of_day_and_month_is_that_of_the_column(written, order):
    days = pd.date_range("2020-01-01", periods=N)
    found = profile({"when": days.strftime(written)})
    assert found.column("when").written.order == order
    assert found.frame["when"].tolist() == days.tolist()


def test_ambiguous_dates_are_read_one_way_and_the_owner_is_told():
    found = profile({"when": repeated("01/02/2020", "03/04/2020")})
    assert any("two ways" in warning.detail for warning in found.warnings)


def test_mixed_types_name_column_line_value_and_remedy():
    values = [str(i * 1.5) for i in range(N)]
    values[41] = "twelve"
    with pytest.raises(UserError, match=r"'c' mixes types.*line 43.*'twelve'.*data\.drop"):
        profile({"c": values})
    assert not profile({"c": values}, drop=["c"]).column("c").used


@pytest.mark.parametrize(
    ("values", "task", "classes", "positive"),
    [
        (repeated(0, 0, 0, 1), "binary", [0, 1], 1),
        (repeated("True", "False"), "binary", [False, True], True),
        (repeated("yes", "no"), "binary", ["no", "yes"], "yes"),
        (repeated("healthy", "healthy", "ill"), "binary", ["healthy", "ill"], "ill"),
        (repeated("1", "2", "2"), "binary", [2, 1], 1),
        (repeated("été", "冬", "осень"), "multiclass", ["été", "осень", "冬"], None),
        (repeated(1, 2, 3), "multiclass", [1, 2, 3], None),
        (repeated(*range(20)), "multiclass", list(range(20)), None),
        (RNG.normal(size=N), "regression", None, None),
        (RNG.poisson(30, size=N), "regression", None, None),
        (
            repeated("$1,200.5", "$3", "$7", *[f"${i}.5" for i in range(40)]),
            "regression",
            None,
            None,
        ),
    ],
)
def test_tasks(values, task, classes, positive):
    target = profile({"y": values}).target
    assert (target.task, target.classes, target.positive) == (task, classes, positive)


def test_the_owner_chooses_task_and_positive_class():
    assert profile({"y": repeated(1, 2, 3)}, task="regression").target.task == "regression"
    assert profile({"y": repeated("a", "b", "b")}, positive="b").target.positive == "b"
    with pytest.raises(UserError, match=r"`data\.positive` is 'c'.*'a', 'b'"):
        profile({"y": repeated("a", "b")}, positive="c")


def test_rows_without_a_target_and_rare_classes_are_left_out_and_counted():
    labels = repeated("a", "b", "c")
    labels[:3] = [None, "", " "]
    labels[3:5] = ["rare", "rare"]
    found = profile({"y": labels})
    assert found.rows_dropped["missing target"] == 3
    assert found.target.left_out == {"rare": 2}
    assert len(found.frame) == N - 5
    assert found.target.classes == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("columns", "data", "words"),
    [
        ({"y": ["a"] * N}, {}, "one value only, 'a'"),
        ({"y": [None] * N}, {}, "missing in all 200 rows"),
        ({}, {"target": "Y "}, "Did you mean 'y'"),
        (
            {"y": [f"name {i // 2}" for i in range(N)]},
            {},
            "100 different labels.*identifier or a text",
        ),
        ({"y": RNG.normal(size=N)}, {"task": "binary"}, "binary.*200 different values"),
        ({"y": repeated("a", "1")}, {"task": "regression"}, r"'a' \(line 2\).*not a number"),
        ({"y": [*map(str, range(N - 1)), "many"]}, {}, "at line 201, 'many'"),
        ({"y": ["a"] * (N - 3) + ["b"] * 3}, {}, "fewer than two classes with 10 rows"),
        ({"x": ["same"] * N}, {}, "No column is left"),
    ],
)
def test_targets_that_cannot_be_predicted(columns, data, words):
    with pytest.raises(UserError, match=words):
        profile(columns, **{"target": "y", **data})


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (
            [0, 100],
            r"`data\.bounds` of 'c' are 0\.0 to 100\.0, and line 103 holds 101\.0 \(99 such",
        ),
        ([None, 50], r"line 53 holds 51\.0"),
        (["2020-01-01", None], "holds number values. Write numbers"),
    ],
)
def test_a_table_outside_its_bounds_is_refused_with_the_line(bounds, words):
    with pytest.raises(UserError, match=words):
        profile({"c": [i + 0.0 for i in range(N)]}, bounds={"c": bounds})


def test_only_columns_that_are_there_have_bounds():
    with pytest.raises(UserError, match=r"`data\.bounds` is 'd', which is not a column"):
        profiling.require_settings(Data(target="y", bounds={"d": [0, 1]}), ["c", "y"])


def test_two_rows_are_too_few():
    frame = pd.DataFrame({"x": ["1", "2"], "y": ["0", "1"]})
    with pytest.raises(UserError, match=r"2 rows .*at least 50"):
        profiling.run(Table(frame, "t.csv"), Data(target="y"))


def test_a_time_must_hold_dates():
    with pytest.raises(UserError, match=r"`data\.time` is 'c'.*such as '[ab]', not dates"):
        profile({"c": repeated("a", "b")}, time="c")


def test_a_parquet_table_has_kinds_too():
    frame = pd.DataFrame(
        {
            "y": np.arange(N) % 2 == 0,
            "int": pd.array([None, *range(N - 1)], dtype="Int64"),
            "flag": pd.array(repeated(True, False, None), dtype="boolean"),
            "cat": pd.Categorical(repeated("a", "b")),
            "when": pd.date_range("2020-01-01", periods=N, tz="UTC"),
            "day": pd.date_range("2020-01-01", periods=N).date,
            "nested": [[1, 2]] * N,
        }
    )
    found = profiling.run(Table(frame, "t"), Data(target="y"))
    kinds = {c.name: c.kind for c in found.columns if c.used}
    assert kinds == {"flag": "boolean", "cat": "category", "when": "date", "day": "date"}
    assert found.column("nested").reason.startswith("nested")
    assert found.column("int").reason.startswith("identifier")
    assert found.target.classes == [False, True]


def test_a_column_with_gaps_only_where_the_target_is_missing_may_be_null():
    x, y = [*RNG.normal(size=N - 1), None], [*repeated("a", "b")[:-1], None]
    column = profile({"x": x, "y": y}).column("x")
    assert column.missing == 0
    assert column.nullable
