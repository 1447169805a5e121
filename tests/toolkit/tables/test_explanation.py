"""Contributions add up, agree with exact Shapley values, and are drawn alike in every language."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from toolkit.tables.explanation import REFERENCES, explain, generator, references_of

NAMES = list("abcdefgh")
KINDS = dict.fromkeys(NAMES, "number")


def score(rows: np.ndarray) -> np.ndarray:
    """A probability full of interactions."""
    a, b, c, d, e, f, g, _ = rows.T
    return 1 / (1 + np.exp(-1.7 * (2 * a * b + c + np.sin(3 * d) * e + 1.5 * (f > 0) * g)))


def exact(x: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Shapley's formula over all 256 sets, others drawn column by column."""
    generator = np.random.default_rng(0)
    drawn = np.column_stack([generator.permutation(np.resize(r, 10_000)) for r in references.T])
    worth = {}
    for given in itertools.product([False, True], repeat=8):
        worth[given] = score(np.where(given, x, drawn)).mean()
    found = np.zeros(8)
    for given, value in list(worth.items())[:-1]:  # the last has all
        size = sum(given)
        weight = math.factorial(size) * math.factorial(7 - size) / math.factorial(8)
        for j in np.flatnonzero(np.logical_not(given)):
            found[j] += weight * (worth[(*given[:j], True, *given[j + 1 :])] - value)
    return found


def test_within_a_hundredth_of_exact_on_eight_columns_and_additive() -> None:
    rows = np.random.default_rng(0).normal(size=(1000, 8))
    references = references_of(dict(zip(NAMES, rows.T, strict=True)), KINDS)
    table = np.array([references[name] for name in NAMES]).T
    for x in rows[:3]:
        record = {name: x[[j]] for j, name in enumerate(NAMES)}
        base, value, contributions = explain(
            record, KINDS, references, lambda c: score(np.column_stack([c[n] for n in NAMES]))
        )
        assert value == pytest.approx(score(x[None])[0], abs=1e-12)
        assert base + sum(contributions.values()) == pytest.approx(value, abs=1e-9)
        assert abs(contributions["h"]) < 1e-12  # which the score ignores
        np.testing.assert_allclose(list(contributions.values()), exact(x, table), atol=0.01)


def test_what_is_additive_comes_out_exactly() -> None:
    """As each column goes through its references equally often."""
    generator = np.random.default_rng(0)
    kinds = {"size": "number", "colour": "category", "day": "date"}
    columns: dict[str, Any] = {
        "size": generator.normal(size=500),
        "colour": generator.choice(np.array(["red", "blue", None], dtype=object), 500),
        "day": np.datetime64("2020-01-01", "us")
        + generator.integers(0, 9, 500) * np.timedelta64(1, "D"),
    }
    references = references_of(columns, kinds)

    def output(rows: Any) -> np.ndarray:
        days = (rows["day"] - np.datetime64("2020-01-01")) / np.timedelta64(1, "D")
        return np.nan_to_num(rows["size"]) + (rows["colour"] == "red") + 0.1 * days

    record = {name: values[:1] for name, values in columns.items()}
    _, _, contributions = explain(record, kinds, references, output)
    red = np.mean([colour == "red" for colour in references["colour"]])
    assert contributions["colour"] == pytest.approx(float(columns["colour"][0] == "red") - red)
    assert contributions["size"] == pytest.approx(columns["size"][0] - np.mean(references["size"]))


def test_references_say_how_often_a_value_is_missing_and_keep_no_text() -> None:
    columns = {
        "seats": np.array([np.nan] * 30 + list(range(70))),
        "note": np.array(["Ada's address"] * 100, dtype=object),
    }
    found = references_of(columns, {"seats": "number", "note": "text"})
    assert found["seats"].count(None) == 15
    assert found["seats"][0] == 1
    assert found["note"] == [None] * REFERENCES


def test_the_generator_is_mulberry32() -> None:
    """Its first numbers from seed 1, as its author's JavaScript gives them."""
    draw = generator(1)
    assert [draw(2**32) for _ in range(3)] == [2693262067, 11749833, 2265367787]
