"""What is not as it seems is said, with examples and the setting that helps; what is, is not."""

import numpy as np
import pandas as pd
import pytest
from toolkit.profiling import columns as profiling
from toolkit.profiling import warnings as odd
from toolkit.reading.settings import Data
from toolkit.reading.tables import Table

N = 600
RNG = np.random.default_rng(3)
AMOUNT = np.exp(RNG.normal(7, 1.2, N)).round(2)
AGE = RNG.integers(18, 90, N)


def profile(columns, target="y", **data):
    """Profile a table of texts, as a CSV gives them; `y` is a balanced binary target."""
    columns = {"x": RNG.normal(size=N).round(3), "y": np.arange(N) % 2, **columns}
    frame = pd.DataFrame({name: pd.Series(v).map(str).astype("str") for name, v in columns.items()})
    return profiling.run(Table(frame, "t.csv", lines=True), Data(target=target, **data))


def said(columns, target="y", **data):
    """Column, kind and whether it is mended, of each warning."""
    found = profile(columns, target, **data).warnings
    assert all(warning.detail and warning.examples for warning in found)
    assert all(warning.remedy for warning in found if not warning.mended)
    return [(warning.column, warning.kind, warning.mended) for warning in found]


def unsettled(columns, target="y", **data):
    return [entry for entry in said(columns, target, **data) if not entry[2]]


def replaced(values, by, share=0.1):
    out = [str(value) for value in values]
    for i in RNG.choice(len(out), max(3, int(share * len(out))), replace=False):
        out[i] = str(by)
    return out


@pytest.mark.parametrize(
    ("values", "by", "share"),
    [
        (AMOUNT, -999, 0.15),
        (AMOUNT, -1, 0.1),
        (AMOUNT, "9999.0", 0.2),
        (AMOUNT, 999999, 0.01),
        (RNG.normal(0, 5, N).round(1), -9999, 0.02),
        (RNG.normal(20, 8, N).round(1), 999.9, 0.005),
        (AGE, 999, 0.01),
        (AGE, 0, 0.05),
        (RNG.normal(36.8, 0.5, N).round(1), 0, 0.01),
        (RNG.integers(1950, 2020, N), 0, 0.01),
        (RNG.normal(1e6, 1e4, N).round(0), 12345, 0.02),
        (RNG.integers(1, 10, N), -999, 0.4),
        (RNG.integers(0, 2, N), -99, 0.1),
        (RNG.integers(1, 6, N), 99, 0.02),
    ],
)
def test_repeated_numbers_far_from_the_rest_are_sentinels(values, by, share):
    columns = {"c": replaced(values, by, share)}
    kind = "sentinel in one column" if by in (0, -1) else "sentinel"
    assert said(columns) == [("c", kind, False)]
    missing = f"{float(by):.12g}"
    assert (missing in profile(columns).warnings[0].remedy) == (by not in (0, -1))
    if by not in (0, -1):
        assert unsettled(columns, missing=[missing]) == []


@pytest.mark.parametrize(
    "values",
    [
        AMOUNT,
        AGE,
        RNG.normal(0, 5, N).round(1),
        RNG.poisson(0.4, N),
        np.where(RNG.random(N) < 0.8, 0, np.exp(RNG.normal(5, 1, N)).round(1)),  # mostly no claim
        RNG.integers(0, 100, N),
        RNG.choice([-1, 0, 1], N),
        RNG.choice([10, 50, 99], N),
        RNG.choice([199, 499, 999], N),
        RNG.choice([200, 404, 500], N),
        np.concatenate([RNG.integers(-5, 30, N - 40), np.full(40, 0)]),
        np.round(RNG.exponential(0.05, N), 2),
        RNG.choice([9.99, 19.99, 49.9, 99, 199, 499, 999], N),
        1_700_000_000 + RNG.integers(-60, 60, N),
        [*RNG.normal(0, 1, N - 1), 1e9],  # one outlier is no sentinel
    ],
)
def test_honest_numbers_are_not_doubted(values):
    assert said({"c": values}) == []


