"""Chunks are found by the words that they share with a question."""

from pathlib import Path

import pytest
from nlp.documents import make_chunks
from small_corpus import documents
from toolkit.documents.tokenize import terms
from toolkit.retrieval.chunks import Chunk
from toolkit.retrieval.lexical import Bm25, Tfidf


@pytest.mark.parametrize("ranker", [Bm25, Tfidf])
def test_words_find_their_chunk_and_survive_writing(ranker: type, tmp_path: Path) -> None:
    chunks = make_chunks(documents(), 400)
    index = ranker.fit(chunks)
    for number, chunk in enumerate(chunks):
        words = f"{chunk.text.split()[1]} {chunk.text.split()[3]}"
        assert index.ranking(words, 5)[0][0] == number
    assert index.ranking("unheard words only", 5) == []
    assert index.ranking("the of and", 5) == []
    index.save(tmp_path)
    for chunk in chunks:
        before, after = (each.ranking(chunk.text, 9) for each in (index, ranker.load(tmp_path)))
        assert [row for row, _ in after] == [row for row, _ in before]
        assert dict(after) == pytest.approx(dict(before))


def test_words_are_stemmed_and_stop_words_left_out() -> None:
    assert terms("The bakers were baking") == terms("baker bake")


def test_what_is_searched_is_title_and_text() -> None:
    chunks = [Chunk("a#0", "a", "nothing of it", "Marmalade"), Chunk("b#0", "b", "else", "Other")]
    assert [row for row, _ in Bm25.fit(chunks).ranking("marmalade", 2)] == [0]
