"""What a project decides about answers, as the machinery takes it; see the project's `answers.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import regex

from ..documents.settings import Answers
from ..documents.tokenize import Sentence
from ..retrieval.chunks import Hit
from .answer import Answer, Support
from .confidence import Calibration
from .prompt_injection import show

Quotes = list[tuple[Hit, Sentence]]
# The end of a sentence in any script, within a closing mark too.
_STOPPED = regex.compile(r"[\p{Sentence_Terminal}…:：][\p{Pe}\p{Pf}\"']*$")


@dataclass(frozen=True)
class Policy:
    """When a question is answered, and with which words.

    Attributes
    ----------
    features : callable
        From a question, the hits and the corpus's stems to the features of the confidence.
    fallback : Calibration
        The confidence where too few training questions are labelled to fit one.
    is_answered : callable
        From the confidence and the settings to whether there is an answer at all.
    quote : callable
        From a question, the hits and a number to at most so many sentences, each with its hit.
    instructions : str
        What a language model is told before it sees passages and question.
    refusal : str
        What it writes if the passages do not answer.
    """

    features: Callable[[str, Sequence[Hit], frozenset[str]], dict[str, float]]
    fallback: Calibration
    is_answered: Callable[[float, Answers], bool]
    quote: Callable[[str, Sequence[Hit], int], Quotes]
    instructions: str
    refusal: str


def quoted_documents(
    policy: Policy, question: str, hits: Sequence[Hit], sentences: int
) -> set[str]:
    """The documents that an extractive answer would quote, however low its confidence."""
    return {hit.chunk.doc for hit, _ in policy.quote(question, show(hits).hits, sentences)}


def extractive_answer(
    policy: Policy, settings: Answers, question: str, hits: Sequence[Hit], confidence: float
) -> Answer:
    """The answer that quotes: the baseline that a language model has to beat.

    It cannot make anything up, costs nothing and takes a millisecond. Sentences that give orders to
    a language model are not quoted.
    """
    if not policy.is_answered(confidence, settings):
        return Answer.none(confidence, "The passages found are too far from the question.")
    quoted = policy.quote(question, show(hits).hits, settings.sentences)
    if not quoted:
        return Answer.none(confidence, "The passages found hold no sentence that can be quoted.")
    return Answer.of(
        [Support(_stopped(each.text), [(hit, each.text)]) for hit, each in quoted], confidence
    )


def _stopped(text: str) -> str:
    return text if _STOPPED.search(text) else text + "."
