"""Vectors are computed once for each text and embedder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_corpus import Counting
from toolkit.documents.settings import Index
from toolkit.retrieval import vectors
from toolkit.retrieval.embedder import Embedder, EmbedderUnavailable


def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(450)]
    first = Counting()
    before = vectors.embed(tmp_path, first, texts)
    assert first.asked == texts
    texts[7], texts[300] = "changed", "changed too"
    again = Counting()
    after = vectors.embed(tmp_path, again, [*texts[10:], "new", *texts[:10], "new"])
    assert sorted(again.asked) == ["changed", "changed too", "new"]
    np.testing.assert_array_equal(after[:5], before[10:15])
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, rtol=1e-6)


def test_another_embedder_finds_nothing_of_the_first(tmp_path: Path) -> None:
    vectors.embed(tmp_path, Counting(), ["one", "two"])
    other = Counting("another model")
    vectors.embed(tmp_path, other, ["one", "two"])
    assert other.asked == ["one", "two"]


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    class Stopped(Counting):
        def _letters(self, texts: list[str]) -> Iterator[NDArray[np.float32]]:
            for number, vector in enumerate(super()._letters(texts)):
                if number == 250:
                    raise KeyboardInterrupt
                yield vector

    texts = [f"text {n}" for n in range(400)]
    with pytest.raises(KeyboardInterrupt):
        vectors.embed(tmp_path, Stopped(), texts)
    rest = Counting()
    vectors.embed(tmp_path, rest, texts)
    assert rest.asked == texts[200:]


def test_an_embedder_that_cannot_be_had_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def get(name: str, *_: object) -> Embedder:
        tried.append(name)
        raise EmbedderUnavailable("no network")

    monkeypatch.setattr(Embedder, "get", get)
    encoder = vectors.Encoder(tmp_path, Index(embedder="far/away"))
    for _ in range(2):
        with pytest.raises(EmbedderUnavailable, match="no network"):
            encoder.vectors(["a text"])
        with pytest.raises(EmbedderUnavailable, match="no network"):
            encoder.vector("a question")
    assert tried == ["far/away"]
