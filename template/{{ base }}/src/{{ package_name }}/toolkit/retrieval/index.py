"""The index: chunks, the rankers over them, and how the training questions set it up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..documents.tokenize import vocabulary
from ..stores import Store
from .chunks import Chunk, Hit

# Rows of chunks with scores, best first.
Ranking: TypeAlias = list[tuple[int, float]]
DEPTH = 100  # chunks that a ranker may put forward


class Ranker(Protocol):
    """Ranks chunks for a question."""

    def ranking(self, question: str, depth: int) -> Ranking:
        """Rows of at most `depth` chunks, best first, with scores."""


class Dense:
    """Chunks ranked by the cosine between their vectors and the question's.

    Parameters
    ----------
    store : Store
        The vectors, by chunk id.
    embed : callable
        From a question to its vector.
    ids : sequence of str
        The chunks' ids, by row.
    """

    def __init__(
        self, store: Store, embed: Callable[[str], NDArray[np.float32]], ids: Sequence[str]
    ) -> None:
        self.store = store
        self._embed = embed
        self._rows = {name: row for row, name in enumerate(ids)}

    def ranking(self, question: str, depth: int) -> Ranking:
        """See `Ranker`."""
        found = self.store.search(self._embed(question), depth)
        return [(self._rows[name], cosine) for name, cosine in found if name in self._rows]


@dataclass(frozen=True)
class Reranker:
    """A linear model over the features of a chunk that was found.

    Attributes
    ----------
    weights : mapping of str to float
        By the feature's name.
    """

    weights: Mapping[str, float]

    def score(self, features: Mapping[str, float]) -> float:
        """Higher is more likely relevant."""
        return sum(weight * features[name] for name, weight in self.weights.items())


@dataclass(frozen=True)
class Setup:
    """How an index is searched, as the training questions chose it.

    Attributes
    ----------
    lexical : str or None
        `bm25` or `tfidf`.
    dense : bool
        Whether vectors are searched.
    joined : int
        Neighbouring chunks that make one.
    k : int
        The constant of reciprocal rank fusion; the larger, the less the first places stand out.
    weight : float
        Of the dense ranking, from 0 to 1; the lexical one has the rest.
    reranker : Reranker or None
    """

    lexical: str | None
    dense: bool
    joined: int = 1
    k: int = 60
    weight: float = 0.5
    reranker: Reranker | None = None

    def to_json(self) -> dict[str, Any]:
        """For the bundle's metadata, where the two rankings are called `words` and `meaning`."""
        value = asdict(self)
        return {"words": value.pop("lexical"), "meaning": value.pop("dense"), **value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Setup":
        """What `to_json` wrote."""
        rest = dict(value)
        weights = rest.pop("reranker", None)
        reranker = Reranker(**weights) if weights else None
        return cls(rest.pop("words"), rest.pop("meaning"), **rest, reranker=reranker)


Arrange: TypeAlias = Callable[[str, Sequence[Chunk], Setup, Ranking, Ranking], Ranking]


class Index:
    """Chunks that can be searched.

    Parameters
    ----------
    chunks : list of Chunk
    setup : Setup
        How they are searched.
    lexical, dense : Ranker or None
        As the setup wants them.
    arrange : callable
        From a question, the chunks, the setup and both rankings to one.
    """

    def __init__(
        self,
        chunks: list[Chunk],
        setup: Setup,
        lexical: Ranker | None,
        dense: Ranker | None,
        arrange: Arrange,
    ) -> None:
        self.chunks = chunks
        self.setup = setup
        self._lexical = lexical
        self._dense = dense
        self._arrange = arrange
        self.vocabulary = vocabulary(chunk.searched for chunk in chunks)

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` best chunks, best first."""
        lexical = self._lexical.ranking(question, DEPTH) if self._lexical else []
        dense = self._dense.ranking(question, DEPTH) if self._dense else []
        ranked = self._arrange(question, self.chunks, self.setup, lexical, dense)
        cosines = dict(dense)
        return [Hit(self.chunks[row], score, cosines.get(row)) for row, score in ranked[:k]]

    def documents(self, question: str, k: int) -> list[str]:
        """The ids of the `k` best documents, each in the place of its best chunk."""
        return documents_of([hit.chunk for hit in self.search(question, 2 * DEPTH)], k)


def documents_of(found: Sequence[Chunk], k: int) -> list[str]:
    """The first `k` different documents of chunks, in order."""
    return list(dict.fromkeys(chunk.doc for chunk in found))[:k]
