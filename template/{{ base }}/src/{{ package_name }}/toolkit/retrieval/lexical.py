"""Chunks ranked by the words that they share with a question: BM25 and TF-IDF."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import bm25s
import numpy as np
from numpy.typing import NDArray

from ..documents.tokenize import terms
from .chunks import Chunk
from .index import Ranker, Ranking

FOLDER = "words"

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells of each index it builds


class Lexical(Ranker, Protocol):
    """Ranks chunks by their words, and can be written into a bundle."""

    def save(self, folder: Path) -> None:
        """Write what `load` reads."""


def best(scores: NDArray[Any], depth: int) -> Ranking:
    """Rows with the highest scores above zero, best first; equal ones in their order."""
    rows = np.argsort(-scores, kind="stable")[:depth]
    return [(int(row), float(scores[row])) for row in rows if scores[row] > 0]


class Bm25:
    """Okapi BM25 through bm25s, with its own defaults.

    Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
    """

    def __init__(self, index: bm25s.BM25) -> None:
        self._index = index

    @classmethod
    def fit(cls, chunks: Sequence[Chunk]) -> Self:
        """Index chunks."""
        index = bm25s.BM25()
        index.index([terms(chunk.searched) for chunk in chunks], show_progress=False)
        return cls(index)

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        words = [word for word in terms(question) if word in self._index.vocab_dict]
        return best(self._index.get_scores(words), depth) if words else []

    def table(self) -> dict[str, Any]:
        """What `ranking` adds up: `words`, and of each from `starts` on the `rows` and their `scores`."""
        found, known = self._index.scores, self._index.vocab_dict
        words = sorted((word for word in known if word), key=lambda word: known[word])
        starts = found["indptr"][: len(words) + 1]
        return {"words": words, "starts": starts, "rows": found["indices"], "scores": found["data"]}

    def save(self, folder: Path) -> None:
        """See `Lexical`."""
        self._index.save(folder / FOLDER, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(bm25s.BM25.load(folder / FOLDER, load_vocab=True, mmap=False))


class Tfidf:
    """Cosine of TF-IDF vectors: the weights are scikit-learn's, the search needs only NumPy.

    Parameters
    ----------
    chunks : int
        How many there are.
    weights : dict of str to ndarray of shape (entries,)
        `chunk`, `word` and `weight` of what is not zero; a chunk's vector has length 1.
    vocabulary : dict of str to int
        A word's column.
    idf : ndarray of shape (words,)
    """

    def __init__(
        self,
        chunks: int,
        weights: Mapping[str, NDArray[Any]],
        vocabulary: dict[str, int],
        idf: NDArray[np.float64],
    ) -> None:
        self._chunks = chunks
        self._weights = dict(weights)
        self._vocabulary = vocabulary
        self._idf = idf

    @classmethod
    def fit(cls, chunks: Sequence[Chunk]) -> Self:
        """Index chunks."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
        found = vectorizer.fit_transform([terms(chunk.searched) for chunk in chunks]).tocoo()
        weights = {"chunk": found.row, "word": found.col, "weight": found.data}
        columns = {word: int(column) for word, column in vectorizer.vocabulary_.items()}
        return cls(len(chunks), weights, columns, vectorizer.idf_)

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        asked = np.zeros(len(self._idf))
        for word in set(terms(question)):
            if (column := self._vocabulary.get(word)) is not None:
                asked[column] = self._idf[column]
        length = np.linalg.norm(asked)
        if not length:
            return []
        shares = self._weights["weight"] * (asked / length)[self._weights["word"]]
        return best(np.bincount(self._weights["chunk"], shares, self._chunks), depth)

    def save(self, folder: Path) -> None:
        """See `Lexical`."""
        work = folder / FOLDER
        work.mkdir()
        chunk, word, weight = (self._weights[name] for name in ("chunk", "word", "weight"))
        np.savez(work / "weights.npz", chunks=self._chunks, chunk=chunk, word=word, weight=weight)
        np.save(work / "idf.npy", self._idf)
        (work / "vocabulary.json").write_text(json.dumps(self._vocabulary), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        work = folder / FOLDER
        vocabulary = json.loads((work / "vocabulary.json").read_text("utf-8"))
        idf = np.load(work / "idf.npy")
        with np.load(work / "weights.npz") as saved:
            weights = dict(saved)
        return cls(int(weights.pop("chunks")), weights, vocabulary, idf)


RANKERS: dict[str, type[Bm25] | type[Tfidf]] = {"bm25": Bm25, "tfidf": Tfidf}
