"""What each step brought is measured under the folds of the comparison, by what was split."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tabular.models import LINEAR, make_candidates, make_steps
from toolkit.evaluation.intervals import Units
from toolkit.splitting.folds import make_folds
from toolkit.tables.encoder import Encoder
from toolkit.tables.steps import COMPUTED, RAW, SAME, feature_groups, gains_between, measure
from toolkit.training.comparison import cross_validate
from toolkit.training.scoring import by_scorer

RNG = np.random.default_rng(0)
ROWS = 900
DAYS = np.arange(ROWS) // 15
COLUMNS = {
    "size": RNG.normal(size=ROWS),
    "rain": RNG.normal(size=60)[DAYS],
    "noise": RNG.normal(size=ROWS),
}
Y = (COLUMNS["size"] + 2 * COLUMNS["rain"] + RNG.normal(size=ROWS) > 0).astype(np.int64)
GROUPS = {"weather": ["rain", "snow"], "chance": ["noise"]}
TUNING = ("majority", "decision tree")  # stand for a model and the same one tuned
SKIP = ["rule", "random forest", "histogram gradient boosting", "LightGBM", "dense network"]


def derive(columns):
    return {"double": 2.0 * columns["size"]}


def measured(units, groups=GROUPS, skip=SKIP, task="binary", y=Y, metric="roc_auc"):
    encoder = Encoder(dict.fromkeys(COLUMNS, "number"), derive)
    found = feature_groups(groups, COLUMNS, ["double"])
    folds = make_folds(y, 3, classes=task == "binary", groups=DAYS)
    ladder = make_candidates(task, ROWS, None, skip, 0)
    scoring, beside = by_scorer(metric, y), make_steps(task, found)
    comparison = cross_validate(ladder, pd.DataFrame(COLUMNS), y, folds, scoring, encoder, beside)
    linear = LINEAR[task == "binary"]
    told = measure(comparison, found, linear, comparison.best, TUNING, y, units, scoring, 0)
    return comparison, told


def test_groups_are_those_the_table_has_and_what_is_computed_is_one():
    assert feature_groups(GROUPS, ["size", "rain"], ["double"]) == {
        "weather": ["rain"],
        COMPUTED: ["double"],
    }
    assert feature_groups({"mine": ["double"]}, ["size"], ["double"]) == {"mine": ["double"]}
    assert feature_groups({"all": ["size"]}, ["size"], []) == {}  # nothing to start from


@pytest.fixture(scope="module")
def by_day():
    return measured(Units("days", DAYS))


def test_each_step_is_measured_with_the_interval_of_its_gain(by_day):
    comparison, told = by_day
    rows = {row["name"]: row for row in told["rows"]}
    assert list(rows) == [
        "all features",
        "weather",
        "chance",
        COMPUTED,
        "choice of the model",
        "tuning",
    ]
    assert (told["unit"], told["units"]) == ("days", 60)
    assert rows["weather"]["columns"] == ["rain"]
    assert rows["weather"]["ci"][0] > 0.05
    assert rows["chance"]["ci"][0] < 0 < rows["chance"]["ci"][1] + 0.005
    for row in told["rows"]:
        first, second = comparison.result(row["from"]), comparison.result(row["to"])
        gain = np.mean(np.subtract(second.scores, first.scores))
        assert row["gain"] == pytest.approx(gain, abs=SAME)
        assert row["ci"][0] <= row["gain"] <= row["ci"][1]


def test_what_is_left_out_is_not_used(by_day):
    """The raw columns are `size` alone: whatever else the table holds changes nothing."""
    comparison, _ = by_day
    raw = comparison.result(RAW)
    for (_, rows), predictions in zip(comparison.folds, raw.predictions, strict=True):
        alone = roc_auc_score(Y[rows], COLUMNS["size"][rows])
        assert roc_auc_score(Y[rows], predictions[:, 1]) == pytest.approx(alone)


def test_measured_beside_is_not_on_the_ladder(by_day):
    comparison, _ = by_day
    names = [result.name for result in comparison.results]
    assert RAW not in names
    assert RAW not in [rung["name"] for rung in comparison.to_json(comparison.best, "")["rungs"]]


def test_what_was_split_is_resampled(by_day):
    """Days share their rain: drawn row by row, the gain of the weather would seem surer than it is."""
    width = [
        np.diff(next(row["ci"] for row in told["rows"] if row["name"] == "weather"))[0]
        for _, told in (by_day, measured(Units.of(ROWS)))
    ]
    assert width[0] > 1.3 * width[1]


def test_numbers_and_one_group_and_no_linear_model():
    y = COLUMNS["size"] + COLUMNS["rain"]
    skip = ["random forest", "histogram gradient boosting", "LightGBM", "dense network"]
    groups = {"weather": ["rain", "double"]}
    _, told = measured(Units("days", DAYS), groups, skip, "regression", y, "r2")
    assert [row["step"] for row in told["rows"]] == ["features", "model"]  # one group: all of them
    assert told["rows"][0]["gain"] > 0.3
    comparison, told = measured(Units("days", DAYS), skip=[*SKIP[1:], LINEAR[True]])
    assert told is None
    assert comparison.beside


def test_what_no_solver_can_tell_apart_is_nothing(by_day):
    comparison, _ = by_day
    one = comparison.results[2]
    scores = [score + 1e-8 for score in one.scores]
    other = replace(one, scores=scores)
    scoring = by_scorer("roc_auc", Y)
    (told,) = gains_between(comparison, [(one, other)], Y, Units.of(ROWS), scoring, 0)
    assert told == {"gain": 0.0, "ci": [0.0, 0.0]}
