"""The comparison is fair, the rule is the rule, and gains carry honest intervals."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from tabular.models import mean_of
from tabular.train import choose
from toolkit.project.errors import UserError
from toolkit.splitting.folds import make_folds
from toolkit.training.comparison import (
    Candidate,
    CandidateUnavailable,
    Comparison,
    Result,
    cross_validate,
    gain_interval,
    refit,
)
from toolkit.training.scoring import by_scorer, score_predictions

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 3))
Y = (X[:, 0] + 0.3 * RNG.normal(size=400) > 0).astype(int)
FOLDS = make_folds(Y, 5, classes=True)
LADDER = [
    Candidate("majority", "knows nothing", lambda _: DummyClassifier()),
    Candidate("linear", "adds up", lambda _: LogisticRegression()),
    Candidate("tree", "asks", lambda _: DecisionTreeClassifier(max_depth=3)),
    Candidate("vote", "both", lambda _, *voters: mean_of(voters, True), ("linear", "tree")),
]


def compared(*scores):
    results = [Result(Candidate(f"candidate {i}", "", None), list(s)) for i, s in enumerate(scores)]
    return Comparison("accuracy", FOLDS, results, [])


def test_the_simplest_candidate_within_one_standard_error_is_chosen():
    best = [0.90, 0.92, 0.94, 0.96, 0.98]  # mean 0.94, standard error 0.0141
    assert choose(compared([0.5] * 5, [0.926] * 5, best)).name == "candidate 1"
    assert choose(compared([0.5] * 5, [0.925] * 5, best)).name == "candidate 2"


@pytest.mark.parametrize(("metric", "perfect"), [("accuracy", 1.0), ("neg_log_loss", 0.0)])
def test_no_interval_of_a_score_goes_beyond_the_best_one(metric, perfect):
    scores = perfect - np.array([0.0, 0.0, 0.3, 0.0, 0.0])
    comparison = replace(compared(scores), metric=metric)
    (rung,) = comparison.to_json(comparison.best, "")["rungs"]
    assert rung["ci"][1] == perfect
    assert rung["ci"][0] < gain_interval(scores, FOLDS)[1] - 0.2


def test_folds_drawn_again_bring_no_new_rows_to_the_standard_error():
    one, four = (
        cross_validate(LADDER[:1], X, Y, FOLDS * times, by_scorer("roc_auc", Y)).results[0]
        for times in (1, 4)
    )
    one.scores = [0.5, 0.6, 0.7, 0.8, 0.9]
    four.scores = one.scores * 4
    assert four.standard_error == pytest.approx(four.std / np.sqrt(5))
    assert one.standard_error == pytest.approx(one.std / np.sqrt(5))


def test_gain_interval_is_the_corrected_one():
    differences = np.array([0.01, 0.02, 0.03, 0.02, 0.01])
    variance = (1 / 5 + 80 / 320) * differences.var(ddof=1)
    half = stats.t.ppf(0.975, 4) * np.sqrt(variance)
    low, high = gain_interval(differences, FOLDS)
    assert (low, high) == pytest.approx((0.018 - half, 0.018 + half))


def test_every_candidate_sees_the_same_folds_and_the_vote_averages():
    done = cross_validate(LADDER, X, Y, FOLDS, by_scorer("roc_auc", Y))
    assert [len(result.scores) for result in done.results] == [5, 5, 5, 5]
    vote, linear, tree = (done.result(name) for name in ("vote", "linear", "tree"))
    expected = (linear.predictions[0] + tree.predictions[0]) / 2
    np.testing.assert_allclose(vote.predictions[0], expected)
    assert done.to_json(done.best, "the best")["rungs"][0]["gain"] == 0


class Spy(TransformerMixin, BaseEstimator):
    """Remembers on which rows it was fitted."""

    seen: ClassVar[list] = []

    def fit(self, x, y):
        self.seen.append({float(v) for v in x[:, 0]})
        return self

    def transform(self, x):
        return x


def test_the_encoder_is_fitted_inside_the_fold():
    Spy.seen.clear()
    cross_validate(LADDER, X, Y, FOLDS, by_scorer("roc_auc", Y), encoder=Spy())
    assert len(Spy.seen) == 5
    for rows, (train, validation) in zip(Spy.seen, FOLDS, strict=True):
        assert rows == set(X[train, 0])
        assert not rows & set(X[validation, 0])


def test_a_candidate_that_cannot_be_had_is_left_out_with_its_reason():
    def build(_):
        raise CandidateUnavailable("its weights are not here")

    done = cross_validate(
        [*LADDER[:2], Candidate("network", "", build)], X, Y, FOLDS, by_scorer("roc_auc", Y)
    )
    assert done.left_out == [{"name": "network", "reason": "its weights are not here"}]
    assert [result.name for result in done.results] == ["majority", "linear"]


def test_a_candidate_that_fails_is_named():
    wrong = Candidate("wrong", "", lambda _: LogisticRegression(C=-1))
    with pytest.raises(UserError, match=r"`wrong` could not be fitted.*ladder\.skip"):
        cross_validate([LADDER[0], wrong], X, Y, FOLDS, by_scorer("roc_auc", Y))


def test_a_class_the_fold_lacks_gets_probability_zero():
    y = np.array([0] * 60 + [1] * 60 + [2] * 4)
    order = np.arange(124)
    folds = [(order[:119], order[60:]), (order[5:], order[:70])]
    done = cross_validate(LADDER[:2], X[:124], y, folds, by_scorer("accuracy", y))
    assert done.results[0].predictions[0].shape == (64, 3)
    assert done.results[0].predictions[0][:, 2].max() == 0


def test_metrics_that_do_not_fit_are_named():
    with pytest.raises(UserError, match="Did you mean roc_auc"):
        by_scorer("roc_auk", Y)
    with pytest.raises(UserError, match="`roc_auc`"):
        score_predictions("roc_auc", np.full((4, 3), 1 / 3), np.array([0, 1, 2, 0]))


def test_values_are_scored_as_scikit_learn_does():
    y = X @ [1.0, 2.0, 3.0]
    model = LinearRegression().fit(X[:, :2], y)
    expected = model.score(X[:, :2], y)
    assert score_predictions("r2", model.predict(X[:, :2]), y) == pytest.approx(expected)


def test_refit_fits_the_members_of_a_vote():
    model = refit(LADDER[3], LADDER, None, X, Y)
    assert [type(member).__name__ for member in model.estimators_] == [
        "LogisticRegression",
        "DecisionTreeClassifier",
    ]
