"""A search inside the fold: seeded, bounded by trials, pruned, and open about its edges."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tabular.models import TUNED, make_candidates, search_space
from toolkit.splitting.folds import make_folds
from toolkit.splitting.tables import folds_by_time
from toolkit.tables.tuning import Search
from toolkit.training.comparison import Candidate, CandidateUnavailable, cross_validate
from toolkit.training.scoring import by_scorer

RNG = np.random.default_rng(0)
ROWS = 600
X = RNG.normal(size=(ROWS, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] + 0.5 * RNG.normal(size=ROWS) > 0).astype(np.int64)
TIME = np.arange(ROWS)
FOLDS = folds_by_time(TIME, 3)
SCORING = by_scorer("roc_auc", Y)


def compared(search, inner=None):
    ladder = make_candidates("binary", ROWS, None, [], 0, search)
    kept = [ladder[0], ladder[-1]]
    inner = inner or (lambda rows: folds_by_time(TIME[rows], 3))
    return cross_validate(kept, X, Y, FOLDS, SCORING, inner=inner)


def search(trials=16, seconds=600.0):
    return Search(search_space(ROWS), trials, 4, seconds, 0)


def test_the_same_rows_give_the_same_settings_and_trials_are_counted():
    one, two = search(), search()
    first, second = compared(one).result(TUNED), compared(two).result(TUNED)
    assert first.settings == second.settings
    assert first.scores == second.scores
    assert len(one.trials_) == 3 * 4  # 16 are for three folds and the refit
    assert [trial["score"] for trial in one.trials_] == [trial["score"] for trial in two.trials_]
    told = one.to_json()
    assert (told["trials"], told["searches"]) == (12, 3)
    assert compared(one).to_json(first, "")["rungs"][-1]["settings"] == first.settings


def test_a_search_sees_the_training_rows_of_its_fold_only_and_earlier_ones_train():
    seen = []

    def inner(rows):
        seen.append(rows)
        folds = folds_by_time(TIME[rows], 3)
        assert all(train.max() < held.min() for train, held in folds)
        return folds

    compared(search(4), inner)
    assert [rows.max() for rows in seen] == [train.max() for train, _ in FOLDS]


def test_the_best_trial_is_taken_and_bad_ones_are_pruned():
    tried = search(60)
    found = compared(tried).result(TUNED).settings
    for number, settings in enumerate(found, 1):
        trials = [trial for trial in tried.trials_ if trial["search"] == number]
        whole = [trial for trial in trials if not trial["pruned"]]
        assert max(whole, key=lambda trial: trial["score"])["settings"] == settings
    assert tried.to_json()["pruned"] > 0


def test_a_cap_in_seconds_is_a_warning():
    hurried = search(16, seconds=1e-9)
    compared(hurried)
    told = hurried.to_json()
    assert told["trials"] == 3  # one a search, always
    assert "3 of 3 searches were ended by `tuning.seconds`" in told["warnings"][0]


def test_an_edge_that_most_searches_reach_is_a_warning():
    strength = Search({"C": (1e-6, 1e-4)}, 40, 4, 600, 0)

    def build(_, **settings):
        return LogisticRegression(**settings)

    ladder = [Candidate("first", "", build), Candidate("second", "", build, settle=strength)]
    y = (X[:, 0] + 0.1 * X[:, 1] > 0).astype(int)

    def inner(rows):
        return make_folds(y[rows], 3, classes=True)

    cross_validate(ladder, X, y, FOLDS, by_scorer("neg_log_loss", y), inner=inner)
    assert [text for text in strength.to_json()["warnings"] if "0.0001, the edge" in text]
    assert not search().to_json()["warnings"]


def test_what_cannot_be_searched_for_is_left_out_whole():
    def inner(rows):
        if len(rows) > 200:
            raise ValueError("one class only")
        return folds_by_time(TIME[rows], 3)

    done = compared(search(4), inner)
    assert [result.name for result in done.results] == ["majority"]
    assert "one class only" in done.left_out[0]["reason"]
    with pytest.raises(CandidateUnavailable):
        search()(lambda: None, X, Y, inner, SCORING)
