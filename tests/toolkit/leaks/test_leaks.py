"""Each leak check with a planted leak, and on the same table without it."""

import numpy as np
import pandas as pd
import pytest
from tabular import data
from tabular.settings import Params
from toolkit import leaks
from toolkit.profiling import columns as profiling
from toolkit.profiling import contract
from toolkit.reading.settings import Data
from toolkit.reading.tables import Table

N = 600
CHECKS = [
    "single-feature",
    "target-arithmetic",
    "duplicates-across-split",
    "entities-across-split",
    "random-folds-with-time",
    "constant-within-target",
]


def table(task="binary", **planted):
    """Four honest columns and a target that depends on two of them with noise."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(10, 2, size=(N, 3)), columns=["a", "b", "c"])
    frame["colour"] = rng.choice(["red", "green", "blue"], N)
    signal = frame["a"] - frame["b"] + rng.normal(0, 2, N)
    frame["y"] = {
        "binary": signal > 1,
        "multiclass": np.digitize(signal, [-1, 2]),
        "regression": signal,
    }[task]
    for name, make in planted.items():
        frame[name] = make(frame, rng)
    return frame


def check(frame, name, **settings):
    """Run all checks on a table; return the named one."""
    given = Data(target="y", **settings)
    found = profiling.run(Table(frame, "t"), given)
    described = contract.infer(found.frame, found, given)
    split = data.split(found, given, Params(data=given))
    columns = contract.columns_from_frame(described, found.frame)
    findings = leaks.run(found, split, columns, found.y)
    assert [finding.check for finding in findings] == CHECKS
    return next(finding for finding in findings if finding.check == name)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", CHECKS)
def test_an_honest_table_passes(task, name):
    assert check(table(task), name).status == "passed"


def test_one_column_that_knows_the_answer():
    def copy(f, rng):
        return f["y"].astype(float) + rng.normal(0, 0.01, N)

    for task in ("binary", "multiclass", "regression"):
        finding = check(table(task, knows=copy), "single-feature")
        assert (finding.status, finding.columns) == ("failed", ["knows"])
    words = table(verdict=lambda f, rng: np.where(f["y"], "was late", "on time"))
    words.loc[:3, "verdict"] = "unclear"
    assert check(words, "single-feature").columns == ["verdict"]
    steep = table("regression", cube=lambda f, rng: np.exp(f["y"]))
    assert check(steep, "single-feature").status == "failed"


@pytest.mark.parametrize(
    ("formula", "used"),
    [
        (lambda f: f["a"] + f["b"] - 2 * f["c"], {"a", "b", "c"}),
        (lambda f: f["a"] - f["b"], {"a", "b"}),
        (lambda f: f["a"] * f["b"], {"a", "b"}),
        (lambda f: (f["a"] - 10) * (f["b"] - 10), None),
        (lambda f: 3 * f["a"] / f["c"], {"a", "c"}),
    ],
)
def test_arithmetic_that_gives_a_number(formula, used):
    frame = table("regression")
    frame["y"] = formula(frame).round(4)
    finding = check(frame, "target-arithmetic")
    if used is None:  # a product of centred columns is none of its own columns
        assert finding.status == "passed"
    else:
        assert (finding.status, set(finding.columns)) == ("failed", used)


@pytest.mark.parametrize(
    ("formula", "used"),
    [
        (lambda f: f["a"] - f["b"] >= 1, {"a", "b"}),
        (lambda f: f["a"] / f["c"] > 1.1, {"a", "c"}),
        (lambda f: f["a"] + f["b"] + f["c"] > 31, {"a", "b", "c"}),
    ],
)
def test_arithmetic_cut_at_a_threshold(formula, used):
    frame = table()
    frame["y"] = formula(frame)
    finding = check(frame, "target-arithmetic")
    assert (finding.status, set(finding.columns)) == ("failed", used)


def test_dates_take_part_in_arithmetic():
    frame = table()
    frame["due"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N) * 7919 % N, "D")
    frame["done"] = frame["due"] + pd.to_timedelta((frame["a"] * 10).astype(int), "D")
    frame["y"] = (frame["done"] - frame["due"]).dt.days > 100
    frame = frame.drop(columns="a")
    finding = check(frame, "target-arithmetic")
    assert set(finding.columns) == {"due", "done"}


def test_one_wrong_cell_does_not_hide_a_formula():
    frame = table("regression")
    frame["y"] = frame["a"] + frame["b"]
    frame.loc[5, "y"] = 1e6
    assert check(frame, "target-arithmetic").status == "failed"


def test_copies_on_both_sides():
    frame = pd.concat([table().head(N // 2)] * 2, ignore_index=True)
    finding = check(frame, "duplicates-across-split")
    assert finding.status == "failed"
    assert "are copies of training rows" in finding.detail
    few = table()[["colour", "y"]]
    assert check(few, "duplicates-across-split").status == "warning"


def test_entities_on_both_sides():
    frame = table(patient_id=lambda f, rng: rng.integers(0, 100, N))
    finding = check(frame, "entities-across-split")
    assert (finding.status, finding.columns) == ("warning", ["patient_id"])
    assert "data.group: patient_id" in finding.remedy
    assert check(frame, "entities-across-split", group="patient_id").status == "passed"


def test_a_date_with_a_random_split():
    def days(f, rng):
        return pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 300, N), "D")

    frame = table(seen_on=days)
    finding = check(frame, "random-folds-with-time")
    assert (finding.status, finding.columns) == ("warning", ["seen_on"])
    assert check(frame, "random-folds-with-time", time="seen_on").status == "passed"


def test_a_column_filled_in_after_the_outcome():
    frame = table(refund=lambda f, rng: np.where(f["y"], rng.normal(50, 9, N), 0.0))
    finding = check(frame, "constant-within-target")
    assert (finding.status, finding.columns) == ("failed", ["refund"])
    frame = table(closed_by=lambda f, rng: np.where(f["y"], rng.choice(["x", "z"], N), None))
    finding = check(frame, "constant-within-target")
    assert finding.columns == ["closed_by"]
    assert "is missing in all" in finding.detail
