"""Chunks ranked by the words that they share with a question: BM25 and TF-IDF."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray
from scipy import sparse

from ..documents.tokenize import STOP_WORDS
from .chunks import Chunk
from .index import Ranker, Ranking

FOLDER = "words"

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells of each index it builds


class Lexical(Ranker, Protocol):
    """Ranks chunks by their words, and can be written into a bundle."""

    def save(self, folder: Path) -> None:
        """Write what `load` reads."""


def tokens(texts: Sequence[str]) -> list[list[str]]:
    """Stems of the words of each text, stop words left out."""
    found = bm25s.tokenize(
        list(texts),
        stopwords=sorted(STOP_WORDS),
        stemmer=Stemmer.Stemmer("english"),
        return_ids=False,
        show_progress=False,
    )
    return [list(each) for each in found]


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
        index.index(tokens([chunk.searched for chunk in chunks]), show_progress=False)
        return cls(index)

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        words = [word for word in tokens([question])[0] if word in self._index.vocab_dict]
        return best(self._index.get_scores(words), depth) if words else []

    def save(self, folder: Path) -> None:
        """See `Lexical`."""
        self._index.save(folder / FOLDER, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(bm25s.BM25.load(folder / FOLDER, load_vocab=True, mmap=False))


class Tfidf:
    """Cosine of TF-IDF vectors: the weights are scikit-learn's, the search needs only SciPy.

    Parameters
    ----------
    weights : sparse array of shape (chunks, words)
        Rows of length 1.
    vocabulary : dict of str to int
        A word's column.
    idf : ndarray of shape (words,)
    """

    def __init__(self, weights: Any, vocabulary: dict[str, int], idf: NDArray[np.float64]) -> None:
        self._weights = sparse.csr_array(weights)
        self._vocabulary = vocabulary
        self._idf = idf

    @classmethod
    def fit(cls, chunks: Sequence[Chunk]) -> Self:
        """Index chunks."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
        weights = vectorizer.fit_transform(tokens([chunk.searched for chunk in chunks]))
        columns = {word: int(column) for word, column in vectorizer.vocabulary_.items()}
        return cls(weights, columns, vectorizer.idf_)

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        asked = np.zeros(len(self._idf))
        for word in set(tokens([question])[0]):
            if (column := self._vocabulary.get(word)) is not None:
                asked[column] = self._idf[column]
        length = np.linalg.norm(asked)
        return best(self._weights @ (asked / length), depth) if length else []

    def save(self, folder: Path) -> None:
        """See `Lexical`."""
        work = folder / FOLDER
        work.mkdir()
        sparse.save_npz(work / "weights.npz", self._weights)
        np.save(work / "idf.npy", self._idf)
        (work / "vocabulary.json").write_text(json.dumps(self._vocabulary), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        work = folder / FOLDER
        vocabulary = json.loads((work / "vocabulary.json").read_text("utf-8"))
        return cls(sparse.load_npz(work / "weights.npz"), vocabulary, np.load(work / "idf.npy"))


RANKERS: dict[str, type[Bm25] | type[Tfidf]] = {"bm25": Bm25, "tfidf": Tfidf}
