"""Every check of the gate can pass and can fail, and says with which figures."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_model import schema_for
from toolkit.registry import evidence
from toolkit.registry.evidence import Check, NotComparable, Pair, Verdict
from toolkit.tables.dataset import Table

RNG = np.random.default_rng(0)
ROWS = 3000
Y = (RNG.random(ROWS) < 0.4).astype(np.int64)
CARRIER = RNG.choice(["AA", "UA"], ROWS)
SCHEMA = schema_for({"name": "late", "task": "binary", "classes": [False, True]})
X = pd.DataFrame({"carrier": pd.Series(CARRIER, dtype=object), "distance": RNG.random(ROWS)})
TABLE = Table(SCHEMA, X, X, Y)


def probabilities(signal: float) -> np.ndarray:
    """The more signal, the nearer to the truth."""
    positive = 1 / (
        1 + np.exp(-(signal * (2 * Y - 1) + np.random.default_rng(1).normal(size=ROWS)))
    )
    return np.column_stack([1 - positive, positive])


def pair(new: np.ndarray, old: np.ndarray) -> Pair:
    made = Pair(SimpleNamespace(schema=SCHEMA), SimpleNamespace(schema=SCHEMA), TABLE, {}, {})
    made.__dict__["predictions"] = (new, old)
    return made


GOOD, WEAK = probabilities(1.0), probabilities(0.5)


def test_a_gain_must_lie_above_the_margin_with_its_whole_interval():
    better = evidence.gain(pair(GOOD, WEAK), "roc_auc", above=0.0, draws=100, seed=0)
    assert better.passed
    assert "beats the champion's" in better.detail
    assert not evidence.gain(pair(WEAK, GOOD), "roc_auc", above=0.0, draws=100, seed=0).passed
    equal = evidence.gain(pair(GOOD, GOOD), "roc_auc", above=0.0, draws=100, seed=0)
    assert not equal.passed
    assert "gain +0.0000, 95% interval +0.0000 to +0.0000" in equal.detail
    assert not evidence.gain(pair(GOOD, WEAK), "roc_auc", above=0.5, draws=100, seed=0).passed


def test_the_gate_resamples_the_groups_that_the_split_kept_together():
    """What five customers of six show by chance is proof over rows, and none over customers."""
    customer, helped = np.arange(ROWS) % 12, np.random.default_rng(3).normal(size=12) > 0
    grouped = Table(
        SCHEMA.model_copy(update={"group": "customer"}), X.assign(customer=customer), X, Y
    )
    new = np.where(helped[customer][:, None], GOOD, probabilities(0.3))
    given = pair(new, WEAK)
    over_rows = evidence.gain(given, "roc_auc", above=0.0, draws=100, seed=0)
    assert "resampling 3,000 rows." in over_rows.detail
    made = Pair(given.new, given.old, grouped, {}, {})
    made.__dict__["predictions"] = given.predictions
    over_groups = evidence.gain(made, "roc_auc", above=0.0, draws=100, seed=0)
    assert "resampling 12 groups (too few to rely on)." in over_groups.detail
    assert over_groups.value < over_rows.value


def test_rows_of_one_class_show_no_gain():
    given = pair(GOOD, WEAK)
    given.rows.y[:], kept = 0, given.rows.y.copy()
    try:
        check = evidence.gain(given, "roc_auc", above=0.0, draws=100, seed=0)
    finally:
        given.rows.y[:] = kept
    assert not check.passed
    assert "lack a class" in check.detail


def test_a_slice_that_is_served_worse_refuses():
    worse = GOOD.copy()
    hit = CARRIER == "UA"
    worse[hit] = worse[hit][:, ::-1]
    check = evidence.slices(pair(worse, GOOD), at_most=0.05, by_column={}, smallest=200)
    assert not check.passed
    assert "carrier = UA" in check.detail
    lenient = {"carrier": 100.0, "distance": 100.0}
    assert evidence.slices(pair(worse, GOOD), 0.05, by_column=lenient, smallest=200).passed
    same = evidence.slices(pair(GOOD, GOOD), at_most=0.05, by_column={}, smallest=200)
    assert same.passed
    assert "No slice of 6" in same.detail  # two carriers and four ranges of distance


@pytest.mark.parametrize(
    ("parity", "passed"),
    [
        ({"rows": 1000, "largest_difference": 1e-7}, True),
        ({"rows": 1000, "largest_difference": 0.5}, False),
        ({"rows": 0, "largest_difference": 0.0}, False),
        (None, False),
    ],
)
def test_an_export_that_was_not_compared_or_differs_refuses(parity, passed):
    assert evidence.parity(SimpleNamespace(metadata={"parity": parity})).passed == passed


def test_a_record_alone_must_be_answered_as_among_others_and_in_time():
    def outputs(columns):
        return np.column_stack([columns["x"], columns["x"] + (len(columns["x"]) == 1) * lonely])

    predictor = SimpleNamespace(
        schema=SCHEMA, fill=dict, outputs=outputs, predict_columns=lambda columns: None
    )
    columns = {"x": RNG.random(ROWS)}
    given = Pair(predictor, predictor, TABLE, columns, columns)
    lonely = 0.0
    assert evidence.lone_record(given).passed
    lonely = 1e-3
    assert not evidence.lone_record(given).passed
    assert evidence.latency(given, at_most_ms=1000).passed
    assert not evidence.latency(given, at_most_ms=0).passed


def test_another_target_cannot_be_compared():
    number = schema_for({"name": "delay", "task": "regression", "min": -1, "max": 2})
    new, old = SimpleNamespace(schema=SCHEMA), SimpleNamespace(schema=number)
    with pytest.raises(NotComparable, match="no longer asked"):
        evidence.require_same_target(new, old)
    evidence.require_same_target(new, new)


def test_a_verdict_names_what_failed_or_else_the_first_two_checks():
    checks = [Check(name, name != "slices", None, None, f"{name}.") for name in ("rows", "gain")]
    assert Verdict.of(checks).reasons == ["rows.", "gain."]
    checks.append(Check("slices", False, 0.2, 0.05, "A slice is worse."))
    verdict = Verdict.of(checks)
    assert not verdict.promoted
    assert verdict.reasons == ["A slice is worse."]