def test_a_sentinel_in_a_numeric_target_is_said():
    assert said({"y": replaced(AMOUNT, -999)}) == [("y", "sentinel", False)]
    lost = profile({"y": replaced(AMOUNT, -999)}, missing=[-999])
    assert lost.rows_dropped["missing target"] == 60


DAYS = pd.date_range("2021-01-01", periods=N).strftime("%Y-%m-%d")
BORN = [
    f"{year}-{i % 12 + 1:02}-{i % 28 + 1:02}" for i, year in enumerate(RNG.integers(1935, 2004, N))
]


@pytest.mark.parametrize(
    ("values", "by"),
    [(DAYS, "1900-01-01"), (DAYS, "9999-12-31"), (DAYS, "1970-01-01"), (BORN, "1900-01-01"),
     (BORN, "1970-01-01"), (DAYS, "0201-05-03"), (BORN, "1753-01-01")],
)  # fmt: skip
def test_placeholder_dates_are_said(values, by):
    columns = {"c": replaced(values, by, 0.1)}
    found = profile(columns).warnings
    assert [(w.column, w.kind, w.examples) for w in found] == [("c", "placeholder dates", [by])]
    if by != "0201-05-03":
        assert unsettled(columns, missing=[by]) == []


@pytest.mark.parametrize(
    "values",
    [DAYS, BORN, [f"{h % 24:02}:{h % 60:02}" for h in range(N)], [f"{1066 + i}-05-01" for i in range(N)],
     [*DAYS[:-1], "2024-03-01"], pd.date_range("1900-01-01", periods=N).strftime("%Y-%m-%d")],
)  # fmt: skip
def test_honest_dates_are_not_doubted(values):
    assert said({"c": values}) == []


def test_rows_with_a_placeholder_for_a_time_are_set_aside_and_counted():
    days = [*DAYS[:-3], "0001-01-01", "2999-12-31", "9999-12-31"]
    found = profile({"t": days}, time="t")
    assert len(found.frame) == N - 3
    assert found.column("t").min.startswith("2021-01-01")
    ((reason, count),) = found.rows_dropped.items()
    assert count == 3
    assert "0001-01-01, 2999-12-31, 9999-12-31" in reason
    assert said({"t": days}, time="t") == [("t", "placeholder times", True)]


def labels(*values):
    return [values[i % len(values)] for i in range(N)]


@pytest.mark.parametrize(
    ("values", "classes", "kinds"),
    [
        (labels("Yes", "yes", "YES ", " Yes", "No", "no"), ["No", "Yes"], ["labels merged"]),
        (labels("New  York", "new york", "Boston"), None, ["labels merged"]),
        (labels("yes", "Yes.", "y", "no"), 4, ["labels alike"]),
        (labels("1", "1.0", "True", "0"), 3, ["labels alike"]),
        (labels("<=50K", ">50K", "<=50K.", ">50K."), 4, ["labels alike"]),
        (labels("late-night", "late night", "late_night", "early"), 4, ["labels alike"]),
        (labels("Café", "cafe", "bar"), 3, ["labels alike"]),
        (labels("1", "1.0", "0", "0.0"), [0, 1], []),
        (labels("A", "A+", "A-", "B"), 4, []),
        (labels(*"abcdefghijklmnoptyfn"), None, []),
        (labels("typical", "atypical", "none of them"), 3, []),
        (labels("grade 1", "grade 10", "grade 2"), 3, []),
        (labels("yes ", "no "), ["no", "yes"], []),
        (labels("None", "Insomnia", "Apnea"), ["Apnea", "Insomnia", "None"], ["label or missing"]),
        (labels("NA", "EU", "AP"), ["AP", "EU", "NA"], ["label or missing"]),
        (labels("Unknown", "hi", "lo"), ["Unknown", "hi", "lo"], ["label or missing"]),
        (labels("caf\u00e9", "cafe\u0301", "bar"), ["bar", "caf\u00e9"], ["labels merged"]),
        (labels("0", "1", "9"), [0, 1, 9], ["code or missing"]),
        (labels("1", "2", "-1"), [-1, 1, 2], ["code or missing"]),
        (labels("-1", "0", "1"), [-1, 0, 1], []),
        (labels("7", "8", "9"), [7, 8, 9], []),
        (labels("missing", "found"), 2, ["label or missing"]),
        (labels("Unknown", "known"), 2, []),
    ],
)
def test_labels(values, classes, kinds):
    found = profile({"y": values})
    assert [w.kind for w in found.warnings] == kinds
    if isinstance(classes, list):
        assert sorted(found.target.classes) == classes
    elif classes:
        assert len(found.target.classes) == classes
    assert found.rows_dropped == {}


