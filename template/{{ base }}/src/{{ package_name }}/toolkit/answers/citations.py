"""Whether what a language model says is in the passages it cites; what is not, is not told.

A sentence is supported by a passage if

1. every number in it is in the passage, whichever way it is written,
2. every identifier, address and other proper name of code in it is in the passage,
3. of its content words, compared by stem, at least a given share is in the passage,
4. it denies just as often as the passage's sentence that shares most words with it.

A citation that fails is removed; a sentence whose citations all fail is removed, as is one without a
citation that no passage supports; an answer without sentences is refused. This is a test of words, not of meaning: it catches made-up figures,
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

# The usual ways to cite passage 2, and 1 to 3: [2], [1, 3], [1-3], [passage 2], [doc#2], [^2], [[2]](#2),
# 【2】, 【2†source】, (2), superscripts.
_NOUN = r"(?:see\s+)?(?:passages?|documents?|docs?|sources?|references?|refs?|citations?|cite|chunks?|nos?\.?)"
_ITEM = rf"(?:{_NOUN}\s*[#:.]?\s*|[\^#])?\d{{1,2}}(?:\s*[-‐-―]\s*\d{{1,2}})?"
_LIST = rf"{_ITEM}(?:\s*(?:,|;|&|and)\s*{_ITEM})*"
_MARK = (
    rf"(?:\\?\[{{1,2}}\s*{_LIST}\s*(?:[†:][^\]]{{0,40}})?\\?\]{{1,2}}(?:\([^)\s]*\))?"
    rf"|[【［]\s*{_LIST}\s*(?:†[^】］]{{0,40}})?[】］]"
    rf"|<sup>\s*\[?{_LIST}\]?\s*</sup>"
    # Not the exponents of m² and 10².
    r"|(?:(?<=[^\W\d_]{3})|(?<=[.!?,)\s]))[⁰¹²³⁴⁵⁶⁷⁸⁹]+(?:[,⁻–][⁰¹²³⁴⁵⁶⁷⁸⁹]+)*"
    # Round brackets enclose much else: alone a mark where a sentence or a part of it ends.
    rf"|(?<=[\s.!?])\(\s*(?:{_NOUN}\s*[#:.]?\s*\d{{1,2}}|{_LIST}(?=\s*\)\s*(?:[.!?,;(]|(?-i:[A-Z])|\n|$)))\s*\))"
)
_MARKS = re.compile(rf"((?:\s*{_MARK})(?:\s*(?:,|;|and)?\s*{_MARK})*)[ \t]*([.!?])?", re.I)
_RANGES = re.compile(r"(?<![†\w])(\d{1,2})(?:\s*[-‐-―]\s*(\d{1,2}))?|(?<=[a-z])(\d{1,2})", re.I)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_LINK = re.compile(
    r"\]\([^)\s]*\)|[†][^\]】］]*|(?<=\d):[^\]]*"
)  # what a mark holds besides numbers
_MARKDOWN = re.compile(
    r"^[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+|^[ \t]*#{1,6}[ \t]+|\*\*|(?<!\w)__|__(?!\w)", re.M
)
_LABEL = re.compile(r"^\W*(?:final |short )?answer\s*:\s*|^[\s,;:]+(?=\S)", re.I)


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
        said = text[start : mark.start()] + (mark[2] or "")
        found += [Claim(part, _cited(mark[1])) for part in _told(said)]
        start = mark.end()
    return found + [Claim(part, ()) for part in _told(text[start:])]


def _cited(mark: str) -> tuple[int, ...]:
    """The numbers of a mark, each once, ranges written out."""
    plain = _LINK.sub("]", mark).translate(_SUPERSCRIPT)
    numbers: dict[int, None] = {}
    for first, last, alone in _RANGES.findall(plain):
        low = int(first or alone)
        numbers |= dict.fromkeys(range(low, max(int(last or low), low) + 1))
    return tuple(numbers)


def finished(text: str) -> int:
    """How much of a text that is still being written has its marks, in characters."""
    # What a mark goes on with may still come: another number, a link.
    ends = [mark.end() for mark in _MARKS.finditer(text) if text[mark.end() :].lstrip(" ,;")[:1]]
    ends = [end for end in ends if text[end] not in "([【［.,;" or text[end - 1] in ".!?"]
    return ends[-1] if ends else 0


def is_finished(text: str) -> bool:
    """Whether a text ends as a whole answer does: with a mark or the end of a sentence."""
    text = text.rstrip()
    return text.endswith(tuple(".!?。！？…")) or any(
        mark.end() == len(text) for mark in _MARKS.finditer(text)
    )


def _told(text: str) -> list[str]:
    plain = _LABEL.sub("", _MARKDOWN.sub("", text))
    return [part for part in split(plain) if re.search(r"\w", part)]


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
    """Keep of a claim's citations those that support it; None if none does.

    A model may forget its marks: a claim that cites nothing rests on the first hit that supports it.
    """
    by = []
    for number in claim.cited or range(1, len(hits) + 1):
        if 1 <= number <= len(hits):
            hit = hits[number - 1]
            quote = supports(claim.text, hit.chunk.text, share, hit.chunk.title)
            if quote is not None:
                by.append((hit, quote))
    return Support(claim.text, tuple(by if claim.cited else by[:1])) if by else None
