"""The baseline of answers: the best sentences of the passages, quoted. No language model.

It cannot make anything up, costs nothing and answers in a millisecond, so a language model has to show
what it adds.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

from ..passages import Hit
from .answer import Answer, Citation
from .confidence import Calibration, signals
from .hostile import show
from .words import Sentence, sentences, stems

# A sentence counts for its words that the question has, the passage's place, and for being a
# passage's first, which in documentation says what the thing is.
FIRST = 0.25
LATER_PASSAGE = 0.85


def answer(
    question: str,
    hits: Sequence[Hit],
    *,
    calibration: Calibration | None = None,
    abstain_below: float = 0.5,
    most: int = 2,
) -> Answer:
    """Quote the sentences that say most about a question.

    Parameters
    ----------
    question : str
        As a person asks it.
    hits : sequence of Hit
        What the retriever found, best first.
    calibration : Calibration, optional
        How signals become a confidence; without one, a cautious default.
    abstain_below : float
        The confidence under which the answer is that there is none.
    most : int
        How many sentences are quoted at most.

    Returns
    -------
    Answer
        Each quoted sentence is followed by its passage's id in brackets.
    """
    calibration = calibration or Calibration.default()
    confidence = calibration.confidence(signals(question, hits))
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
    """The sentences that cover most of a question's words, in the order of the passages.

    A word counts the more the fewer sentences have it; what a chosen sentence covers counts no more
    for the next one.
    """
    pool = [
        (rank, hit, sentence)
        for rank, hit in enumerate(hits)
        for sentence in sentences(hit.chunk.text)
    ]
    held = Counter(stem for *_, sentence in pool for stem in sentence.stems)
    left = {stem: math.log(1 + len(pool) / (1 + held[stem])) for stem in stems(question)}
    whole = sum(left.values()) or 1.0
    chosen: list[tuple[int, Hit, Sentence]] = []
    while pool and len(chosen) < most:
        best = max(pool, key=partial(_worth, left=left, whole=whole))
        if chosen and not any(stem in best[2].stems for stem in left):
            break
        chosen.append(best)
        pool.remove(best)
        left = {stem: weight for stem, weight in left.items() if stem not in best[2].stems}
    chosen.sort(key=lambda entry: (entry[0], entry[2].position))
    return [(hit, sentence) for _, hit, sentence in chosen]


def _worth(entry: tuple[int, Hit, Sentence], left: dict[str, float], whole: float) -> float:
    rank, _, sentence = entry
    covered = sum(weight for stem, weight in left.items() if stem in sentence.stems)
    first = FIRST if sentence.position == 0 else 0.0
    return (covered / whole + first) * LATER_PASSAGE**rank


def _stopped(text: str) -> str:
    return text if text[-1:] in ".!?…:" else text + "."
