"""Scores are those of scikit-learn, and intervals cover what they should."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from toolkit.evaluation.evaluation import Evaluation
from toolkit.evaluation.intervals import Units, bootstrap, interval_of_ratio
from toolkit.evaluation.scores import class_scores, value_scores
from toolkit.evaluation.slices import slices
from toolkit.project.settings import Costs

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


def simulated(unit, count, datasets, seed):
    """Truth and prediction of 1,000 tables at once, whose errors are alike within a unit."""
    rng = np.random.default_rng(seed)
    sizes = {"rows": np.ones(count, int), "days": rng.integers(6, 15, count)}
    sizes["groups"] = rng.integers(4, 21, count)
    codes = np.repeat(np.arange(count), sizes[unit])
    alike = 0.0 if unit == "rows" else 0.5

    def noise():
        own = rng.normal(size=(len(codes), datasets))
        return np.sqrt(alike) * rng.normal(size=(count, datasets))[codes] + np.sqrt(1 - alike) * own

    predicted = noise()
    return codes, predicted + noise(), predicted


def coverages(codes, y, predicted, resampled, draws):
    """How often the interval of each score holds the truth, over the tables."""

    def scores(rows):
        errors, spread = y[rows] - predicted[rows], y[rows] - y[rows].mean(axis=0)
        return {
            "mae": np.abs(errors).mean(axis=0),
            "r2": 1 - np.square(errors).sum(axis=0) / np.square(spread).sum(axis=0),
        }

    found = bootstrap(scores, len(codes), groups=resampled, draws=draws)
    truth = {"mae": np.sqrt(2 / np.pi), "r2": 0.5}
    return {
        name: np.mean((np.array(low) <= truth[name]) & (truth[name] <= np.array(high)))
        for name, (low, high) in found.items()
    }


@pytest.mark.parametrize("unit", ["rows", "groups", "days"])
def test_intervals_hold_the_truth_19_times_in_20(unit):
    codes, y, predicted = simulated(unit, 40, 1000, seed=1)
    for share in coverages(codes, y, predicted, codes, 300).values():
        assert 0.93 <= share <= 0.97
    if unit != "rows":  # their errors are alike: as single rows they promise too much
        alone = coverages(codes, y, predicted, None, 200)
        assert max(alone.values()) < 0.80


@pytest.mark.long
@pytest.mark.parametrize("unit", ["rows", "groups", "days"])
@pytest.mark.parametrize("count", [30, 60, 120])
def test_intervals_hold_the_truth_for_other_sizes(unit, count):
    found = [
        coverages(codes, y, predicted, codes, 400)
        for codes, y, predicted in (simulated(unit, count, 1000, seed) for seed in range(5))
    ]
    for name in ("mae", "r2"):
        assert 0.93 <= np.mean([each[name] for each in found]) <= 0.97


def test_the_interval_of_a_mean_is_that_of_the_bootstrap():
    codes, y, _ = simulated("groups", 30, 1, seed=2)
    values, units = y[:, 0], Units("groups", codes)
    wide = bootstrap(lambda rows: {"m": values[rows].mean()}, len(y), groups=codes, draws=2000)["m"]
    found = interval_of_ratio(values, np.ones(len(y)), units, draws=2000)
    assert found == pytest.approx(wide, abs=0.05)
    many = Units.of(5000)
    low, high = interval_of_ratio(RNG.normal(size=5000), np.ones(5000), many)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(5000), rel=0.25)


def test_what_was_split_is_what_is_resampled():
    days = pd.date_range("2024-01-01", periods=60, freq="8h").to_numpy()
    people = np.repeat(np.arange(30), 2)
    assert Units.of(60).to_json() == {
        "interval_unit": "rows",
        "interval_units": 60,
        "too_few_units": False,
    }
    assert (Units.of(60, time=days).name, Units.of(60, time=days).count) == ("days", 20)
    assert (Units.of(60, people).name, Units.of(60, people).count) == ("groups", 30)
    assert Units.of(60, people, days).name == "days"  # the coarser of the two
    few = Units.of(60, people // 3)
    assert (few.count, few.to_json()["too_few_units"]) == (10, True)
    assert bootstrap(lambda rows: {"m": 1.0}, 60, groups=people // 10) == {}  # of three groups


def test_slices_count_their_groups_and_equal_rows_are_one_slice():
    person = np.repeat(np.arange(60), 20)
    city = np.where(person < 40, "north", "south").astype(object)
    frame = pd.DataFrame({"city": city, "zip": np.where(city == "north", "N1", "S1")})
    frame = frame.astype(object)
    loss = np.where(city == "north", 1.0, 0.2) + RNG.normal(size=60)[person] / 20
    found = slices(frame, loss, "log_loss", units=Units("groups", person))
    assert [(row["column"], row["value"], row["units"]) for row in found] == [
        ("city", "north", 40),
        ("city", "south", 20),
    ]
    assert found[0]["same_rows"] == ["zip = N1"]
    assert found[0]["ci"][0] > 0
    assert found[0]["finding"]
    few = slices(frame, loss, "log_loss", units=Units("groups", person // 10))
    assert few[0]["too_few_units"]
    assert not any(row["finding"] for row in few)


def evaluated(y, p, threshold=0.5, metric="roc_auc", costs=None):
    described = {"threshold": threshold}
    costs = costs or Costs(false_positive=1, false_negative=5)
    evaluation = Evaluation(y, "binary", described, costs, Units.of(len(y)), 0)
    base = np.tile([1 - y.mean(), y.mean()], (len(y), 1))
    rung = {"name": "a", "mean": 0.7, "std": 0.1}
    ladder = {"metric": metric, "rungs": [rung], "chosen": "a"}
    return evaluation.measure(np.column_stack([1 - p, p]), base, ladder)


def test_money_is_gained_against_the_cheaper_of_always_and_never():
    y = np.arange(400) % 4 == 0
    p = np.where(y, 0.9, 0.1)
    money = evaluated(y.astype(int), p)["money"]
    assert (money["cost_of_always"], money["cost_of_never"]) == (300, 500)
    assert (money["best_constant"], money["cost_at_threshold"]) == ("always", 0)
    assert money["gain_per_1000"] == 750
    assert money["gain_ci"][0] < 750 < money["gain_ci"][1]
    assert money["all_alike"] is None


def test_a_threshold_that_decides_all_alike_saves_nothing():
    y = (np.arange(400) % 4 == 0).astype(int)
    money = evaluated(y, RNG.uniform(0.2, 1, 400), threshold=0.1)["money"]
    assert money["all_alike"] == "always"
    assert money["gain_per_1000"] == 0
    assert money["gain_ci"] == [0, 0]


def test_the_baseline_of_every_number_is_the_best_constant():
    y = (np.arange(400) % 4 == 0).astype(int)
    baseline = evaluated(y, RNG.uniform(size=400))["baseline"]
    assert baseline["accuracy"] == 0.75
    assert baseline["f1"] == pytest.approx(0.4)  # always positive
    assert baseline["cost_per_1000"] == 750
    values = RNG.lognormal(size=300)
    numbers = Evaluation(
        values,
        "regression",
        {"threshold": None},
        Costs(),
        Units.of(300),
        0,
        float(np.median(values)),
    )
    scores = numbers.score_constant(np.full(300, values.mean() + 0.1))
    assert scores["r2"] == 0
    assert scores["mae"] == pytest.approx(np.abs(values - np.median(values)).mean())


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("roc_auc", "roc_auc"),
        ("f1_macro", "f1_macro"),
        ("f1", "f1_at_half"),
        ("neg_log_loss", "log_loss"),
    ],
)
def test_the_metric_that_chose_leads_under_a_name_of_its_own(metric, name):
    """Binary F1 at the threshold is neither macro F1 nor the F1 at 0.5 that a scorer measures."""
    y = (np.arange(400) % 4 == 0).astype(int)
    p = np.clip(y / 3 + RNG.uniform(size=400) / 1.5, 0.01, 0.99)
    found = evaluated(y, p, threshold=0.2, metric=metric)
    primary = found["primary"]
    assert primary["name"] == name
    assert found["chosen"][name] == pytest.approx(abs(primary["test"]))
    assert name in found["intervals"]
    assert name in found["gain"]
