"""The study of errors finds what was planted, and the sanity checks are checked against themselves."""

import numpy as np
import pandas as pd
import pytest
from tabular.features import derive
from tabular.models import make_candidates
from toolkit.error_analysis import failures, sanity_checks
from toolkit.evaluation import verdicts
from toolkit.evaluation.learning_curve import learning_curve
from toolkit.evaluation.slices import slices
from toolkit.profiling.contract import columns_from_frame
from toolkit.profiling.schema import Column, Schema, Target
from toolkit.project.errors import UserError
from toolkit.splitting.folds import make_folds
from toolkit.tables.dataset import Table
from toolkit.tables.encoder import encoder_for
from toolkit.training.comparison import cross_validate, named
from toolkit.training.scoring import by_scorer

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
    folds = make_folds(rows.y, 3, classes=True)
    points = learning_curve(rows.x, rows.y, folds, candidates, linear, "roc_auc", 0, encoder)
    sizes = [point["n"] for point in points]
    assert sizes == sorted(sizes)
    # It ends where the comparison measured the same candidate on the same rows.
    scoring = by_scorer("roc_auc", rows.y)
    compared = cross_validate([linear], rows.x, rows.y, folds, scoring, encoder)
    assert points[-1]["validation"] == pytest.approx(compared.results[0].scores[-1])
    assert points[-1]["folds"] == len(folds)


def test_a_learning_curve_has_a_row_of_each_class_at_every_point():
    rows = table()
    y = np.where(np.arange(ROWS) % 200 == 0, 2, rows.y)
    candidates = make_candidates("multiclass", ROWS, None, [], 0)
    tree = named(candidates, "decision tree")
    folds = make_folds(y, 5, classes=True)
    points = learning_curve(
        rows.x, y, folds, candidates, tree, "neg_log_loss", 0, encoder_for(rows.schema, derive)
    )
    assert len(points) == 3


LADDER = {
    "metric": "roc_auc",
    "best": "linear",
    "chosen": "linear",
    "standard_error": 0.01,
    "rungs": [
        {"name": "rule", "mean": 0.70},
        {"name": "linear", "mean": 0.80, "std": 0.01, "scores": [0.79, 0.80, 0.81],
         "ci": [0.77, 0.83], "gain_ci": [0.2, 0.4]},
    ],
}  # fmt: skip


def measured(**changed):
    """Test scores that agree with the ladder, but for what is changed."""
    primary = {"name": "roc_auc", "metric": "roc_auc", "cv_mean": 0.80}
    found = {
        "primary": primary,
        "chosen_rung": "linear",
        "baseline_rung": "majority",
        "intervals": {"roc_auc": [0.75, 0.81]},
        "gain": {"roc_auc": {"value": 0.28, "ci": [0.2, 0.3]}},
        "learning_curve": [
            {"n": 10, "validation": 0.7, "folds": 3},
            {"n": 90, "validation": 0.81, "folds": 3},
        ],
    }
    return {**found, **changed}


@pytest.mark.parametrize(
    ("rule", "low", "kind"),
    [
        (0.795, 0.2, "rule"),
        (0.70, 0.2, "model"),
        (0.70, -0.1, "baseline"),
        (0.795, -0.1, "baseline"),
    ],
)
def test_one_verdict_says_whether_a_rule_would_do(rule, low, kind):
    rungs = [{"name": "rule", "mean": rule}, LADDER["rungs"][1]]
    gain = {"roc_auc": {"value": 0.1, "ci": [low, 0.3]}}
    found = verdicts.verdict({**LADDER, "rungs": rungs}, measured(gain=gain), "rule")
    assert found["kind"] == kind
    assert verdicts.verdict(LADDER, measured(), "skipped")["kind"] == "model"


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, []),
        ({"intervals": {"roc_auc": [0.5, 0.6]}}, ["score"]),
        ({"gain": {"roc_auc": {"ci": [-0.1, 0.3]}}}, ["gain"]),
        ({"learning_curve": [{"n": 90, "validation": 0.6, "folds": 3}]}, ["curve"]),
        # The last fold has 0.81; the first has 0.79, which says nothing of it.
        ({"learning_curve": [{"n": 90, "validation": 0.79, "folds": 3}]}, ["curve"]),
        ({"learning_curve": [{"n": 90, "validation": 0.6, "folds": 5}]}, []),
        (
            {"verdict": {"kind": "model", "name": "rule", "test_gain": {"ci": [-0.2, -0.1]}}},
            ["rule"],
        ),
        ({"verdict": {"kind": "model", "name": "rule", "test_gain": {"ci": [-0.2, 0.1]}}}, []),
        ({"intervals": {}, "gain": {}, "learning_curve": []}, []),
    ],
)
def test_numbers_that_contradict_each_other_are_found(changed, kinds):
    found = verdicts.contradictions(LADDER, measured(**changed))
    assert [each["kind"] for each in found] == kinds


@pytest.mark.parametrize(
    ("metrics", "data", "words"),
    [
        ({"model_version": "v2"}, {}, "version is 'v2' in one and 'v1'"),
        ({"chosen_rung": "rule"}, {}, "chosen candidate is 'rule' in one and 'linear'"),
        ({"primary": {"cv_mean": 0.7}}, {}, "score in cross-validation is 0.7 in one and 0.8"),
        ({}, {"sha256": "b"}, "data.json and models.*digest is 'b' in one and 'a'"),
        ({"n_test": 8}, {"split": {"test": {"rows": 9}}}, "test rows is 9 in one and 8"),
    ],
)
def test_files_of_two_runs_are_not_told_together(metrics, data, words):
    metadata = {"model_version": "v1", "rung": "linear", "data_sha256": "a"}
    verdicts.require_one_run({"sha256": "a"}, LADDER, measured(), metadata)
    with pytest.raises(UserError, match=words):
        verdicts.require_one_run({"sha256": "a", **data}, LADDER, measured(**metrics), metadata)
