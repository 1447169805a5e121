"""The rungs of the ladder, boring first. Add, remove or reorder them here."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

from .toolkit.project.config import Params
from .toolkit.retrieval.embedder import EmbedderUnavailable
from .toolkit.retrieval.index import Setup
from .toolkit.training.comparison import Rung, RungUnavailable, without
from .toolkit.retrieval.retriever import Retriever, Sizes

BM25 = "BM25"
FUSION_K = (10, 60)
WEIGHTS = (0.3, 0.5, 0.7)


def make_rungs(sizes: Sizes, params: Params) -> list[Rung]:
    """The ladder.

    Parameters
    ----------
    sizes : Sizes
        The passages to be searched.
    params : Params

    Raises
    ------
    UserError
        If `ladder.skip` names a rung that is not on the ladder, or leaves fewer than two.
    """
    joined = list(sizes.sizes)
    fused = [
        Setup("bm25", True, size, k, weight)
        for size, k, weight in product(joined, FUSION_K, WEIGHTS)
    ]
    build = partial(_build, sizes)
    rungs = [
        Rung(
            BM25,
            "Counts the words that question and passage share: what the others must beat.",
            partial(build, [Setup("bm25", False, size) for size in joined]),
        ),
        Rung(
            "TF-IDF",
            "The same words, weighed as vectors.",
            partial(build, [Setup("tfidf", False, size) for size in joined]),
        ),
        Rung(
            "dense",
            f"Nearest by the vectors of {params.index.embedder}: finds other words of one meaning.",
            partial(build, [Setup(None, True, size) for size in joined]),
        ),
        Rung(
            "hybrid",
            "Both rankings, brought together by the places they give (reciprocal rank fusion).",
            partial(build, fused),
        ),
        Rung(
            "hybrid, reranked",
            "The best of the hybrid looked at again: a logistic regression on words and meaning.",
            partial(build, fused, rerank=True),
        ),
    ]
    return without(rungs, params.ladder.skip)


def _build(sizes: Sizes, setups: Sequence[Setup], features: Any, rerank: bool = False) -> Retriever:
    if setups[0].meaning:
        try:
            for size in sizes.sizes.values():
                _ = size.dense
        except EmbedderUnavailable as error:
            raise RungUnavailable(str(error)) from error
    return Retriever(sizes, setups, rerank)
