"""What a text is made of: sentences, content words, numbers, names; and a text without hidden parts."""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import Stemmer

# Nothing a reader sees, and so a place for words that only a machine reads: zero-width characters,
# marks of direction, tags, private variation selectors.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
# Joiners belong to some scripts and to emoji, never between Latin letters.
_JOINERS = re.compile("(?<=[\x00-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\u024f])")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[`]*[A-Z0-9\u00c0-\u024f\u0370-\U0003ffff])"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|resp|fig|eq|no|dr|mr|ms|st|al)|\b[A-Z])\.$", re.I
)
_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|\d+[.)])\s)|\n(?=[ \t]*#)")
# A line with a line of signs under it, or with number signs before it, is a heading.
_HEADING = re.compile(r"^[^\n]*\n[ \t]*([-=~^\"`*+.])\1{2,}[ \t]*$|^[ \t]*#{1,6}[ \t][^\n]*$", re.M)
_RULE = re.compile(r"^[ \t]*[-=~^\"`*#.]{3,}[ \t]*$", re.M)
_CODE = re.compile(r"^\s*(?:>>>|\.\.\. |```|::)|[{}<>;=|]{2}|^\s*\.\. ")
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
# Things with a name of their own: identifiers, paths, addresses, versions.
_NAME = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+\.\w+|\b\w*[a-z]\w*(?:[_./:]\w+)+\b|\b[A-Z][a-z]+(?:[A-Z]\w*)+\b|\b\w+_\w+\b"
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|nor|neither|without|cannot)\b|n['’]t\b", re.IGNORECASE
)
_DIGITS = {
    word: float(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}

STOP_WORDS = frozenset(
    """a about above after again all also am an and another any anyone anything are as ask at be because
    been before being between both but by can cannot could did do does doing done down during each either
    else for from further get gets give given go goes going had has have having he her here him his how i
    if in into is it its itself just let like made make makes making many may me might mine more most much
    must my need needs neither no nor not now of off on once one only onto or other others our out over own
    please put same say see shall she should so some someone something still such tell than that the their
    them then there these they thing things this those through to too under until up upon us use used uses
    using very via want wants was way ways we were what when where whether which while who whom whose why
    will with within without would yes yet you your""".split()
)
_local = threading.local()


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text, as it stands there but for line breaks."""

    text: str
    stems: frozenset[str]
    position: int


def clean(text: str) -> str:
    """Take out what a reader cannot see; all that is visible stays as it is."""
    text = unicodedata.normalize("NFC", text)
    return _CONTROLS.sub(" ", _JOINERS.sub("", _HIDDEN.sub("", text)))


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text that can be quoted: no code, no rules, no bare headings.

    Parameters
    ----------
    text : str
        Clean text, with its line breaks.
    """
    found: list[Sentence] = []
    for block in _BLOCK.split(_RULE.sub("\n\n", _HEADING.sub("\n\n", text))):
        if _CODE.search(block):
            continue
        for part in split(block):
            words = stems(part)
            if len(words) >= 2 and _is_prose(part):
                found.append(Sentence(part.lstrip("-*+• "), words, len(found)))
    return found


def _is_prose(part: str) -> bool:
    """Whether a text is mostly words, and not a table, a formula or a bare name."""
    letters = sum(character.isalpha() or character.isspace() for character in part)
    return len(part.split()) > 2 and letters >= 0.65 * len(part)


def split(text: str) -> Iterator[str]:
    """The sentences of running text, whatever they hold; line breaks are taken for spaces."""
    text, start = one_line(text), 0
    for end in _END.finditer(text):
        if _ABBREVIATION.search(text[start : end.start()]):
            continue
        yield text[start : end.end()].strip()
        start = end.end()
    if rest := text[start:].strip():
        yield rest


def stems(text: str) -> frozenset[str]:
    """The stems of a text's content words; identifiers count by their parts too."""
    return frozenset(_stemmer().stemWords(list(_content(text))))


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The stems of all content words of many texts."""
    words: set[str] = set()
    for text in texts:
        words |= _content(text)
    return frozenset(_stemmer().stemWords(list(words)))


def _content(text: str) -> set[str]:
    words = {word.lower() for word in _WORD.findall(_INNER_CAPITAL.sub(" ", text))}
    return {word for word in words if len(word) > 1} - STOP_WORDS


def _stemmer() -> Stemmer.Stemmer:
    # A stemmer keeps a cache of its own and must not be shared by threads.
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    return _local.stemmer


def numbers(text: str) -> frozenset[float]:
    """The numbers of a text, those up to twelve also as words."""
    found = {float(number.replace(",", "")) for number in _NUMBER.findall(text)}
    words = (_DIGITS.get(word.lower()) for word in _WORD.findall(text))
    return frozenset(found | {value for value in words if value is not None})


def names(text: str) -> frozenset[str]:
    """Identifiers, addresses and other words that are not plain words."""
    return frozenset(name.rstrip(".,:;)").lower() for name in _NAME.findall(text))


def is_negated(text: str) -> bool:
    """Whether a sentence denies: an odd number of words such as `not` and `without`."""
    return len(_NEGATION.findall(text)) % 2 == 1
