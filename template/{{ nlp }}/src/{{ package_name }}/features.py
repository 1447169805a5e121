"""Features of your own: what a question and what was found for it are turned into.

Two small models read them, both fitted on the training questions: the reranker, which looks at what
was found again, and the confidence, which decides whether there is an answer at all. The service
computes them for every question, so they use nothing but the question and the index.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from .toolkit.documents.tokenize import Sentence, sentences, stems
from .toolkit.retrieval.chunks import Chunk, Hit
from .toolkit.retrieval.index import Ranking

RERANKED_BY = [
    f"{part}{name}" for name in ("lexical", "similarity") for part in ("", "head ", "all ")
]
SEEN = """words margin lead first_similarity first_coverage similarity standing_out coverage
    sentence""".split()
NAMED = 3.0  # words that a code or a name counts for: who asks for one asks for nothing else


def rerank_features(
    question: str, chunks: Sequence[Chunk], lexical: Ranking, dense: Ranking
) -> dict[str, dict[str, float]]:
    """What the reranker sees of each document that was found.

    A document has parts with weights of their own: its nearest chunk, its head, and all that was
    found of it.

    Parameters
    ----------
    question : str
    chunks : sequence of Chunk
        All of them.
    lexical, dense : list of (row, score)
        The two rankings.

    Returns
    -------
    dict
        From a document's id to its features.
    """
    asked = stems(question)
    n = max(len(asked), 1)
    # BM25 has no scale of its own: what counts is how near a chunk comes to the best of its question.
    most = max((score for _, score in lexical), default=1.0)
    # A chunk that the vectors did not put forward is no nearer than the last that they did.
    least = min((score for _, score in dense), default=0.0)
    found: dict[str, dict[str, float]] = {}
    for name, ranking, zero, unit in (
        ("lexical", lexical, 0.0, most),
        ("similarity", dense, least, 1.0),
    ):
        for row, score in ranking:
            chunk, nearness = chunks[row], (score - zero) / unit
            mine = found.setdefault(
                chunk.doc,
                dict.fromkeys(RERANKED_BY, 0.0) | {"title": len(asked & _stems(chunk.title)) / n},
            )
            mine[name] = max(mine[name], nearness)
            mine[f"all {name}"] += nearness
            # Documentation says first what a thing is, whichever of its chunks was found.
            if chunk.id.endswith("#0"):
                mine[f"head {name}"] = nearness
    return found


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
        far it lies above their mean; where nothing fits, all passages are equally far. `words`: the
        logarithm of how many the question has. `margin` and
        `lead`: how far the score of the first lies above that of the second, and above their mean.
        `first_similarity`, `first_coverage`: of the first alone. `coverage`:
        largest share of the question's content words in one chunk. `sentence`: the same of one
        sentence and its title. `unknown`: share of them that the corpus does not have. Codes and
        names count for several words in shares.
    """
    asked = {stem: weight(stem) for stem in stems(question)}
    if not hits or not asked:
        return dict.fromkeys(SEEN, 0.0) | {"unknown": 1.0}
    whole = sum(asked.values())

    def share(words: frozenset[str]) -> float:
        return sum(asked[stem] for stem in words & asked.keys()) / whole

    cosines = [hit.similarity or 0.0 for hit in hits]
    worth = [hit.score for hit in hits]
    return {
        "words": math.log(1 + len(asked)),
        "margin": worth[0] - worth[1] if len(worth) > 1 else 0.0,
        "lead": worth[0] - sum(worth) / len(worth),
        "first_similarity": cosines[0],
        "first_coverage": share(_stems(hits[0].chunk.searched)),
        "similarity": max(cosines),
        "standing_out": max(cosines) - sum(cosines) / len(cosines),
        "coverage": max(share(_stems(hit.chunk.searched)) for hit in hits),
        "sentence": max(
            share(each.stems | _stems(hit.chunk.title))
            for hit in hits
            for each in [*sentences(hit.chunk.text), Sentence("", frozenset(), 0)]
        ),
        "unknown": share(frozenset(asked) - vocabulary) if vocabulary else 0.0,
    }


def weight(stem: str) -> float:
    """How much a term of a question counts: a code such as E1234 or a name such as US for several."""
    named = any(character.isdigit() for character in stem) or stem.isupper()
    return NAMED if named else 1.0


@lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    return stems(text)
