"""The threshold is the cheapest of all; the rows in most doubt are those that cost most."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.evaluation.intervals import Units
from toolkit.evaluation.review import coverage, judge_review, plan_review
from toolkit.training.decisions import (
    bounds_of,
    choose_cutoff,
    cost_of_rows,
    decide,
    doubt,
    fit_interval,
    fit_sets,
)
from toolkit.training.threshold import cheapest_threshold

COSTS = {"false_positive": 1.0, "false_negative": 5.0}
CLASSES = {"threshold": None, "interval": None}


def total_cost(truth, probability, threshold, false_positive, false_negative):
    costs = {"false_positive": false_positive, "false_negative": false_negative}
    both = np.column_stack([1 - probability, probability])
    return cost_of_rows(truth.astype(int), decide(both, threshold), costs).sum()


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=40),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_no_other_threshold_is_cheaper(rows, false_positive, false_negative):
    truth = np.array([t for t, _ in rows])
    probability = np.array([p / 20 for _, p in rows])
    best = cheapest_threshold(truth, probability, false_positive, false_negative)

    def cost(threshold):
        return total_cost(truth, probability, threshold, false_positive, false_negative)

    # A threshold of 1 calls even a certain row positive; above 1 none is called.
    assert cost(best) <= min(cost(t) for t in [*np.linspace(0, 1, 81)])


def test_calibrated_probabilities_give_the_threshold_of_theory():
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=200_000)
    truth = rng.uniform(size=200_000) < probability
    assert cheapest_threshold(truth, probability, 1, 4) == pytest.approx(0.2, abs=0.03)


def test_a_dear_miss_lowers_it():
    truth = np.array([False, True] * 50)
    probability = np.linspace(0, 1, 100)
    dear_miss = cheapest_threshold(truth, probability, 1, 20)
    dear_alarm = cheapest_threshold(truth, probability, 20, 1)
    assert dear_miss < dear_alarm


def test_doubt_is_the_expected_cost_of_the_best_decision():
    assert doubt([0.5, 0.2, 0.3], None) == 0.5
    # The dearest rows are those at the threshold of theory, 1 / 6, not those at 0.5.
    assert doubt([5 / 6, 1 / 6], COSTS) == pytest.approx(5 / 6)
    assert doubt([0.5, 0.5], COSTS) == 0.5
    assert doubt([0.98, 0.02], COSTS) == pytest.approx(0.1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.floats(0, 1))
def test_the_cut_off_marks_at_most_the_share(values, share):
    doubts = np.array(values, dtype=float)
    cutoff = choose_cutoff(doubts, share)
    least = sorted(set(values))[-1:]
    if cutoff is None:  # the rows in most doubt are all there are, or more than the share
        assert len(set(values)) == 1 or np.mean(np.isin(doubts, least)) > share
    else:
        assert 0 < np.mean(doubts > cutoff) <= share


def planned(flipped: np.ndarray, share: float = 0.05):
    """Review of 2,000 predictions whose class is wrong with the odds in `flipped`."""
    rng = np.random.default_rng(0)
    p = np.linspace(0.5, 1, 2000)
    y = (rng.uniform(size=2000) < flipped).astype(int)
    both = np.column_stack([p, 1 - p])
    return both, y, plan_review(y, both, CLASSES, share, None, Units.of(2000))


def test_review_is_on_where_doubt_finds_the_mistakes():
    p = np.linspace(0.5, 1, 2000)
    both, y, review = planned(1 - p)
    assert review["on"]
    assert review["marked"] == 0.05
    assert review["ci"][0] > 0.05
    again = judge_review(y, both, {**CLASSES, "review": review}, Units.of(2000))
    assert again["yield"] == review["yield"]
    assert again["where"] == "on the test set"


@pytest.mark.parametrize(
    ("flipped", "share", "reason"),
    [
        (0.2, 0.05, "not clearly more than chance"),  # mistakes fall anywhere
        (0.0, 0.05, "no decision cost anything"),
        (0.2, 0.0, "`review.share` is 0"),
    ],
)
def test_review_is_off_where_it_finds_no_more_than_chance(flipped, share, reason):
    *_, review = planned(np.full(2000, flipped), share)
    assert not review["on"]
    assert reason in review["reason"]


def test_an_interval_is_wide_where_errors_are_and_holds_the_truth():
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 10, 4000)
    truth = values + rng.normal(size=4000) * (0.1 + values / 10)
    interval = fit_interval(truth[:2000], values[:2000])
    low, high = bounds_of(values[2000:], interval)
    assert np.corrcoef(high - low, values[2000:])[0, 1] > 0.9
    described = {"threshold": None, "interval": interval, "sets": None}
    found = coverage(truth[2000:], values[2000:], described, Units.of(2000))
    assert found["share"] == pytest.approx(0.9, abs=0.02)
    assert found["ci"][0] < found["share"] < found["ci"][1]
    review = plan_review(truth[:2000], values[:2000], described, 0.05, None, Units.of(2000))
    assert review["on"]
    assert review["yield"] > 0.08


def test_a_set_of_classes_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 6000)
    y = np.array([rng.choice(4, p=row) for row in p])
    described = {**CLASSES, "sets": fit_sets(y[:3000], p[:3000])}
    found = coverage(y[3000:], p[3000:], described, Units.of(3000))
    assert found["share"] == pytest.approx(0.9, abs=0.02)
    assert 1 < found["mean_size"] < 4
