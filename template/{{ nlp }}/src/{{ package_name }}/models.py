"""The candidate retrievers, simplest first. Add, remove or reorder them here.

Each is an estimator: `fit` takes training questions and the documents that answer them, `rank` gives
documents for questions. BM25 counts words and needs no training; what a candidate chooses from the
training questions is listed in its setups, and nothing else is fitted.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Self

from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from .features import rerank_features
from .retrieval import RERANKED, arrange
from .toolkit.retrieval import scores
from .toolkit.retrieval.corpus import Corpus
from .toolkit.retrieval.embedder import EmbedderUnavailable
from .toolkit.retrieval.index import Index, Reranker, Setup, documents_of
from .toolkit.training.comparison import Candidate, CandidateUnavailable, drop_skipped

BM25 = "BM25"
# Around the 60 of the paper, and whether words or vectors weigh more: six settings, no finer, since
# a few dozen training questions cannot tell more of them apart.
FUSION_K = (10, 60)
DENSE_WEIGHTS = (0.3, 0.5, 0.7)


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
            "The best of the hybrid looked at again: a logistic regression on six features.",
            lambda _: Retriever(corpus, fusions, rerank=True),
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
        rankings = [self._documents(setup, question) for question in questions]
        return scores.score(scores.METRIC, rankings, relevant)

    def _documents(self, setup: Setup, question: str) -> list[str]:
        chunks = self.corpus.chunks(setup)
        lexical, dense = self.corpus.rankings(setup, question)
        ranking = arrange(question, chunks, setup, lexical, dense)
        return documents_of([chunks[row] for row, _ in ranking], scores.DEPTH)


def learn_reranker(
    corpus: Corpus, setup: Setup, questions: Sequence[str], relevant: NDArray[Any]
) -> Reranker:
    """A logistic regression on the best chunks of the training questions: relevant or not.

    Linear, since a few dozen questions label no more than some hundred relevant chunks, and since
    each of its weights can be read. Far more chunks are irrelevant, so both kinds weigh the same.
    """
    chunks = corpus.chunks(setup)
    rows: list[dict[str, float]] = []
    labels: list[bool] = []
    for question, wanted in zip(questions, relevant, strict=True):
        lexical, dense = corpus.rankings(setup, question)
        best = arrange(question, chunks, setup, lexical, dense)[:RERANKED]
        rows += rerank_features(question, chunks, best, lexical, dense)
        labels += [chunks[row].doc in wanted for row, _ in best]
    if len(set(labels)) < 2:
        return Reranker({"fused": 1.0})  # nothing to learn: the order stays
    matrix = [list(each.values()) for each in rows]
    scaler = StandardScaler().fit(matrix)
    model = LogisticRegression(class_weight="balanced").fit(scaler.transform(matrix), labels)
    # Of the features as they are: the service scales nothing.
    weights = model.coef_[0] / scaler.scale_
    return Reranker(dict(zip(rows[0], weights.tolist(), strict=True)))
