"""The threshold is the cheapest of all; the confidence floor sends half of the mistakes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit.evaluation.review import outcome
from toolkit.training.threshold import cheapest_threshold, confidence_floor, total_cost


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


def answers_of(confidence, right):
    """Probabilities of three classes of which the second is true, and the class codes."""
    rest = (1 - confidence) / 2
    columns = [np.where(right, rest, confidence), np.where(right, confidence, rest), rest]
    return np.stack(columns, axis=1), np.ones(len(confidence), dtype=np.int64)


def test_half_of_the_mistakes_lie_under_the_floor():
    confidence = np.array([0.4, 0.5, 0.55, 0.7, 0.8, 0.9, *[0.99] * 94])
    right = np.array([False, True, False, False, True, False, *[True] * 94])
    floor = confidence_floor("auto", *answers_of(confidence, right))
    assert floor == pytest.approx(0.7)  # the mistakes have 0.4, 0.55, 0.7 and 0.9
    found = outcome(floor, confidence, right)
    assert found["mistakes"] >= 0.5
    assert found["accuracy_of_the_rest"] > right.mean() > found["accuracy_of_those"]
    assert confidence_floor(0.6, *answers_of(confidence, right)) == 0.6


def test_no_more_than_a_tenth_is_sent():
    confidence = np.linspace(0.4, 1, 100)
    answers = answers_of(confidence, np.arange(100) % 2 == 0)
    floor = confidence_floor("auto", *answers)
    assert outcome(floor, confidence, np.arange(100) % 2 == 0)["share"] == pytest.approx(0.1)


def test_one_mistake_is_sent_and_without_one_nothing_seen_is():
    confidence, right = np.array([0.4, *[0.9] * 29]), np.array([False, *[True] * 29])
    one = confidence_floor("auto", *answers_of(confidence, right))
    assert outcome(one, confidence, right)["mistakes"] == 1
    right = np.full(30, True)
    none = confidence_floor("auto", *answers_of(confidence, right))
    assert outcome(none, confidence, right) == {
        "floor": 0.4,
        "share": 0,
        "mistakes": None,
        "accuracy_of_those": None,
        "accuracy_of_the_rest": 1,
    }
