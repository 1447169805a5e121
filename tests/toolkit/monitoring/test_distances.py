"""What chance and season explain is wide where days hang together, and drift still passes it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from toolkit.monitoring import checks, distances

RNG = np.random.default_rng(0)
DAYS = pd.Series(np.repeat(np.arange(60), 50))
CHANCE = 1e-4


def parted(column: pd.Series, inside: pd.Series) -> tuple[pd.Series, ...]:
    """Reference, its days, window, its days."""
    return column[~inside], DAYS[~inside], column[inside], DAYS[inside]


def test_a_distance_is_the_share_of_rows_that_lie_elsewhere() -> None:
    numbers = pd.Series(np.arange(100.0))
    assert distances.distance(numbers, numbers) == 0
    assert distances.distance(numbers, numbers + 25) == pytest.approx(0.25)
    letters = pd.Series(["a"] * 6 + ["b"] * 4, dtype=object)
    assert distances.distance(
        letters, pd.Series(["a"] * 3 + ["c"] * 7, dtype=object)
    ) == pytest.approx(0.7)
    assert distances.distance(letters, pd.Series([None, None], dtype=object)) == 0


def test_days_that_hang_together_widen_what_chance_explains() -> None:
    column = pd.Series(RNG.normal(size=60)[DAYS] + RNG.normal(scale=0.1, size=len(DAYS)))
    before, before_days, now, now_days = parted(column, DAYS % 2 == 1)
    moved = distances.distance(before, now)
    assert moved > distances.noise(
        before, now, CHANCE
    )  # taken for independent, the rows would alarm
    assert moved < distances.Days(before, before_days, now, now_days).noise(CHANCE)
    drifted = now + 4
    assert distances.distance(before, drifted) > distances.Days(
        before, before_days, drifted, now_days
    ).noise(CHANCE)


def test_a_season_in_the_reference_is_what_a_season_may_do() -> None:
    column = pd.Series(np.sin(2 * np.pi * DAYS / 60) + RNG.normal(scale=0.1, size=len(DAYS)))
    flat = pd.Series(RNG.normal(size=len(DAYS)))
    window, days = column[DAYS < 15], DAYS[DAYS < 15]
    assert distances.Days(column, DAYS, window, days).usual() > 0.6
    assert distances.Days(flat, DAYS, flat[DAYS < 15], days).usual() < 0.15


def test_the_area_and_its_error_are_right() -> None:
    truth = RNG.random(2000) < 0.3
    scores = np.round(RNG.normal(size=2000) + truth, 1)
    found = checks.auc(scores, truth)
    assert found is not None
    value, influence = found
    assert value == pytest.approx(roc_auc_score(truth, scores))
    error = np.sqrt(np.square(influence).sum()) / len(truth)
    drawn = [RNG.integers(0, 2000, 2000) for _ in range(200)]
    assert error == pytest.approx(
        np.std([roc_auc_score(truth[rows], scores[rows]) for rows in drawn]), rel=0.2
    )
    assert checks.auc(scores, np.ones(2000, dtype=bool)) is None


def test_a_share_is_bounded_from_below() -> None:
    assert checks.lower_bound(0, 100, 0.01) == 0
    assert 0.03 < checks.lower_bound(10, 100, 0.01) < 0.1
