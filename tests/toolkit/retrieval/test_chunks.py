"""Neighbours make larger chunks."""

from nlp.documents import make_chunks
from small_corpus import document
from toolkit.retrieval.chunks import join, neighbours


def test_neighbours_are_joined_within_a_document() -> None:
    chunks = make_chunks([document("one", "word. " * 100), document("two", "other. " * 30)], 120)
    rows = neighbours(chunks, 3)
    assert sorted(row for each in rows for row in each) == list(range(len(chunks)))
    for each in rows:
        assert len(each) <= 3
        assert len({chunks[row].doc for row in each}) == 1
    whole = join(chunks, rows[0])
    assert whole.id == chunks[rows[0][0]].id
    assert all(chunks[row].text in whole.text for row in rows[0])
