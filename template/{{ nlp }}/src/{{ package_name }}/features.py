"""Features of your own: what a question and what was found for it are turned into.

Two small models read them, both fitted on the training questions: the reranker, which looks at the
best chunks again, and the confidence, which decides whether there is an answer at all. The service
computes them for every question, so they use nothing but the question and the index.
"""

from collections.abc import Sequence
from functools import lru_cache

from .toolkit.documents.tokenize import stems
from .toolkit.retrieval.chunks import Chunk, Hit
from .toolkit.retrieval.index import Ranking


def rerank_features(
    question: str, chunks: Sequence[Chunk], candidates: Ranking, lexical: Ranking, dense: Ranking
) -> list[dict[str, float]]:
    """What the reranker sees of each candidate, in their order.

    Parameters
    ----------
    question : str
    chunks : sequence of Chunk
        All of them.
    candidates : list of (row, score)
        The chunks to be looked at again, with their fused scores.
    lexical, dense : list of (row, score)
        The two rankings that were fused.
    """
    by_words, by_vector = dict(lexical), dict(dense)
    # BM25 has no scale of its own: what counts is how near a chunk comes to the best of its question.
    most = max(by_words.values(), default=1.0)
    asked = stems(question)
    n = max(len(asked), 1)
    return [
        {
            "fused": fused,
            "lexical": by_words.get(row, 0.0) / most,
            "similarity": by_vector.get(row, 0.0),
            "title": len(asked & _stems(chunks[row].title)) / n,
            "coverage": len(asked & _stems(chunks[row].text)) / n,
            # Documentation says first what a thing is.
            "first": float(chunks[row].id.endswith("#0")),
        }
        for row, fused in candidates
    ]


def confidence_features(
    question: str, hits: Sequence[Hit], vocabulary: frozenset[str]
) -> dict[str, float]:
    """What can be seen of how well hits fit a question.

    Parameters
    ----------
    question : str
    hits : sequence of Hit
        What was found, best first.
    vocabulary : frozenset of str
        The stems of the whole corpus; an empty one tells nothing.

    Returns
    -------
    dict of str to float
        `similarity`: largest cosine of the embeddings, 0 where there are none. `standing_out`: how
        far it lies above their mean; where nothing fits, all passages are equally far. `coverage`:
        largest share of the question's content words in one chunk. `unknown`: share of them that
        the corpus does not have.
    """
    asked = stems(question)
    if not hits or not asked:
        return {"similarity": 0.0, "standing_out": 0.0, "coverage": 0.0, "unknown": 1.0}
    held = [asked & stems(hit.chunk.searched) for hit in hits]
    cosines = [hit.similarity or 0.0 for hit in hits]
    return {
        "similarity": max(cosines),
        "standing_out": max(cosines) - sum(cosines) / len(cosines),
        "coverage": max(len(words) for words in held) / len(asked),
        "unknown": len(asked - vocabulary) / len(asked) if vocabulary else 0.0,
    }


@lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return stems(text)
