"""Chunks in every size that may be chosen, and the rankings that candidates are made of.

Nothing here depends on a question's labels, so it is made once for all folds.
"""

from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..stores.exact import Exact
from .chunks import Chunk, join, neighbours
from .index import DEPTH, Arrange, Dense, Index, Ranker, Ranking, Setup
from .lexical import RANKERS, Lexical

Vectors = NDArray[np.float32]
R = TypeVar("R", bound=Ranker)


class CachedRanker(Generic[R]):
    """Ranks each question once, however many folds and setups ask."""

    def __init__(self, ranker: R) -> None:
        self.ranker = ranker
        self._known: dict[str, Ranking] = {}

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        if question not in self._known:
            self._known[question] = self.ranker.ranking(question, DEPTH)
        return self._known[question][:depth]


class ChunkSize:
    """All chunks of one size, and the rankers over them, made when they are first asked for.

    Parameters
    ----------
    chunks : list of Chunk
    vectors : callable
        Gives their vectors, shape (n, d) and length 1.
    embed : callable
        From a question to its vector.
    """

    def __init__(
        self, chunks: list[Chunk], vectors: Callable[[], Vectors], embed: Callable[[str], Vectors]
    ) -> None:
        self.chunks = chunks
        self._make_vectors = vectors
        self._embed = embed
        self._lexical: dict[str, CachedRanker[Lexical]] = {}

    @cached_property
    def vectors(self) -> Vectors:
        """Unit vectors of the chunks, shape (n, d)."""
        return self._make_vectors()

    @cached_property
    def dense(self) -> CachedRanker[Dense]:
        """Ranked by cosine; every vector is compared."""
        store, ids = Exact(self.vectors.shape[1]), [chunk.id for chunk in self.chunks]
        store.add(ids, self.vectors)
        return CachedRanker(Dense(store, self._embed, ids))

    def lexical(self, kind: str) -> CachedRanker[Lexical]:
        """Ranked by shared words: `bm25` or `tfidf`."""
        if kind not in self._lexical:
            self._lexical[kind] = CachedRanker(RANKERS[kind].fit(self.chunks))
        return self._lexical[kind]


class Corpus:
    """All chunks in every size that may be chosen.

    A larger chunk is some neighbours of a document. Its vector is the mean of theirs, scaled to
    length 1, so that trying a size costs no further embedding.

    Parameters
    ----------
    chunks : list of Chunk
        The smallest.
    sizes : sequence of int
        How many neighbours may be joined.
    vectors : callable
        Gives the vectors of the smallest, shape (n, d); called once, if at all.
    embed : callable
        From a question to its vector.
    """

    def __init__(
        self,
        chunks: list[Chunk],
        sizes: Sequence[int],
        vectors: Callable[[], Vectors],
        embed: Callable[[str], Vectors],
    ) -> None:
        # What setups without a reranker find, once however many folds ask.
        self.found: dict[tuple[Setup, str], list[str]] = {}
        base = cache(vectors)
        self.sizes: dict[int, ChunkSize] = {}
        for size in sorted(set(sizes)):
            rows = neighbours(chunks, size)
            joined = [join(chunks, each) for each in rows]
            self.sizes[size] = ChunkSize(joined, partial(_means, base, rows), embed)

    def chunks(self, setup: Setup) -> list[Chunk]:
        """The chunks of the size that a setup searches."""
        return self.sizes[setup.joined].chunks

    def rankings(self, setup: Setup, question: str) -> tuple[Ranking, Ranking]:
        """What the lexical and the dense ranker of a setup find; empty for one it does not use."""
        size = self.sizes[setup.joined]
        return (
            size.lexical(setup.lexical).ranking(question, DEPTH) if setup.lexical else [],
            size.dense.ranking(question, DEPTH) if setup.dense else [],
        )

    def index(self, setup: Setup, arrange: Arrange) -> Index:
        """The chunks, searched as a setup says."""
        size = self.sizes[setup.joined]
        lexical = size.lexical(setup.lexical) if setup.lexical else None
        return Index(size.chunks, setup, lexical, size.dense if setup.dense else None, arrange)


def _means(base: Callable[[], Vectors], rows: list[list[int]]) -> Vectors:
    vectors = base()
    means = np.stack([vectors[each].mean(axis=0) for each in rows])
    return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
