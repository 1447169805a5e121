"""What a text is made of: sentences, content words, numbers, names; and a text without hidden parts."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex
from sentencex import segment

from . import language

# Nothing a reader sees, and so a place for words that only a machine reads: zero-width characters,
# marks of direction, tags, private variation selectors.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
)
# Joiners belong to some scripts and to emoji, never between Latin letters.
_JOINERS = re.compile("(?<=[\x00-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\u024f])")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|resp|fig|eq|no|dr|mr|ms|st|al)|\b[A-Z])\.$", re.I
)
_BLOCK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•]|\d+[.)])\s)|\n(?=[ \t]*#)")
# A line with a line of signs under it, or with number signs before it, is a heading.
_HEADING = re.compile(r"^[^\n]*\n[ \t]*([-=~^\"`*+.])\1{2,}[ \t]*$|^[ \t]*#{1,6}[ \t][^\n]*$", re.M)
_RULE = re.compile(r"^[ \t]*[-=~^\"`*#.]{3,}[ \t]*$", re.M)
_CODE = re.compile(r"^\s*(?:>>>|\.\.\. |```|::)|[{}<>;=|]{2}|^\s*\.\. ")
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Scripts without spaces between words, and Korean, whose words carry their particles with them.
_HAN, _KANA, _HIRAGANA = r"\p{Han}々〆〇", r"\p{Katakana}ー", r"\p{Hiragana}"
_UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_HANGUL = r"\p{Hangul}"
_LETTERS = r"[[\p{L}\p{M}\p{N}]--[" + _HAN + _KANA + _HIRAGANA + _UNSPACED + _HANGUL + "]]"
# The runs of a text by what their words are: Unicode's word boundaries (UAX 29) end a word where the
# script changes to one of these, and give no words within them. Underscores
# at an end are an identifier's: scikit-learn's `coef_` is not `coef`.
_WORD = regex.compile(
    rf"(?V1)(?P<han>[{_HAN}]+)|(?P<kana>[{_KANA}]+)|(?P<hiragana>[{_HIRAGANA}]+)"
    rf"|(?P<unspaced>[{_UNSPACED}]+)|(?P<hangul>[{_HANGUL}]+)"
    rf"|(?P<word>_*{_LETTERS}+(?:['’_]+{_LETTERS}+)*_*)"
)
# Characters that make a term of such a run: bigrams serve Chinese, Japanese and Korean as well as
# words do (Nie, Gao, Zhang and Zhou 2000, "On the use of words and n-grams for Chinese information
# retrieval"; McNamee and Mayfield 2004, "Character N-Gram Tokenization for European Language Text
# Retrieval"; for the parts of long words too).
_GRAM = {"kana": 2, "hangul": 2, "unspaced": 3}
_WORD_GRAM = 5
# Endings and question words, which Japanese writes in hiragana.
_HIRAGANA_ENDINGS = """ です ます ますか ですか でした ました ません でしょうか している してください できます
    できますか られます されます ことが ことができます いつ どこ いくら どれくらい どの なに なんで から まで では には とは""".split()
# A code such as AB-12/43 counts as a whole besides its parts: letters and digits in one word. Numbers
# alone are none; in the arrays that documentation prints they would only make a chunk long. An
# identifier is one term as it is.
_CODE_WORD = regex.compile(
    r"(?V1)\b(?![\w./:-]*_)(?=[\p{L}\d./:_-]*\d)(?=[\d./:_-]*\p{L})[\p{L}\d]+(?:[-/.:_][\p{L}\d]+)+\b"
)
# Chinese and its like put no space between a number and what is counted.
_NUMBER = regex.compile(
    rf"(?V1)(?<!{_LETTERS}|[_.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?!{_LETTERS}|_)"
)
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
    letters = sum(unicodedata.category(character)[0] in "LMZ" for character in part)
    return word_count(part) > 2 and letters >= 0.65 * len(part)


def word_count(text: str) -> int:
    """How many words a text has; where none are told apart, each sign is one."""
    return sum(len(match[0]) if match.lastgroup != "word" else 1 for match in _WORD.finditer(text))


def split(text: str) -> Iterator[str]:
    """The sentences of running text, whatever they hold; line breaks are taken for spaces."""
    held = ""
    for part in segment(language.current(), one_line(text)):
        held += part
        # An address or a dotted name has no space after its stop; an abbreviation does not end here.
        if held[-1:] in ".:;" or _ABBREVIATION.search(held.rstrip()):
            continue
        yield held.strip()
        held = ""
    if held.strip():
        yield held.strip()


def terms(text: str) -> list[str]:
    """What a text is searched by, in its order and with repetitions.

    Stems of its words, without stop words; n-grams of scripts that put no space between words, and
    of long words besides where a stem does not find them; codes as a whole too; identifiers as a
    whole only. Signs that look alike or stand for others are one: ligatures, full width (Unicode's
    NFKC).
    """
    # What English documentation calls by one letter is a variable, in every chunk and of none: with
    # `X` as a term, TF-IDF's MRR over the sample's folds is 0.218 instead of 0.243.
    english = language.current() == language.DEFAULT
    return [term for term in _terms(text) if not (english and len(term) == 1 and term.isascii())]


def _terms(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text)
    found = [code.lower() for code in _CODE_WORD.findall(text)]
    shouted = text.isupper()
    for match in _WORD.finditer(text):
        kind, word = str(match.lastgroup), match[0]
        if kind == "word":
            found += _of_word(word, shouted)
        else:
            found += _grams(word, kind)
    return found


def stemmed(text: str) -> dict[str, str]:
    """The words of a text that have a stem, in lower case, each with it."""
    text = unicodedata.normalize("NFKC", text)
    words = (match[0] for match in _WORD.finditer(text) if match.lastgroup == "word")
    lower = {(word.strip("_") if word[0] == word[-1] == "_" else word).lower() for word in words}
    return {word: language.stem(word) for word in lower if word}


def _of_word(word: str, shouted: bool) -> list[str]:
    if word[0] == word[-1] == "_":
        word = word.strip("_")  # _emphasis_
    lower = word.lower()
    if len(word) == 1 and word.isascii() and not word.isupper():
        return []  # a variable, a digit, or what an apostrophe has cut off
    if language.is_stop_word(lower):
        # US and WHO are not `us` and `who`; R and C are names, A and I are not.
        named = word.isupper() and not shouted and lower not in {"a", "i", "no", "not"}
        return [word] if named else []
    stem = language.stem(lower)
    if len(lower) < _WORD_GRAM or language.current() in language.FOUND_BY_STEM:
        return [stem]
    return [stem, *(gram for gram in _ngrams(lower, _WORD_GRAM) if gram != stem)]


def _grams(run: str, kind: str) -> list[str]:
    if kind == "han":  # a sign alone is a word as often as not
        return [*run, *_ngrams(run, 2)] if len(run) > 1 else [run]
    if kind == "hiragana":  # a sign alone is a particle
        return [gram for gram in _ngrams(run, 2) if len(gram) > 1 and gram not in _ENDINGS]
    return _ngrams(run, _GRAM[kind])


def _ngrams(run: str, n: int) -> list[str]:
    return [run[start : start + n] for start in range(max(len(run) - n, 0) + 1)]


_ENDINGS = frozenset(gram for ending in _HIRAGANA_ENDINGS for gram in _ngrams(ending, 2))


def stems(text: str) -> frozenset[str]:
    """The terms of a text, each once, identifiers by their parts; names of one letter too."""
    return frozenset(_terms(_INNER_CAPITAL.sub(" ", text.replace("_", " "))))


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The stems of many texts."""
    return frozenset[str]().union(*map(stems, texts))


def numbers(text: str) -> frozenset[float]:
    """The numbers of a text, those up to twelve also as words."""
    text = unicodedata.normalize("NFKC", text)
    found = {float(number.replace(",", "")) for number in _NUMBER.findall(text)}
    words = (_DIGITS.get(match[0].lower()) for match in _WORD.finditer(text))
    return frozenset(found | {value for value in words if value is not None})


def names(text: str) -> frozenset[str]:
    """Identifiers, addresses and other words that are not plain words."""
    return frozenset(name.rstrip(".,:;)").lower() for name in _NAME.findall(text))


def is_negated(text: str) -> bool:
    """Whether a sentence denies: an odd number of words such as `not` and `without`."""
    return len(_NEGATION.findall(text)) % 2 == 1
