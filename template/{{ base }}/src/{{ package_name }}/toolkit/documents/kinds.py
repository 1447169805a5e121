"""Kinds of questions, by how many of their words the documents that answer begin with."""

from collections.abc import Mapping, Sequence

from .questions import Question
from .reading import Document
from .tokenize import stems

HEAD = 900  # characters of title and text: what documentation says first of a thing
# A kind and the least share of a question's words that it has in the head of the closest document.
KINDS = {"direct": 2 / 3, "own words": 1 / 3, "hard": 0.0}


def overlap(question: Question, documents: Mapping[str, Document]) -> float:
    """The share of a question's words in the first 900 characters of the closest relevant document."""
    asked = stems(question.question)
    heads = [documents[name] for name in question.relevant]
    shared = [len(asked & stems(f"{each.title}\n{each.text}"[:HEAD])) for each in heads]
    return max(shared) / max(len(asked), 1)


def kinds_of(questions: Sequence[Question], documents: Sequence[Document]) -> list[str]:
    """The kind of each of n questions that documents answer: `direct`, `own words` or `hard`.

    Measured, not meant: whoever words a question does not know how the documents put it.
    """
    by_id = {each.id: each for each in documents}
    shares = [overlap(each, by_id) for each in questions]
    return [next(kind for kind, least in KINDS.items() if share >= least) for share in shares]
