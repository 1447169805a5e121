"""What is quoted, against a hundred answers that were judged by reading (`judged.jsonl`)."""

import json
from pathlib import Path

import pytest
from nlp.answers import quote
from nlp.documents import make_chunks
from toolkit.documents.reading import Document
from toolkit.retrieval.chunks import Chunk, Hit
from toolkit.sample import scikit_learn as sample

LINES = Path(__file__).with_name("judged.jsonl").read_text("utf-8").splitlines()
JUDGED = [json.loads(line) for line in LINES[1:]]


@pytest.fixture(scope="module")
def chunks() -> dict[str, Chunk]:
    named = {name.partition("#")[0] for each in JUDGED for name in each["passages"]}
    documents = [
        Document(name, f"{name}.rst", name, text, "")
        for name, text in sample.documents().items()
        if name in named
    ]
    return {chunk.id: chunk for chunk in make_chunks(documents, 800)}


def test_what_answers_is_still_quoted_and_the_rest_is_no_better_than_it_was_judged(
    chunks: dict[str, Chunk],
) -> None:
    """Quoted again, of all judged to answer; a rule that quotes others has to be judged anew."""
    kept = []
    for each in JUDGED:
        hits = [Hit(chunks[name], 1.0) for name in each["passages"] if name in chunks]
        quoted = {sentence.text for _, sentence in quote(each["question"], hits, 3)}
        kept.append(bool(quoted & set(each["quotes"])))
    answering = [same for same, each in zip(kept, JUDGED, strict=True) if each["answers"]]
    assert sum(answering) >= 0.95 * len(answering)
    assert sum(kept) >= 0.9 * len(kept)


def test_the_judged_are_as_many_as_is_said_and_a_relevant_document_is_not_yet_an_answer() -> None:
    assert len(JUDGED) == len({each["question"] for each in JUDGED}) == 100
    right = [each for each in JUDGED if each["relevant"]]
    answering = sum(each["answers"] for each in right)
    assert 0.5 * len(right) < answering < len(right)
