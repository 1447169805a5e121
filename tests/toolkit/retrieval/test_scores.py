"""Scores of rankings."""

import numpy as np
import pytest
from toolkit.retrieval import scores


def test_scores_are_those_of_the_textbook() -> None:
    found = scores.of_one(["a", "b", "c"], {"b", "z"})
    assert found["mrr_at_10"] == 0.5
    assert found["recall_at_1"] == 0
    assert found["recall_at_5"] == 0.5
    assert found["ndcg_at_10"] == pytest.approx(
        (1 / np.log2(3)) / (1 / np.log2(2) + 1 / np.log2(3))
    )
    assert scores.of_one(["a", "b"], {"a", "b"})["ndcg_at_10"] == pytest.approx(1)
    assert set(scores.of_one([], {"a"}).values()) == {0.0}


def test_scores_of_ones_own_stand_beside_the_usual_ones() -> None:
    def length(ranking: object, relevant: object) -> dict[str, float]:
        return {"found": float(len(ranking))}  # type: ignore[arg-type]

    found = scores.of_all([["a"], ["b", "c"]], [{"a"}, {"c"}], length)
    assert set(found) == {*scores.METRICS, "found"}
    assert found["found"].tolist() == [1.0, 2.0]
