"""What matters least is found inside a fold's training rows, dropped, and the rest refitted."""

import numpy as np
import pandas as pd
import pytest
from tabular.models import LINEAR, RULE, make_candidates
from toolkit.profiling.schema import Column, Schema, Target
from toolkit.splitting.folds import make_folds
from toolkit.tables.dataset import Table
from toolkit.tables.encoder import Encoder
from toolkit.tables.selection import drop_least
from toolkit.training.comparison import cross_validate, named
from toolkit.training.scoring import by_scorer

RNG = np.random.default_rng(0)
ROWS = 1200
X = pd.DataFrame(RNG.normal(size=(ROWS, 9)), columns=[f"x{i}" for i in range(9)])
GAP = RNG.random(ROWS) < 0.5
X["gap"] = np.where(GAP, np.nan, X["x0"])  # tells by its gaps alone
X = X.drop(columns="x0")
Y = (X.filter(regex="x[1-7]").sum(axis=1) + 3 * GAP + RNG.normal(size=ROWS) > 1.5).to_numpy(int)
SCHEMA = Schema(
    target=Target(name="y", task="binary", classes=["0", "1"], positive="1"),
    columns=[Column(name=name, kind="number") for name in X],
)
LADDER = make_candidates("binary", ROWS, "x1", [], 0)
FOLDS = make_folds(Y, 3, classes=True)


def derive(columns):
    return {"noise": columns["x8"] ** 2}


def dropped(y=Y, folds=FOLDS, name=LINEAR[True], x=X):
    scoring, encoder = by_scorer("roc_auc", Y), Encoder(dict.fromkeys(x, "number"), derive)
    candidates = [named(LADDER, each) for each in dict.fromkeys(["majority", name])]
    comparison = cross_validate(candidates, x, y, folds, scoring, encoder)

    def inner(rows):
        return make_folds(y[rows], 3, classes=True)

    chosen = comparison.results[-1]
    table = Table(SCHEMA, x, x, y)
    told = drop_least(comparison, chosen, LADDER, table, scoring, encoder, inner, 0)
    return comparison, chosen, told


@pytest.fixture(scope="module")
def found():
    return dropped()


def test_the_fifth_that_says_nothing_goes(found):
    _, _, told = found
    assert (told["features"], told["dropped"]) == (10, 2)  # with the one that is computed
    assert {row["name"] for row in told["least"]} == {"x8", "noise"}
    assert [row["folds"] for row in told["least"]] == [3, 3]
    assert max(row["importance"] for row in told["least"]) < 0.003


def test_score_and_seconds_before_and_after(found):
    _, chosen, told = found
    before, after = told["before"], told["after"]
    assert before["mean"] == pytest.approx(chosen.mean)  # few rows: all of them are used
    assert told["gain"] == pytest.approx(after["mean"] - before["mean"])
    assert told["ci"][0] <= told["gain"] <= told["ci"][1]
    assert abs(told["gain"]) < 0.005
    assert min(before["fit_seconds"], after["fit_seconds"]) > 0
    assert min(before["predict_seconds"], after["predict_seconds"]) > 0


def test_the_rows_it_is_scored_on_have_no_say():
    """Of a fold whose held rows say the opposite, the same is dropped; only the score differs."""
    train, validation = FOLDS[0]
    turned = Y.copy()
    turned[validation] = 1 - turned[validation]
    (*_, plain), (*_, other) = (dropped(y, [(train, validation)]) for y in (Y, turned))
    assert plain["least"] == other["least"]
    assert plain["after"]["mean"] == pytest.approx(1 - other["after"]["mean"])


def test_nothing_is_told_of_few_features_or_of_a_rule_without_its_own():
    assert dropped(x=X[["x1", "x8", "gap"]])[2] is None
    _, _, told = dropped(name=RULE)
    assert told is None or "x1" not in [row["name"] for row in told["least"]]
