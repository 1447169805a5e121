"""Whether confidences hold is told from whether they only seem to."""

import numpy as np
import pytest
from toolkit.answer_evaluation.reliability import reliability


def test_confidences_that_hold_are_off_by_chance_and_have_skill() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(600)
    measured = reliability(confidences, rng.random(600) < confidences, 0)
    assert measured["ece"] <= measured["ece_chance"][1]
    assert measured["skill_ci"][0] > 0.2
    assert measured["skill"] == pytest.approx(1 / 3, abs=0.1)  # 1 - (1/6) / (1/4)
    assert sum(each["n"] for each in measured["bins"]) == measured["n"] == 600


def test_confidences_that_are_too_high_and_tell_nothing_are_shown_up() -> None:
    rng = np.random.default_rng(0)
    measured = reliability(0.6 + 0.3 * rng.random(300), rng.random(300) < 0.4, 0)
    assert measured["ece"] > measured["ece_chance"][1]
    assert measured["skill_ci"][1] < 0


def test_one_outcome_alone_shows_no_skill() -> None:
    measured = reliability(np.array([0.2, 0.8, 0.9]), np.array([True, True, True]), 0)
    assert measured["skill"] == 0
    assert measured["ece"] == pytest.approx(1 - 1.9 / 3)
