"""How two rankings become one: by the places they give, then looked at again by the reranker.

Training, evaluation and the service all call `arrange`, so that what was measured is what is served.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from .features import rerank_features
from .toolkit.retrieval.chunks import Chunk
from .toolkit.retrieval.index import Ranking, Setup


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
    features = rerank_features(question, chunks, lexical, dense)
    worth = {doc: setup.reranker.score(each) for doc, each in features.items()}
    return by_document(fused, chunks, worth)


def by_document(ranking: Ranking, chunks: Sequence[Chunk], worth: Mapping[str, float]) -> Ranking:
    """Order chunks by what their documents are worth: first each one's best chunk, then its second.

    So the first few are of as many documents, which is what an answer draws on. Scores fall by a
    constant from round to round.
    """
    span = max(worth.values(), default=0.0) - min(worth.values(), default=0.0) + 1.0
    seen: Counter[str] = Counter()
    ranked = []
    for row, _ in ranking:
        doc = chunks[row].doc
        ranked.append((row, worth[doc] - span * seen[doc]))
        seen[doc] += 1
    return sorted(ranked, key=lambda pair: -pair[1])


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