def test_the_owner_says_which_labels_are_one_or_none():
    values = labels("yes", "Yes.", "y", "no", "n/a")
    one = {"yes": ["y", "Yes."]}
    found = profile({"y": values}, merge_labels=one, missing=["n/a"])
    assert sorted(found.target.classes) == ["no", "yes"]
    assert found.rows_dropped["missing target"] == N / 5
    assert [w.kind for w in found.warnings] == ["rows lost"]


def test_labels_that_differ_in_case_stay_apart_where_the_owner_says_so():
    found = profile({"y": labels("a", "A", "b")}, merge_labels={"a": [], "A": []})
    assert sorted(found.target.classes) == ["A", "a", "b"]
    assert found.warnings == []


def test_spellings_of_a_missing_value_among_numbers_are_labels_lost():
    found = profile({"y": replaced(RNG.integers(0, 3, N), "NA", 0.02)})
    assert found.target.classes == [0, 1, 2]
    assert [(w.kind, w.examples) for w in found.warnings] == [("labels lost", ["NA"])]
    assert found.rows_dropped == {"missing target": 12}
    found = profile({"y": replaced([f"${v:.2f}" for v in AMOUNT], "unknown", 0.02)})
    assert found.target.task == "regression"
    assert [w.kind for w in found.warnings] == ["labels lost"]


def test_many_lost_rows_are_said_with_the_reasons():
    found = profile({"y": replaced(np.arange(N) % 2, "", 0.2)}).warnings
    assert [(w.kind, w.examples) for w in found] == [("rows lost", ["missing target: 120"])]
    assert said({"y": replaced(np.arange(N) % 2, "", 0.02)}) == []


def test_categories_alike_are_said():
    assert said({"c": labels("EU", "eu", "US")}) == [("c", "categories alike", False)]
    assert said({"c": labels("New York", "New  York", "Paris")}) == [
        ("c", "categories alike", False)
    ]
    assert said({"c": labels("EU ", "EU", "US")}) == []  # outer spaces are no difference


def test_a_name_that_is_counted_as_missing_is_said():
    names = ["Smith", "Jones", "van Dyk", "Null"]
    found = profile({"c": ["Null" if i % 90 == 0 else names[i % 3] for i in range(N)]})
    assert [(w.kind, w.examples) for w in found.warnings] == [("missing spellings", ["Null"])]


def test_a_level_that_the_owner_says_is_missing_is_one():
    columns = {"c": RNG.choice(["NA", "EU", "AP"], N)}
    assert said(columns) == [("c", "level or missing", True)]
    found = profile(columns, missing=["NA"])
    assert set(found.frame["c"].dropna()) == {"EU", "AP"}
    assert [w.kind for w in found.warnings] == ["missing spellings"]


def test_what_is_not_used_is_not_doubted():
    assert said({"c": replaced(AMOUNT, -999)}, drop=["c"]) == []


def test_examples_are_three_at_most():
    warning = odd.TableWarning("c", "kind", "Detail.", list("abcde"), "Remedy.")
    assert warning.to_json()["examples"] == ["a", "b", "c"]
