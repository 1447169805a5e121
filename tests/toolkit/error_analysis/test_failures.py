"""The study of errors finds what was planted, and the sanity checks are checked against themselves."""

import numpy as np
import pandas as pd
import pytest
from tabular.features import derive
from tabular.models import make_candidates
from toolkit.error_analysis import failures, sanity_checks
from toolkit.evaluation import judgements
from toolkit.evaluation.learning_curve import learning_curve
from toolkit.evaluation.slices import slices
from toolkit.profiling.contract import columns_from_frame
from toolkit.profiling.schema import Column, Schema, Target
from toolkit.splitting.folds import make_folds
from toolkit.tables.dataset import Table
from toolkit.tables.encoder import encoder_for
from toolkit.training.comparison import named

RNG = np.random.default_rng(0)
ROWS = 1200


def table(*, by_day: bool = False) -> Table:
    """Rows on which `size` and `city` tell the class; with `by_day`, days have moods of their own."""
    day = np.arange(ROWS) // 40
    mood = np.random.default_rng(7).normal(size=ROWS // 40 + 1)[day]
    frame = pd.DataFrame(
        {
            "size": RNG.normal(size=ROWS),
            "noise": RNG.normal(size=ROWS),
            "mood": day + RNG.normal(scale=0.01, size=ROWS),
            "city": RNG.choice(["north", "south", "west"], ROWS),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), "h"),
        }
    )
    signal = 3 * mood if by_day else 3 * frame["size"].to_numpy()
    frame["late"] = signal + RNG.normal(size=ROWS) > 0
    schema = Schema(
        target=Target(name="late", task="binary", classes=[False, True], positive=True),
        time="when" if by_day else None,
        columns=[
            Column(name="size", kind="number"),
            Column(name="noise", kind="number"),
            Column(name="mood", kind="number"),
            Column(name="city", kind="category"),
        ],
    )
    columns = columns_from_frame(schema, frame)
    x = pd.DataFrame({name: pd.Series(v, dtype=v.dtype) for name, v in columns.items()})
    return Table(schema, frame, x, frame["late"].to_numpy().astype(np.int64))


def test_the_weak_slice_is_found_with_its_interval():
    rows = table()
    in_north = rows.x["city"].to_numpy() == "north"
    loss = np.where(in_north, 1.0, 0.2) + RNG.normal(scale=0.05, size=ROWS)
    found = slices(rows.x, loss, "log_loss")
    assert (found[0]["column"], found[0]["value"]) == ("city", "north")
    assert found[0]["n"] == in_north.sum()
    low, high = found[0]["ci"]
    assert low < found[0]["score"] < high
    assert found[0]["score"] == pytest.approx(1, abs=0.02)
    assert found[0]["finding"]


def test_even_errors_give_few_findings():
    found = slices(table().x, RNG.exponential(size=ROWS), "log_loss")
    assert sum(s["finding"] for s in found) <= 3  # about one in twenty by chance


def test_the_worst_rows_are_the_worst():
    loss = np.zeros(ROWS)
    loss[[5, 9]] = [1, 2]
    rows, even = table(), np.full((ROWS, 2), 0.5)
    cases = failures.worst_cases(rows, loss, even, np.zeros(ROWS, dtype=int))
    assert [case["row"] for case in cases[:2]] == [9, 5]
    assert len(cases) == 20
    assert set(cases[0]["values"]) == {"size", "noise", "mood", "city"}


def test_unequal_treatment_is_measured():
    rows = table()
    south = rows.x["city"].to_numpy() == "south"
    (section,) = failures.fairness(rows, ["city"], rows.y, np.where(south, 0, 1))
    assert section["differences"]["selection_rate"] == 1
    assert {g["value"]: g["n"] for g in section["groups"]}["south"] == south.sum()


def test_the_column_that_tells_is_the_most_important():
    rows = table()
    encoder = encoder_for(rows.schema, derive).fit(rows.x, rows.y)
    position = encoder.names_.index("size")

    class Model:
        def matrix_outputs(self, matrix):
            late = 1 / (1 + np.exp(-3 * matrix[:, position]))
            return np.column_stack([1 - late, late])

    def loss(y, probabilities):
        return (y - probabilities[:, 1]) ** 2

    ranked = failures.importance(rows, encoder, Model(), loss, 0)
    assert ranked[0]["column"] == "size"
    assert {entry["mean"] for entry in ranked[1:]} == {0}


def test_a_random_split_flatters_where_days_differ():
    rows = table(by_day=True)
    cut = 960
    sides = [
        Table(rows.schema, rows.raw.iloc[s], rows.x.iloc[s].reset_index(drop=True), rows.y[s])
        for s in (slice(0, cut), slice(cut, ROWS))
    ]
    candidates = make_candidates("binary", cut, None, [], 0)
    tree = named(candidates, "decision tree")
    encoder = encoder_for(rows.schema, derive)
    found = sanity_checks.random_split(*sides, encoder, candidates, tree, "roc_auc", 0)
    assert found["random_split"] > found["time_split"] + 0.2


def test_a_learning_curve_has_growing_sizes():
    rows = table()
    candidates = make_candidates("binary", ROWS, None, [], 0)
    linear = named(candidates, "logistic regression")
    encoder = encoder_for(rows.schema, derive)
    fold = make_folds(rows.y, 5, classes=True)[-1]
    points = learning_curve(rows.x, rows.y, fold, candidates, linear, "roc_auc", 0, encoder)
    sizes = [point["n"] for point in points]
    assert sizes == sorted(sizes)
    assert points[-1]["validation"] > 0.9


@pytest.mark.parametrize(("rule", "answer"), [(0.795, True), (0.70, False)])
def test_a_rule_does_within_one_standard_error(rule, answer):
    ladder = {
        "metric": "roc_auc",
        "best": "linear",
        "standard_error": 0.01,
        "rungs": [{"name": "rule", "mean": rule}, {"name": "linear", "mean": 0.80}],
    }
    found = judgements.rule_would_do(ladder, "rule")
    assert found["answer"] is answer
