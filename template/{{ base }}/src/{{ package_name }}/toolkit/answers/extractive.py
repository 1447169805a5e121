"""The baseline of answers: the best sentences of the passages, quoted. No language model.

It cannot make anything up, costs nothing and answers in a millisecond, so a language model has to show
what it adds.
"""

import math
from collections import Counter
from collections.abc import Sequence

from ..documents.passages import Hit
from ..documents.tokenize import Sentence, sentences, stems
from .answer import Answer, Citation
from .confidence import Calibration, signals
from .prompt_injection import show

# What a passage's first sentence has ahead of the others: in documentation it says what the thing is.
FIRST = 0.25


def answer(
    question: str,
    hits: Sequence[Hit],
    *,
    calibration: Calibration | None = None,
    vocabulary: frozenset[str] = frozenset(),
    abstain_below: float = 0.5,
    most: int = 3,
) -> Answer:
    """Quote from each of the nearest documents the sentence that says most about a question.

    Parameters
    ----------
    question : str
        As a person asks it.
    hits : sequence of Hit
        What the retriever found, best first.
    calibration : Calibration, optional
        How signals become a confidence; without one, a cautious default.
    vocabulary : frozenset of str
        The stems of the whole corpus.
    abstain_below : float
        The confidence under which the answer is that there is none.
    most : int
        How many sentences are quoted at most, each of another document.

    Returns
    -------
    Answer
        Each quoted sentence is followed by its passage's id in brackets.
    """
    calibration = calibration or Calibration.default()
    confidence = calibration.confidence(signals(question, hits, vocabulary))
    if confidence < abstain_below:
        return Answer.none(confidence, "The passages found are too far from the question.")
    quoted = best_sentences(question, show(list(hits)).hits, most)
    if not quoted:
        return Answer.none(confidence, "The passages found hold no sentence that can be quoted.")
    text = " ".join(f"{_stopped(sentence.text)} [{hit.chunk.id}]" for hit, sentence in quoted)
    made = len(quoted)
    return Answer(text, cited(quoted), confidence, abstained=False, claims=made, supported=made)


def cited(quoted: Sequence[tuple[Hit, Sentence]]) -> tuple[Citation, ...]:
    """The passages of quoted sentences, each once."""
    quotes: dict[str, list[str]] = {}
    hits = {}
    for hit, sentence in quoted:
        hits[hit.chunk.id] = hit
        quotes.setdefault(hit.chunk.id, []).append(sentence.text)
    return tuple(
        Citation(hits[name].chunk, hits[name].score, tuple(texts)) for name, texts in quotes.items()
    )


def best_sentences(question: str, hits: Sequence[Hit], most: int) -> list[tuple[Hit, Sentence]]:
    """Of each of the first documents, the sentence that covers most of a question's words.

    A word counts the more the fewer sentences have it. Of a document, only the passage that was
    found first is looked at.
    """
    pools: dict[str, tuple[Hit, list[Sentence]]] = {}
    for hit in hits:
        if len(pools) < most and hit.chunk.doc not in pools:
            found = sentences(hit.chunk.text)
            if found:
                pools[hit.chunk.doc] = hit, found
    everything = [sentence for _, found in pools.values() for sentence in found]
    held = Counter(stem for sentence in everything for stem in sentence.stems)
    weights = {stem: math.log(1 + len(everything) / (1 + held[stem])) for stem in stems(question)}
    whole = sum(weights.values()) or 1.0

    def worth(sentence: Sentence) -> float:
        covered = sum(weights[stem] for stem in sentence.stems & weights.keys())
        return covered / whole + (FIRST if sentence.position == 0 else 0.0)

    return [(hit, max(found, key=worth)) for hit, found in pools.values()]


def _stopped(text: str) -> str:
    return text if text[-1:] in ".!?…:" else text + "."
