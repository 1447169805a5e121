"""Retrievers as estimators: what the training questions choose, and nothing else, is fitted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ..documents.chunking import join, joined
from ..documents.passages import Chunk
from ..stores.exact import Exact
from . import scores
from .index import (
    CANDIDATES,
    DEPTH,
    FEATURES,
    Dense,
    Index,
    Ranking,
    Reranker,
    Setup,
    Way,
    arrange,
    documents,
    features,
)
from .lexical import Bm25, Tfidf


class Remembered:
    """A way that ranks each question once, however many folds and settings ask."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self._known: dict[str, Ranking] = {}

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Way`."""
        if question not in self._known:
            self._known[question] = self.way.ranking(question, DEPTH)
        return self._known[question][:depth]


@dataclass
class Size:
    """All passages of one size, and the ways to rank them, made when they are first asked for.

    Attributes
    ----------
    chunks : list of Chunk
        The passages.
    vectors : callable
        Gives their vectors, shape (n, d) and length 1.
    embed : callable
        From a question to its vector.
    """

    chunks: list[Chunk]
    vectors: Callable[[], NDArray[np.float32]]
    embed: Callable[[str], NDArray[np.float32]]

    @cached_property
    def bm25(self) -> Remembered:
        """Ranked by BM25."""
        return Remembered(Bm25.fit(self.chunks))

    @cached_property
    def tfidf(self) -> Remembered:
        """Ranked by TF-IDF."""
        return Remembered(Tfidf.fit(self.chunks))

    @cached_property
    def dense(self) -> Remembered:
        """Ranked by meaning; every vector is compared."""
        vectors = self.vectors()
        store, ids = Exact(vectors.shape[1]), [chunk.id for chunk in self.chunks]
        store.add(ids, vectors)
        return Remembered(Dense(store, self.embed, ids))

    def words(self, setup: Setup) -> Remembered | None:
        """The way by words that a setup wants."""
        return {None: lambda: None, "bm25": lambda: self.bm25, "tfidf": lambda: self.tfidf}[
            setup.words
        ]()

    def index(self, setup: Setup) -> Index:
        """These passages, searched as a setup says."""
        return Index(self.chunks, setup, self.words(setup), self.dense if setup.meaning else None)


class Sizes:
    """Passages in every size that may be chosen.

    A larger passage is some neighbours of a document. Its vector is the mean of theirs, scaled to
    length 1, so that trying a size costs no further embedding.

    Parameters
    ----------
    passages : list of Chunk
        The smallest.
    sizes : sequence of int
        How many neighbours may be joined.
    vectors : callable
        Gives the vectors of the smallest, shape (n, d); called once, if at all.
    embed : callable
        From a question to its vector; called once for each.
    """

    def __init__(
        self,
        passages: list[Chunk],
        sizes: Sequence[int],
        vectors: Callable[[], NDArray[np.float32]],
        embed: Callable[[str], NDArray[np.float32]],
    ) -> None:
        self._vectors = vectors
        self._base: NDArray[np.float32] | None = None
        self._asked: dict[str, NDArray[np.float32]] = {}
        self._encode = embed
        self.sizes: dict[int, Size] = {}
        self.rows: dict[int, list[list[int]]] = {}
        for size in sorted(set(sizes)):
            rows = join(passages, size)
            self.rows[size] = rows
            chunks = [joined(passages, each) for each in rows]
            self.sizes[size] = Size(chunks, self._mean_of(rows), self._embed)

    def _embed(self, question: str) -> NDArray[np.float32]:
        if question not in self._asked:
            self._asked[question] = self._encode(question)
        return self._asked[question]

    def _mean_of(self, rows: list[list[int]]) -> Callable[[], NDArray[np.float32]]:
        def vectors() -> NDArray[np.float32]:
            if self._base is None:
                self._base = self._vectors()
            base = self._base
            means = np.stack([base[each].mean(axis=0) for each in rows])
            return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)

        return vectors


class Retriever:
    """The best of some setups, by MRR at 10 on the training questions; the first of equals.

    Parameters
    ----------
    sizes : Sizes
        What is searched.
    setups : iterable of Setup
        Simple ones first.
    rerank : bool
        Whether a reranker is learned on top of the chosen one.
    """

    def __init__(self, sizes: Sizes, setups: Iterable[Setup], rerank: bool = False) -> None:
        self.sizes = sizes
        self.setups = list(setups)
        self.rerank = rerank

    def fit(self, questions: Sequence[str], relevant: NDArray[Any]) -> Self:
        """Choose a setup.

        Parameters
        ----------
        questions : sequence of str
            n of them.
        relevant : ndarray of shape (n,) of sets of document ids
        """
        tried = [(self._judge(setup, questions, relevant), setup) for setup in self.setups]
        self.setup_ = max(tried, key=lambda pair: pair[0])[1]
        if self.rerank:
            self.setup_ = replace(self.setup_, reranker=self._learn(questions, relevant))
        return self

    def rank(self, questions: Sequence[str]) -> list[list[str]]:
        """The ids of the ten best documents for each question, best first."""
        return [self._documents(self.setup_, question) for question in questions]

    def index(self) -> Index:
        """The chosen passages, searched as chosen."""
        return self.sizes.sizes[self.setup_.joined].index(self.setup_)

    def _judge(self, setup: Setup, questions: Sequence[str], relevant: NDArray[Any]) -> float:
        rankings = [self._documents(setup, question) for question in questions]
        return scores.score(scores.METRIC, rankings, relevant)

    def _documents(self, setup: Setup, question: str) -> list[str]:
        size = self.sizes.sizes[setup.joined]
        rows = [row for row, _ in self._arranged(setup, question)]
        return documents([size.chunks[row] for row in rows], scores.DEPTH)

    def _rankings(self, setup: Setup, question: str) -> tuple[Ranking, Ranking]:
        size = self.sizes.sizes[setup.joined]
        words = size.words(setup)
        return (
            words.ranking(question, DEPTH) if words else [],
            size.dense.ranking(question, DEPTH) if setup.meaning else [],
        )

    def _arranged(self, setup: Setup, question: str) -> Ranking:
        chunks = self.sizes.sizes[setup.joined].chunks
        return arrange(question, chunks, setup, *self._rankings(setup, question))

    def _learn(self, questions: Sequence[str], relevant: NDArray[Any]) -> Reranker:
        """A logistic regression on candidates of training questions: relevant or not."""
        chunks = self.sizes.sizes[self.setup_.joined].chunks
        rows, labels = [], []
        for question, wanted in zip(questions, relevant, strict=True):
            head = self._arranged(self.setup_, question)[:CANDIDATES]
            seen = features(question, chunks, head, *self._rankings(self.setup_, question))
            rows += [[each[name] for name in FEATURES] for each in seen]
            labels += [chunks[row].doc in wanted for row, _ in head]
        if len(set(labels)) < 2:
            return Reranker({"fused": 1.0})
        scaler = StandardScaler().fit(rows)
        model = LogisticRegression(class_weight="balanced").fit(scaler.transform(rows), labels)
        weights = model.coef_[0] / scaler.scale_
        return Reranker(dict(zip(FEATURES, weights.tolist(), strict=True)))
