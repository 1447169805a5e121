"""Scores are those of scikit-learn, and intervals cover what they should."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from toolkit.evaluation.scores import (
    bootstrap,
    class_scores,
    value_scores,
)

RNG = np.random.default_rng(0)


def test_two_classes_are_scored_for_the_second():
    y = np.array([0, 0, 1, 1])
    p = np.array([0.1, 0.6, 0.4, 0.9])
    scores = class_scores(y, np.column_stack([1 - p, p]), (p >= 0.5).astype(int))
    assert scores["precision"] == scores["recall"] == 0.5
    assert scores["roc_auc"] == roc_auc_score(y, p) == 0.75
    assert scores["brier"] == pytest.approx(np.mean((p - y) ** 2))
    assert scores["log_loss"] == pytest.approx(log_loss(y, p))
    assert scores["balanced_accuracy"] == balanced_accuracy_score(y, p >= 0.5)


def test_a_score_that_needs_two_classes_is_left_out_where_there_is_one():
    scores = class_scores(np.zeros(3, int), np.tile([0.8, 0.2], (3, 1)), np.zeros(3, int))
    assert "roc_auc" not in scores
    assert scores["accuracy"] == 1


def test_many_classes_have_macro_means():
    y = np.repeat(np.arange(50), 4)
    probability = np.full((200, 50), 0.5 / 49)
    probability[np.arange(200), y] = 0.5
    scores = class_scores(y, probability, y)
    assert scores["f1"] == scores["roc_auc"] == 1


def test_mape_is_left_out_where_a_truth_is_zero():
    assert "mape" not in value_scores(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    assert value_scores(np.array([2.0, 4.0]), np.array([1.0, 4.0]))["mape"] == 0.25


def test_bootstrap_intervals_cover_the_truth_about_19_times_in_20():
    covered = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).normal(3, 1, 80)
        low, high = bootstrap(lambda rows, s=sample: {"m": s[rows].mean()}, 80, seed=seed)["m"]
        covered += low <= 3 <= high
    assert 86 <= covered <= 100


def test_rows_of_a_group_are_drawn_together():
    groups = np.repeat(np.arange(10), 20)
    values = np.repeat(RNG.normal(size=10), 20)
    alone = bootstrap(lambda rows: {"m": values[rows].mean()}, 200)["m"]
    together = bootstrap(lambda rows: {"m": values[rows].mean()}, 200, groups=groups)["m"]
    assert np.ptp(together) > 2 * np.ptp(alone)
