"""A network learns as long as rows held out in the way of the split say, never random ones."""

import numpy as np
import pandas as pd
import pytest
from tabular.features import derive
from tabular.models import NETWORK, make_candidates
from toolkit.tables.encoder import Encoder
from toolkit.training.comparison import cross_validate, named
from toolkit.training.scoring import by_scorer

RNG = np.random.default_rng(0)
ROWS = 800
GROUPS = np.repeat(np.arange(40), 20)
# What a group is like can be learnt by heart, and says nothing of the next group.
MARKS = RNG.normal(size=(40, 12))[GROUPS]
COLUMNS = {f"mark {i}": MARKS[:, i] + 0.01 * RNG.normal(size=ROWS) for i in range(12)}
COLUMNS["size"] = RNG.normal(size=ROWS)
LUCK = RNG.normal(size=40)[GROUPS]
CLASSES = (COLUMNS["size"] + 2 * LUCK > 0).astype(np.int64)
ENCODER = Encoder(dict.fromkeys(COLUMNS, "number"), derive)


def settled(task, y, metric, inner):
    matrix = ENCODER.fit(COLUMNS, y).transform(COLUMNS)
    candidate = named(make_candidates(task, ROWS, None, [], 0), NETWORK)
    return candidate.settled(ENCODER, matrix, y, inner, by_scorer(metric, y))["epochs"]


def by_group(rows):
    held = GROUPS[rows] >= 30
    return [(np.flatnonzero(~held), np.flatnonzero(held))]


def at_random(rows):
    held = np.arange(len(rows)) % 4 == 3
    return [(np.flatnonzero(~held), np.flatnonzero(held))]


@pytest.mark.parametrize(
    ("task", "y", "metric"),
    [
        ("binary", CLASSES, "roc_auc"),
        ("regression", 1e9 + COLUMNS["size"] + 2 * LUCK, "neg_mean_absolute_error"),
    ],
)
def test_random_rows_would_let_it_learn_groups_by_heart(task, y, metric):
    assert settled(task, y, metric, by_group) < settled(task, y, metric, at_random)


def test_each_fold_settles_on_its_own_training_rows():
    seen = []

    def inner(rows):
        seen.append(rows)
        return by_group(rows)

    ladder = [
        each
        for each in make_candidates("binary", ROWS, None, [], 0)
        if each.name in ("majority", NETWORK)
    ]
    folds = [np.split(np.arange(ROWS), [20 * groups]) for groups in (34, 36)]
    done = cross_validate(
        ladder,
        pd.DataFrame(COLUMNS),
        CLASSES,
        folds,
        by_scorer("roc_auc", CLASSES),
        ENCODER,
        inner=inner,
    )
    assert [rows.tolist() for rows in seen] == [train.tolist() for train, _ in folds]
    network = done.result(NETWORK)
    assert [set(each) for each in network.settings] == [{"epochs"}] * 2
    assert ladder[-1].given({"epochs": 7}).build(ENCODER.fit(COLUMNS, CLASSES))[-1].max_iter == 7
