"""Whether what a language model says is in the passages it cites; what is not, is not told.

A sentence is supported by a passage if

1. every number in it is in the passage, whichever way it is written,
2. every identifier, address and other proper name of code in it is in the passage,
3. of its content words, compared by stem, at least a given share is in the passage,
4. it denies just as often as the passage's sentence that shares most words with it.

A citation that fails is removed; a sentence whose citations all fail, or that has none, is removed; an
answer without sentences is refused. This is a test of words, not of meaning: it catches made-up figures,
names and subjects and a plain "not", and passes a sentence that puts the passage's own words together
wrongly. It also refuses some honest paraphrases. The project's tests measure both errors.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..documents.tokenize import (
    Sentence,
    is_negated,
    names,
    numbers,
    one_line,
    sentences,
    split,
    stems,
)
from ..retrieval.chunks import Hit
from .answer import Support

_MARKS = re.compile(r"((?:\s*\[\s*\d+(?:\s*[,;]\s*\d+)*\s*\])+)\s*([.!?])?")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Claim:
    """A sentence of a model's answer and the passages it cites, counted from 1."""

    text: str
    cited: tuple[int, ...]


def claims(text: str) -> list[Claim]:
    """Split an answer with marks such as `[2]` or `[1, 3]` into sentences and what they cite.

    Marks hold for all sentences since the mark before. Sentences after the last mark cite nothing.
    """
    found, start = [], 0
    for mark in _MARKS.finditer(text):
        cited = tuple(dict.fromkeys(int(number) for number in _NUMBERS.findall(mark[1])))
        said = text[start : mark.start()] + (mark[2] or "")
        found += [Claim(part, cited) for part in _told(said)]
        start = mark.end()
    return found + [Claim(part, ()) for part in _told(text[start:])]


def finished(text: str) -> int:
    """How much of a text that is still being written has its marks, in characters."""
    ends = [mark.end() for mark in _MARKS.finditer(text) if mark.end() < len(text)]
    return ends[-1] if ends else 0


def _told(text: str) -> list[str]:
    return [part for part in split(text) if re.search(r"\w", part)]


def supports(sentence: str, passage: str, share: float, title: str = "") -> str | None:
    """Test a sentence against a passage.

    Parameters
    ----------
    sentence, passage : str
        What is claimed, and what is to support it.
    title : str
        The document's title, whose words count as the passage's own.
    share : float
        The least share of the sentence's content words that the passage must hold.

    Returns
    -------
    str or None
        The passage's sentence that shares most words with it; None if the passage does not
        support it.
    """
    whole = f"{title}\n\n{passage}"
    if not numbers(sentence) <= numbers(whole):
        return None
    plain = whole.lower()
    if any(name not in plain for name in names(sentence)):
        return None
    words = stems(sentence)
    if not words or len(words & stems(whole)) < share * len(words):
        return None
    nearest = _nearest(words, sentences(passage))
    if nearest is None:
        return one_line(passage)
    return nearest.text if is_negated(nearest.text) == is_negated(sentence) else None


def _nearest(words: frozenset[str], among: Sequence[Sentence]) -> Sentence | None:
    """The sentence with most words in common, as a share of both (Dice 1945)."""

    def alike(each: Sentence) -> float:
        return 2 * len(words & each.stems) / (len(words) + len(each.stems))

    return max(among, key=alike, default=None)


def check(claim: Claim, hits: Sequence[Hit], share: float) -> Support | None:
    """Keep of a claim's citations those that support it; None if none does."""
    by = []
    for number in claim.cited:
        if 1 <= number <= len(hits):
            hit = hits[number - 1]
            quote = supports(claim.text, hit.chunk.text, share, hit.chunk.title)
            if quote is not None:
                by.append((hit, quote))
    return Support(claim.text, tuple(by)) if by else None
