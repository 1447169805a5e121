"""Checks for ways in which the questions would flatter the search."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from .questions import Question
from .reading import Document
from .tokenize import stems

NEAR = 0.95
REPEATED = 0.75
SHOWN = 5


def near_duplicates(documents: Sequence[Document], near: float = NEAR) -> list[tuple[str, str]]:
    """Pairs of documents that say nearly the same: cosine of TF-IDF vectors at least `near`."""
    if len(documents) < 2:
        return []
    weights = TfidfVectorizer(sublinear_tf=True).fit_transform([each.text for each in documents])
    pairs = []
    for start in range(0, len(documents), 500):
        block = (weights[start : start + 500] @ weights.T).tocoo()
        for row, column, cosine in zip(block.row, block.col, block.data, strict=True):
            if cosine >= near and start + row < column:
                pairs.append((documents[start + row].id, documents[column].id))
    return pairs


def run(
    documents: Sequence[Document],
    pairs: Sequence[tuple[str, str]],
    questions: Sequence[Question],
    groups: NDArray[np.intp],
    split: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> list[dict[str, str]]:
    """Every check: `check`, `status` (passed, warning, failed), `detail` and `remedy`.

    Parameters
    ----------
    documents : sequence of Document
    pairs : sequence of (id, id)
        Near-duplicates among them.
    questions : sequence of Question
        n of them.
    groups : ndarray of shape (n,)
        The same number for questions that ask nearly the same.
    split : (train, test)
        Rows of the questions.
    """
    return [_across_split(groups, split), _repeated(documents, questions), _twins(pairs, questions)]


def _finding(check: str, bad: bool, detail: str, remedy: str) -> dict[str, str]:
    status = "warning" if bad else "passed"
    return {"check": check, "status": status, "detail": detail, "remedy": remedy}


def _across_split(
    groups: NDArray[np.intp], split: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> dict[str, str]:
    train, test = split
    both = set(groups[train].tolist()) & set(groups[test].tolist())
    joined = len(groups) - len(set(groups.tolist()))
    return _finding(
        "questions in both training and test",
        bool(both),
        f"{len(both)} near-duplicate questions are in both training and test; "
        f"{joined} were kept together.",
        "Remove one of each.",
    )


def _repeated(documents: Sequence[Document], questions: Sequence[Question]) -> dict[str, str]:
    titles = {each.id: stems(f"{each.title} {each.id.rpartition('/')[2]}") for each in documents}
    told = []
    for each in questions:
        asked = stems(each.question)
        share = max(
            (len(asked & titles[name]) / len(asked) for name in each.relevant if asked), default=0.0
        )
        if share >= REPEATED:
            told.append(each.question)
    return _finding(
        "questions that repeat a title",
        bool(told),
        f"{len(told)} of {len(questions)} questions use mostly words of the title of the document "
        f"they look for{': ' if told else ''}{'; '.join(told[:SHOWN])}.",
        "Ask in the words of someone who does not know the document.",
    )


def _twins(pairs: Sequence[tuple[str, str]], questions: Sequence[Question]) -> dict[str, str]:
    wanted = [set(each.relevant) for each in questions]
    missed = [pair for pair in pairs if any(len(names & set(pair)) == 1 for names in wanted)]
    return _finding(
        "near-duplicates labelled differently",
        bool(missed),
        f"{len(pairs)} pairs of documents say nearly the same; {len(missed)} have only one of the "
        f"two labelled for a question{': ' if missed else ''}"
        f"{'; '.join(' and '.join(pair) for pair in missed[:SHOWN])}.",
        "Name both in `relevant`, or remove one document.",
    )
