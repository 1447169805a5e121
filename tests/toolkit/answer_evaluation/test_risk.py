"""How often to answer: what a threshold gives, and which one is chosen."""

import numpy as np
import pytest
from toolkit.answer_evaluation.risk import choose_threshold, risk_coverage

SURE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
RIGHT = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=bool)
ABLE = np.array([1, 1, 1, 1, 1, 0, 1, 0], dtype=bool)
GOALS = {"precision": 0.8, "refused": 0.5}


def test_a_point_is_what_its_threshold_gives() -> None:
    points = {point["threshold"]: point for point in risk_coverage(SURE, RIGHT, ABLE)}
    assert list(points) == sorted(points, reverse=True)
    assert points[0.5] == {
        "threshold": 0.5,
        "coverage": pytest.approx(5 / 6),
        "precision": 0.8,
        "refused": 1.0,
    }
    assert points[0.4]["refused"] == 0.5
    assert points[0.9]["coverage"] == pytest.approx(1 / 6)


def test_the_most_coverage_that_reaches_the_goals_is_chosen() -> None:
    points = risk_coverage(SURE, RIGHT, ABLE)
    assert choose_threshold(points, GOALS)["threshold"] == 0.5
    assert choose_threshold(points, {**GOALS, "precision": 0.9})["threshold"] == 0.7
    assert choose_threshold(points, {"precision": 0.1, "refused": 0.4})["threshold"] == 0.3


def test_where_the_goals_cannot_be_reached_the_nearest_point_is_chosen() -> None:
    points = risk_coverage(SURE, ~RIGHT, ABLE)
    assert (
        choose_threshold(points, GOALS)["threshold"] == 0.3
    )  # of 0.5 and 0.43, one refuses nothing
