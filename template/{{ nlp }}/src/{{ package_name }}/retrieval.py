"""How two rankings become one: by the places they give, then looked at again by the reranker.

Training, evaluation and the service all call `arrange`, so that what was measured is what is served.
"""

from collections.abc import Sequence

from .features import rerank_features
from .toolkit.retrieval.chunks import Chunk
from .toolkit.retrieval.index import Ranking, Setup

# The reranker looks at so many. Each costs time at every request, and what lies deeper is rarely right.
RERANKED = 30


def arrange(
    question: str, chunks: Sequence[Chunk], setup: Setup, lexical: Ranking, dense: Ranking
) -> Ranking:
    """Rank chunks as a setup says.

    Parameters
    ----------
    question : str
    chunks : sequence of Chunk
    setup : Setup
        Which rankings count, how they are fused, and the reranker.
    lexical, dense : list of (row, score)
        Rows of `chunks`, best first; a ranking that the setup does not use is empty.

    Returns
    -------
    list of (row, score)
    """
    if not setup.dense:
        return lexical
    if setup.lexical is None:
        return dense
    fused = fuse(lexical, dense, setup.k, setup.weight)
    if setup.reranker is None:
        return fused
    candidates, rest = fused[:RERANKED], fused[RERANKED:]
    features = rerank_features(question, chunks, candidates, lexical, dense)
    reranked = [
        (row, setup.reranker.score(each))
        for (row, _), each in zip(candidates, features, strict=True)
    ]
    reranked.sort(key=lambda pair: -pair[1])
    # The others follow in their order, below the last of these.
    lowest = reranked[-1][1] if reranked else 0.0
    return reranked + [(row, lowest - 1 - place) for place, (row, _) in enumerate(rest)]


def fuse(lexical: Ranking, dense: Ranking, k: int, weight: float) -> Ranking:
    """Weighted reciprocal rank fusion; a score is 1 where both rankings put the chunk first.

    Places are compared, not scores: a BM25 score and a cosine have no common scale (Cormack, Clarke
    and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods").
    """
    scores: dict[int, float] = {}
    for share, ranking in ((1 - weight, lexical), (weight, dense)):
        for place, (row, _) in enumerate(ranking):
            scores[row] = scores.get(row, 0.0) + share * (k + 1) / (k + 1 + place)
    return sorted(scores.items(), key=lambda pair: -pair[1])
