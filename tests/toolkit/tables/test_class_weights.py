"""Weights move probabilities; recalibrated, they decide as a threshold by cost does."""

import numpy as np
import pandas as pd
import pytest
from tabular.models import LINEAR, WEIGHTED, make_candidates, make_weighted
from toolkit.evaluation.intervals import Units
from toolkit.splitting.folds import make_folds
from toolkit.tables.class_weights import compare_weights, is_rare
from toolkit.tables.encoder import Encoder
from toolkit.training.comparison import cross_validate, named
from toolkit.training.scoring import by_scorer

RNG = np.random.default_rng(0)
ROWS = 3000
X = pd.DataFrame({"size": RNG.normal(size=ROWS), "age": RNG.normal(size=ROWS)})
Y = (X["size"] + RNG.logistic(size=ROWS) > 2.5).to_numpy(np.int64)
COSTS = {"false_positive": 1, "false_negative": 5}


@pytest.fixture(scope="module")
def found():
    encoder = Encoder({"size": "number", "age": "number"}, lambda _: {})
    ladder = make_candidates("binary", ROWS, None, [], 0)
    comparison = cross_validate(
        [ladder[0], named(ladder, LINEAR[True])],
        X,
        Y,
        make_folds(Y, 4, classes=True),
        by_scorer("roc_auc", Y),
        encoder,
        beside=[make_weighted()],
    )
    units = Units.of(ROWS)
    return compare_weights(comparison, LINEAR[True], WEIGHTED, Y, COSTS, units, 0)


def test_a_rare_class_is_less_than_a_third():
    assert is_rare(Y)
    assert is_rare(1 - Y)
    assert not is_rare(np.arange(10) % 2)


def test_weights_find_more_at_probabilities_that_are_off(found):
    plain, weighted, recalibrated, by_cost = found["rows"]
    assert weighted["recall"] > plain["recall"] + 0.3
    assert weighted["brier"] > plain["brier"] + 0.03
    assert recalibrated["brier"] == pytest.approx(plain["brier"], abs=0.002)
    assert by_cost["brier"] == plain["brier"]


def test_a_threshold_by_cost_needs_no_weights(found):
    plain, weighted, recalibrated, by_cost = (row["cost_per_1000"] for row in found["rows"])
    assert by_cost < min(plain, weighted) + 5
    assert by_cost < plain - 20
    saved = found["saved"]
    assert saved["value"] == pytest.approx(recalibrated - by_cost)
    assert saved["ci"][0] <= saved["value"] <= saved["ci"][1]
