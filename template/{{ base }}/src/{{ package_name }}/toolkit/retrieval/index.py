"""Passages, the ways to rank them, and how the ways are brought together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..documents.passages import Chunk, Hit
from ..documents.tokenize import stems, vocabulary
from ..stores import Store

Ranking = list[tuple[int, float]]
DEPTH = 100  # passages that a way may put forward
CANDIDATES = 30  # that are looked at again
FEATURES = ("fused", "words", "meaning", "title", "coverage", "first")


class Way(Protocol):
    """A way to rank passages."""

    def ranking(self, question: str, depth: int) -> Ranking:
        """Rows of passages, best first, with scores."""


class Dense:
    """Passages ranked by the cosine between their vectors and the question's.

    Parameters
    ----------
    store : Store
        The vectors, by passage id.
    embed : callable
        From a question to its vector.
    ids : sequence of str
        The passages' ids, by row.
    """

    def __init__(
        self, store: Store, embed: Callable[[str], NDArray[np.float32]], ids: Sequence[str]
    ) -> None:
        self.store = store
        self._embed = embed
        self._rows = {name: row for row, name in enumerate(ids)}

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Way`."""
        found = self.store.search(self._embed(question), depth)
        return [(self._rows[name], cosine) for name, cosine in found if name in self._rows]


@dataclass(frozen=True)
class Reranker:
    """A logistic regression that looks at the best passages again.

    Attributes
    ----------
    weights : mapping of str to float
        Of the `FEATURES` as they are.
    """

    weights: Mapping[str, float]

    def score(self, features: Mapping[str, float]) -> float:
        """Higher is more likely relevant."""
        return sum(weight * features[name] for name, weight in self.weights.items())


@dataclass(frozen=True)
class Setup:
    """What the training questions chose.

    Attributes
    ----------
    words : str or None
        `bm25` or `tfidf`.
    meaning : bool
        Whether vectors are searched.
    joined : int
        Neighbouring passages that make one.
    k : int
        The constant of reciprocal rank fusion; the larger, the less the first places stand out.
    weight : float
        Of the ranking by meaning, from 0 to 1; that by words has the rest.
    reranker : Reranker or None
    """

    words: str | None
    meaning: bool
    joined: int = 1
    k: int = 60
    weight: float = 0.5
    reranker: Reranker | None = None

    def to_json(self) -> dict[str, Any]:
        """For the bundle's metadata."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Setup":
        """What `to_json` wrote."""
        weights = value.get("reranker")
        return cls(**{**value, "reranker": Reranker(**weights) if weights else None})


class Index:
    """Passages that can be searched.

    Parameters
    ----------
    chunks : list of Chunk
        The passages.
    setup : Setup
        How they are searched.
    words, meaning : Way or None
        As the setup wants them.
    """

    def __init__(
        self, chunks: list[Chunk], setup: Setup, words: Way | None, meaning: Way | None
    ) -> None:
        self.chunks = chunks
        self.setup = setup
        self._words = words
        self._meaning = meaning
        self.vocabulary = vocabulary(f"{chunk.title}\n{chunk.text}" for chunk in chunks)

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` best passages, best first."""
        words = self._words.ranking(question, DEPTH) if self._words else []
        meaning = self._meaning.ranking(question, DEPTH) if self._meaning else []
        ranked = arrange(question, self.chunks, self.setup, words, meaning)
        cosines = dict(meaning)
        return [Hit(self.chunks[row], score, cosines.get(row)) for row, score in ranked[:k]]

    def documents(self, question: str, k: int) -> list[str]:
        """The ids of the `k` best documents, each in the place of its best passage."""
        return documents([hit.chunk for hit in self.search(question, 2 * DEPTH)], k)


def documents(found: Sequence[Chunk], k: int) -> list[str]:
    """The first `k` different documents of passages, in order."""
    return list(dict.fromkeys(chunk.doc for chunk in found))[:k]


def arrange(
    question: str, chunks: Sequence[Chunk], setup: Setup, words: Ranking, meaning: Ranking
) -> Ranking:
    """Bring two rankings together as a setup says."""
    if not setup.meaning:
        return words
    if setup.words is None:
        return meaning
    fused = fuse(words, meaning, setup.k, setup.weight)
    if setup.reranker is None:
        return fused
    head, tail = fused[:CANDIDATES], fused[CANDIDATES:]
    seen = features(question, chunks, head, words, meaning)
    again = [(row, setup.reranker.score(each)) for (row, _), each in zip(head, seen, strict=True)]
    again.sort(key=lambda pair: -pair[1])
    lowest = again[-1][1] if again else 0.0
    return again + [(row, lowest - 1 - place) for place, (row, _) in enumerate(tail)]


def fuse(words: Ranking, meaning: Ranking, k: int, weight: float) -> Ranking:
    """Weighted reciprocal rank fusion; a score is 1 where both put the passage first.

    Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods".
    """
    scores: dict[int, float] = {}
    for share, ranking in ((1 - weight, words), (weight, meaning)):
        for place, (row, _) in enumerate(ranking):
            scores[row] = scores.get(row, 0.0) + share * (k + 1) / (k + 1 + place)
    return sorted(scores.items(), key=lambda pair: -pair[1])


def features(
    question: str, chunks: Sequence[Chunk], head: Ranking, words: Ranking, meaning: Ranking
) -> list[dict[str, float]]:
    """What a reranker sees of each candidate, in the order of `head`."""
    by_words, by_meaning = dict(words), dict(meaning)
    most = max(by_words.values(), default=1.0)
    asked = stems(question)
    n = max(len(asked), 1)
    return [
        {
            "fused": fused,
            "words": by_words.get(row, 0.0) / most,
            "meaning": by_meaning.get(row, 0.0),
            "title": len(asked & _stems(chunks[row].title)) / n,
            "coverage": len(asked & _stems(chunks[row].text)) / n,
            "first": float(chunks[row].id.endswith("#0")),
        }
        for row, fused in head
    ]


@lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return stems(text)
