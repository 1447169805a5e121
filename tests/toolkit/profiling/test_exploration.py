"""What the training rows show: by class, in pairs, missing together, over time; of no other rows."""

import json

import numpy as np
import pandas as pd
import pytest
from toolkit.profiling.exploration import FEWEST, SPANS, explore
from toolkit.profiling.schema import Column, Schema, Target

RNG = np.random.default_rng(0)
N = 3000
Y = (RNG.random(N) < 0.3).astype(np.int64)
SIZE = RNG.normal(size=N) + 2.0 * Y
WHEN = np.datetime64("2024-01-01T00:00:00", "us") + np.arange(N) * np.timedelta64(3600, "s")
GAP = RNG.random(N) < 0.2
COLUMNS = {
    "when": WHEN,
    "size": np.where(GAP, np.nan, SIZE),
    "turned": -(SIZE**3),
    "colour": np.where(GAP, None, np.where(SIZE > 1, "red", "blue")).astype(object),
    "shade": np.where(SIZE > 1, "dark", "light").astype(object),
    "chance": RNG.normal(size=N),
    "is_new": np.where(RNG.random(N) < 0.5, 1.0, 0.0),
    "constant": np.ones(N),
    "signed_up": WHEN - np.timedelta64(30, "D") * SIZE.astype(np.int64),
    "note": np.array(["a text"] * N, object),
}
KINDS = dict(
    zip(
        COLUMNS,
        [
            "date",
            "number",
            "number",
            "category",
            "category",
            "number",
            "boolean",
            "number",
            "date",
            "text",
        ],
        strict=True,
    )
)
TRAIN = np.arange(N // 2)


def found(y=Y, columns=COLUMNS, task="binary", rows=TRAIN):
    classes = ["no", "yes"] if task == "binary" else None
    schema = Schema(
        target=Target(name="y", task=task, classes=classes),
        time="when",
        columns=[Column(name=name, kind=kind) for name, kind in KINDS.items()],
    )
    told = explore(schema, columns, y, rows, pd.Series(columns["when"]))
    return json.loads(json.dumps(told, allow_nan=False))  # as the file holds it


def test_a_date_is_no_number():
    """Its median would be days since 1970."""
    told = found()
    named = [*told["with_target"], *told["by_class"]]
    assert "signed_up" not in {row["column"] for row in named}
    assert "signed_up" not in {name for pair in told["pairs"] for name in pair["columns"]}


def test_pairs_have_the_measure_of_their_kinds():
    pairs = {frozenset(pair["columns"]): pair for pair in found()["pairs"]}
    numbers = pairs[frozenset({"size", "turned"})]
    assert numbers["measure"] == "Spearman correlation"
    assert (numbers["value"], numbers["signed"]) == (pytest.approx(1), pytest.approx(-1))
    categories = pairs[frozenset({"colour", "shade"})]
    assert categories == {"columns": categories["columns"], "measure": "Cramér's V", "value": 1.0}
    mixed = pairs[frozenset({"size", "shade"})]
    rows = TRAIN[~GAP[TRAIN]]
    size, dark = pd.Series(SIZE[rows]), COLUMNS["shade"][rows]
    by_hand = size.groupby(dark).transform("mean").var(ddof=0) / size.var(ddof=0)
    assert mixed["measure"] == "correlation ratio"
    assert mixed["value"] == pytest.approx(by_hand**0.5)
    assert pairs[frozenset({"chance", "is_new"})]["value"] < 0.1


def test_what_differs_most_by_class_comes_first():
    told = found()
    names = [row["column"] for row in told["with_target"]]
    assert names[0] == "size"
    assert not {"constant", "note", "when"} & set(names)
    first = next(row for row in told["by_class"] if row["column"] == "size")
    assert list(first["shares"]) == ["no", "yes"]
    assert first["medians"]["yes"] - first["medians"]["no"] == pytest.approx(2, abs=0.3)
    assert [sum(shares) for shares in first["shares"].values()] == pytest.approx([1, 1])
    shade = next(row for row in told["by_class"] if row["column"] == "shade")
    assert [sum(shares) for shares in shade["shares"].values()] == pytest.approx([1, 1])


def test_columns_missing_in_the_same_rows_are_one_pattern():
    missing = found()["missing"]
    assert missing["patterns"] == [{"columns": ["size", "colour"], "rows": int(GAP[TRAIN].sum())}]
    assert missing["complete"] == pytest.approx(1 - GAP[TRAIN].mean())


def test_the_target_over_time():
    over = found()["over_time"]
    assert over["from"][0] == "2024-01-01T00:00:00"
    assert len(over["rows"]) == SPANS
    assert sum(over["rows"]) == len(TRAIN)
    weighted = np.dot(over["rows"], [value or 0 for value in over["values"]["yes"]])
    assert weighted == pytest.approx(Y[TRAIN].sum(), abs=FEWEST)
    few = found(rows=np.arange(300))["over_time"]
    assert set(few["values"]["yes"]) == {None}  # 7 or 8 rows a span tell nothing


def test_a_number_is_looked_at_in_its_lowest_and_highest_third():
    told = found(SIZE, task="regression")
    by = {row["column"]: row for row in told["by_class"]}
    assert list(by["chance"]["shares"]) == ["lowest third", "highest third"]
    assert by["turned"]["medians"]["lowest third"] > by["turned"]["medians"]["highest third"]
    assert list(told["over_time"]["values"]) == [""]


def test_rows_of_the_test_set_change_nothing():
    other = {name: values.copy() for name, values in COLUMNS.items()}
    other["size"][N // 2 :] = 99.0
    other["shade"][N // 2 :] = None
    y = Y.copy()
    y[N // 2 :] = 1
    assert found(y, other) == found()


def test_a_table_without_gaps_pairs_or_time():
    schema = Schema(target=Target(name="y", task="binary", classes=["a", "b"]), columns=[])
    told = explore(schema, {}, Y, TRAIN)
    assert (told["pairs"], told["by_class"], told["over_time"]) == ([], [], None)
    assert told["missing"] == {"columns": {}, "complete": 1.0, "patterns": []}
