"""The language of a corpus: which it is, and what follows for stems and stop words.

One process searches one corpus, and a question is too short to tell its own language, so that the
language is the process's, as a locale is: `data` finds it, the bundle keeps it, `use` sets it.
Languages go by their ISO 639-1 code.
"""

import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import Stemmer
from stop_words import StopWordError, get_stop_words

DEFAULT = "en"
UNKNOWN = "und"  # ISO 639's code of a language that cannot be told
FEWEST_BYTES = 20  # of letters in UTF-8; fewer tell no language
LOOKED_AT = 20_000  # characters of a document that are looked at

# A script is stemmed as the language that most of its texts are in, unless the corpus says otherwise.
_SCRIPTS = "CYRILLIC ru GREEK el ARABIC ar DEVANAGARI hi TAMIL ta ARMENIAN hy".split()
SCRIPTS = dict(zip(_SCRIPTS[::2], _SCRIPTS[1::2], strict=True))
# Languages that are written in those scripts too; each replaces its script's own.
WRITTEN_IN = {
    **{language: script for script, language in SCRIPTS.items()},
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "sr", "uk"), "CYRILLIC"),
    **dict.fromkeys(("fa", "ps", "ug", "ur"), "ARABIC"),
    **dict.fromkeys(("mr", "ne"), "DEVANAGARI"),
    **dict.fromkeys(("ja", "zh", "ko", "th", "lo", "km", "my", "he", "ka", "am"), "OTHER"),
}
# Languages whose words are found by their stems. The others write several nouns as one word, or bend
# words in more ways than a stemmer undoes.
FOUND_BY_STEM = frozenset("ca en es fr gl id it ms pt ro vi".split())
# Languages whose words are not told apart here: they are searched by n-grams of signs.
WITHOUT_WORDS = frozenset("ja ko km lo my th zh".split())
_ALIASES = {"nb": "no", "nn": "no", "wuu": "zh", "yue": "zh"}
# Names for the reader; another language is called by its code.
_NAMED = """ar Arabic cs Czech da Danish de German el Greek en English es Spanish fa Persian fi Finnish
    fr French he Hebrew hi Hindi hu Hungarian it Italian ja Japanese ko Korean nl Dutch no Norwegian
    pl Polish pt Portuguese ru Russian sv Swedish th Thai tr Turkish uk Ukrainian vi Vietnamese
    zh Chinese""".split()
NAMES = dict(zip(_NAMED[::2], _NAMED[1::2], strict=True))

ENGLISH_STOP_WORDS = frozenset(
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
_language = DEFAULT
_local = threading.local()


def use(language: str) -> None:
    """Take texts of this process to be in `language` from now on."""
    global _language
    _language = _ALIASES.get(language, language)


def current() -> str:
    """The language that `use` set, English until then."""
    return _language


def name_of(language: str) -> str:
    """What a reader calls a language."""
    return NAMES.get(language, language)


def detect(text: str) -> str:
    """The language of a text, `und` where it holds too little to tell.

    By py3langid (Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool").
    """
    from py3langid import classify

    text = text[:LOOKED_AT]
    if len("".join(filter(str.isalpha, text)).encode()) < FEWEST_BYTES:
        return UNKNOWN
    found = str(classify(text)[0])
    return _ALIASES.get(found, found)


def main(languages: Iterable[tuple[str, int]]) -> str:
    """The language of most characters; English where none is told.

    Parameters
    ----------
    languages : iterable of (language, characters)
        Of each document.
    """
    counts: Counter[str] = Counter()
    for language, characters in languages:
        counts[language] += characters
    counts.pop(UNKNOWN, None)
    return counts.most_common(1)[0][0] if counts else DEFAULT


def stem(word: str) -> str:
    """The stem of a word in lower case; the word where its language has no stemmer."""
    return _stem(word, _language)


def is_stop_word(word: str) -> bool:
    """Whether a word in lower case carries no content in the corpus's language, or in English."""
    return word in stop_words(_language)


@lru_cache(maxsize=8)
def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language, and the English ones where they cannot be words of it."""
    if language == DEFAULT:
        return ENGLISH_STOP_WORDS
    try:
        found = get_stop_words(language)
    except StopWordError:
        found = []
    own = frozenset(unicodedata.normalize("NFKC", word).lower() for word in found)
    # German `die` and `war` are not English, whatever a list of English words says.
    return own | ENGLISH_STOP_WORDS if language in WRITTEN_IN else own


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    # A stemmer keeps a cache of its own and must not be shared by threads.
    if not hasattr(_local, "stemmers"):
        _local.stemmers = _Stemmers()
    stemmer = _local.stemmers[_language_of(word, language)]
    return str(stemmer.stemWord(word)) if stemmer else word


def _language_of(word: str, language: str) -> str:
    script = unicodedata.name(word[0], "").partition(" ")[0]
    if script == "LATIN":
        return DEFAULT if language in WRITTEN_IN else language
    if WRITTEN_IN.get(language) == script:
        return language
    return SCRIPTS.get(script, UNKNOWN)


class _Stemmers(dict[str, "Stemmer.Stemmer | None"]):
    def __missing__(self, language: str) -> "Stemmer.Stemmer | None":
        try:
            self[language] = Stemmer.Stemmer(language)
        except KeyError:
            self[language] = None
        return self[language]
