"""The candidates: what each finds, what it chooses, and what is left out where it cannot be had."""

from collections.abc import Sequence

import numpy as np
import pytest
from nlp.documents import make_chunks
from nlp.features import rerank_features
from nlp.models import Retriever, make_candidates
from nlp.retrieval import by_document, fuse
from nlp.train import choose
from numpy.typing import NDArray
from small_corpus import Counting, corpus_of, document, documents
from toolkit.retrieval import scores
from toolkit.retrieval.chunks import Chunk
from toolkit.retrieval.corpus import Corpus
from toolkit.retrieval.embedder import EmbedderUnavailable
from toolkit.retrieval.index import Setup
from toolkit.splitting.folds import make_folds
from toolkit.training.comparison import Scoring, cross_validate


@pytest.fixture
def asked() -> tuple[list[str], NDArray[np.object_]]:
    questions, relevant = [], []
    for each in documents():
        questions.append(f"{each.text.split('.')[0]} please")
        relevant.append(frozenset([each.id]))
    wanted = np.empty(len(relevant), dtype=object)
    wanted[:] = relevant
    return questions, wanted


def test_chunks_keep_every_word_and_say_where_they_are_from() -> None:
    text = "\n\n".join(f"Paragraph {n} says that {'very ' * n}much." for n in range(30))
    chunks = make_chunks([document("a/b", text)], 200)
    assert [chunk.id for chunk in chunks] == [f"a/b#{n}" for n in range(len(chunks))]
    assert all(len(chunk.text) <= 200 for chunk in chunks)
    assert " ".join(" ".join(p.text for p in chunks).split()) == " ".join(text.split())


def test_fusion_is_by_places_and_weights() -> None:
    words, meaning = [(1, 9.0), (2, 8.0)], [(2, 0.9), (3, 0.8)]
    assert [row for row, _ in fuse(words, meaning, 60, 0.5)] == [2, 1, 3]
    assert [row for row, _ in fuse(words, meaning, 60, 0.0)][:2] == [1, 2]
    assert [row for row, _ in fuse(words, meaning, 60, 1.0)][:2] == [2, 3]
    assert dict(fuse(words, words, 60, 0.5))[1] == pytest.approx(1)


PARTS = [Chunk(f"{name}#{n}", name, "Text.", name) for name in ("oak", "elm") for n in range(3)]


def test_a_documents_parts_have_weights_of_their_own() -> None:
    words, meaning = [(1, 8.0), (0, 4.0), (3, 2.0)], [(5, 0.9), (4, 0.6), (3, 0.5)]
    found = rerank_features("Is oak hard?", PARTS, words, meaning)
    assert found["oak"] == {
        "lexical": 1.0,
        "head lexical": 0.5,
        "all lexical": 1.5,
        "similarity": 0.0,
        "head similarity": 0.0,
        "all similarity": 0.0,
        "title": 0.5,
    }
    assert found["elm"]["similarity"] == pytest.approx(0.4)
    assert found["elm"]["head similarity"] == 0.0
    assert found["elm"]["all similarity"] == pytest.approx(0.5)


def test_documents_follow_their_worth_and_each_gives_its_best_chunk_first() -> None:
    ranking = [(2, 0.9), (0, 0.8), (4, 0.7), (5, 0.6), (1, 0.5)]
    ordered = by_document(ranking, PARTS, {"oak": 1.0, "elm": 3.0})
    assert [row for row, _ in ordered] == [4, 2, 5, 0, 1]
    assert [score for _, score in ordered] == sorted((s for _, s in ordered), reverse=True)


def test_every_chunk_is_searched_with_what_its_document_says_first() -> None:
    text = "The ferry leaves at nine.\n\n" + "\n\n".join(f"It holds {n} cars." for n in range(9))
    chunks = make_chunks([document("ferry", text)], 60)
    assert len(chunks) > 2
    assert chunks[0].searched == f"ferry\n{chunks[0].text}"
    for chunk in chunks[1:]:
        assert chunk.searched == f"ferry: The ferry leaves at nine.\n{chunk.text}"


def test_every_candidate_is_judged_on_the_questions_held_out(
    asked: tuple[list[str], NDArray[np.object_]],
) -> None:
    questions, relevant = asked
    corpus = corpus_of(documents(), Counting())
    folds = make_folds(np.zeros(len(questions)), 4, classes=False, seed=0)
    seen: list[Sequence[str]] = []
    comparison = cross_validate(
        make_candidates(corpus, "letters", []),
        questions,
        relevant,
        folds,
        Scoring(
            scores.METRIC,
            lambda model, rows: seen.append(rows) or model.rank(rows),
            scores.score,
        ),
    )
    names = [result.name for result in comparison.results]
    assert names == ["BM25", "TF-IDF", "dense", "hybrid", "hybrid, reranked"]
    assert comparison.results[0].mean == pytest.approx(1)
    assert choose(comparison).name == "BM25"
    assert list(seen[0]) == [questions[row] for row in folds[0][1]]


def test_a_retriever_chooses_the_setup_that_does_best_in_training() -> None:
    corpus = corpus_of(documents(), Counting())
    wrong, right = Setup(None, True, 1), Setup("bm25", False, 2)
    relevant = np.empty(1, dtype=object)
    relevant[:] = [frozenset(["violin-3"])]
    question = f"number3 violin {'rrrrr ' * 9}"  # by its letters, near the river
    chosen = Retriever(corpus, [wrong, right]).fit([question], relevant)
    assert chosen.setup_ == right
    assert chosen.rank([question])[0][0] == "violin-3"
    hits = chosen.index().search(question, 3)
    assert hits[0].chunk.doc == "violin-3"
    assert hits == sorted(hits, key=lambda hit: -hit.score)


def test_a_reranker_learns_what_the_training_questions_show(
    asked: tuple[list[str], NDArray[np.object_]],
) -> None:
    questions, relevant = asked
    model = Retriever(corpus_of(documents(), Counting()), [Setup("bm25", True)], rerank=True)
    setup = model.fit(questions, relevant).setup_
    assert setup.reranker is not None
    assert Setup.from_json(setup.to_json()) == setup
    assert scores.score(scores.METRIC, model.rank(questions), relevant) > 0.9


def test_candidates_without_weights_are_left_out_with_a_sentence(
    asked: tuple[list[str], NDArray[np.object_]],
) -> None:
    questions, relevant = asked

    def missing() -> NDArray[np.float32]:
        raise EmbedderUnavailable("The weights cannot be had: no package, no network.")

    corpus = Corpus(make_chunks(documents(), 120), [1], missing, Counting().vector)
    folds = make_folds(np.zeros(len(questions)), 3, classes=False, seed=0)
    comparison = cross_validate(
        make_candidates(corpus, "letters", []),
        questions,
        relevant,
        folds,
        Scoring(scores.METRIC, lambda model, rows: model.rank(rows), scores.score),
    )
    assert [result.name for result in comparison.results] == ["BM25", "TF-IDF"]
    assert {left["name"] for left in comparison.left_out} == {"dense", "hybrid", "hybrid, reranked"}
    assert all("cannot be had" in left["reason"] for left in comparison.left_out)
