"""The candidate retrievers, simplest first. Add, remove or reorder them here.

Each is an estimator: `fit` takes training questions and the documents that answer them, `rank` gives
documents for questions. BM25 counts words and needs no training; what a candidate chooses from the
training questions is listed in its setups, and nothing else is fitted.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax
from sklearn.base import BaseEstimator

from .features import rerank_features
from .retrieval import arrange
from .toolkit.retrieval import scores
from .toolkit.retrieval.corpus import Corpus
from .toolkit.retrieval.embedder import EmbedderUnavailable
from .toolkit.retrieval.index import Index, Reranker, Setup, documents_of
from .toolkit.training.comparison import Candidate, CandidateUnavailable, drop_skipped

BM25 = "BM25"
# Around the 60 of the paper, and whether words or vectors weigh more: six settings, no finer, since
# a few dozen training questions cannot tell more of them apart.
# The mean MRR@10 that is asked of each kind of question (toolkit/documents/kinds.py says which is which).
BARS = {"direct": 0.80, "own words": 0.60, "hard": 0.42}
FUSION_K = (10, 60)
DENSE_WEIGHTS = (0.3, 0.5, 0.7)
PENALTY = 1.0  # on the squares of the reranker's weights, of features of one spread


def make_candidates(corpus: Corpus, embedder: str, skip: list[str]) -> list[Candidate]:
    """The ladder.

    Parameters
    ----------
    corpus : Corpus
        The chunks to be searched, in every size.
    embedder : str
        What gives the vectors, for the reason.
    skip : list of str
        Names of candidates to leave out.

    Raises
    ------
    UserError
        If `skip` names no candidate, or leaves fewer than two.
    """
    sizes = list(corpus.sizes)
    fusions = [
        Setup("bm25", True, size, k, weight)
        for size, k, weight in product(sizes, FUSION_K, DENSE_WEIGHTS)
    ]
    candidates = [
        Candidate(
            BM25,
            "Counts the words that question and passage share: what the others must beat.",
            lambda _: Retriever(corpus, [Setup("bm25", False, size) for size in sizes]),
        ),
        Candidate(
            "TF-IDF",
            "The same words, weighed as vectors.",
            lambda _: Retriever(corpus, [Setup("tfidf", False, size) for size in sizes]),
        ),
        Candidate(
            "dense",
            f"Nearest by the vectors of {embedder}: finds other words of one meaning.",
            lambda _: Retriever(corpus, [Setup(None, True, size) for size in sizes]),
        ),
        Candidate(
            "hybrid",
            "Both rankings merged by reciprocal rank fusion.",
            lambda _: Retriever(corpus, fusions),
        ),
        Candidate(
            "hybrid, reranked",
            "The best of the hybrid looked at again: a logistic regression on seven features "
            "of a document's parts.",
            # Of the smallest chunks, since neighbours are among the parts.
            lambda _: Retriever(corpus, [Setup("bm25", True, sizes[0])], rerank=True),
        ),
    ]
    return drop_skipped(candidates, skip)


class Retriever(BaseEstimator):
    """The best of some setups, by MRR at 10 on the training questions; the first of equals.

    Parameters
    ----------
    corpus : Corpus
        What is searched.
    setups : sequence of Setup
        Simple ones first.
    rerank : bool
        Whether a reranker is learned on top of the chosen one.
    """

    def __init__(self, corpus: Corpus, setups: Sequence[Setup], rerank: bool = False) -> None:
        self.corpus = corpus
        self.setups = setups
        self.rerank = rerank

    def fit(self, questions: Sequence[str], relevant: NDArray[Any]) -> Self:
        """Choose a setup.

        Parameters
        ----------
        questions : sequence of str
            n of them.
        relevant : ndarray of shape (n,) of sets of document ids

        Raises
        ------
        CandidateUnavailable
            If the vectors cannot be had here.
        """
        try:
            found = [self._score(setup, questions, relevant) for setup in self.setups]
        except EmbedderUnavailable as error:
            raise CandidateUnavailable(str(error)) from error
        self.setup_ = self.setups[found.index(max(found))]
        if self.rerank:
            reranker = learn_reranker(self.corpus, self.setup_, questions, relevant)
            self.setup_ = replace(self.setup_, reranker=reranker)
        return self

    def rank(self, questions: Sequence[str]) -> list[list[str]]:
        """The ids of the ten best documents for each question, best first."""
        return [self._documents(self.setup_, question) for question in questions]

    def index(self) -> Index:
        """The chosen chunks, searched as chosen."""
        return self.corpus.index(self.setup_, arrange)

    def _score(self, setup: Setup, questions: Sequence[str], relevant: NDArray[Any]) -> float:
        found = self.corpus.found
        for question in questions:
            if (setup, question) not in found:
                found[setup, question] = self._documents(setup, question)
        rankings = [found[setup, question] for question in questions]
        return scores.score(scores.METRIC, rankings, relevant)

    def _documents(self, setup: Setup, question: str) -> list[str]:
        chunks = self.corpus.chunks(setup)
        lexical, dense = self.corpus.rankings(setup, question)
        ranking = arrange(question, chunks, setup, lexical, dense)
        return documents_of([chunks[row] for row, _ in ranking], scores.DEPTH)


def learn_reranker(
    corpus: Corpus, setup: Setup, questions: Sequence[str], relevant: NDArray[Any]
) -> Reranker:
    """A conditional logistic regression on what is found for each training question.

    Documents are compared within their question only, which is what a ranking does: the weights make
    it most likely that the first is a relevant one (Cao, Qin, Liu, Tsai and Li 2007, "Learning
    to Rank: From Pairwise Approach to Listwise Approach"). Linear, since a few hundred questions
    teach no more, and since each of its weights can be read.
    """
    chunks = corpus.chunks(setup)
    lists: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    names: list[str] = []
    for question, wanted in zip(questions, relevant, strict=True):
        found = rerank_features(question, chunks, *corpus.rankings(setup, question))
        is_relevant = np.array([doc in wanted for doc in found], dtype=bool)
        if is_relevant.any():
            names = list(next(iter(found.values())))
            rows = np.array([[each[name] for name in names] for each in found.values()])
            lists.append((rows, is_relevant))
    if not lists:
        return Reranker({"similarity": 1.0})  # nothing to learn from
    scale = np.concatenate([rows for rows, _ in lists]).std(axis=0)
    scale[scale == 0] = 1.0

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, slope = PENALTY * float(weights @ weights), 2 * PENALTY * weights
        for rows, is_relevant in lists:
            rows = rows / scale
            chance = softmax(rows @ weights)
            right = float(chance[is_relevant].sum()) + 1e-12
            total -= float(np.log(right))
            slope = slope - rows.T @ (chance * is_relevant / right - chance)
        return total, slope

    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    # Of the features as they are: the service scales nothing.
    return Reranker(dict(zip(names, (found / scale).tolist(), strict=True)))
