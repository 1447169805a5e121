"""Documents are data: sentences that give orders to a language model are withheld from it.

Whoever can put a document into the corpus can write to the model that reads it. Three things stand in
the way: hidden characters and hidden text are taken out; sentences that look like orders to a model are
neither shown to it nor quoted (this module); and what the model says is told only as far as the passages
it was shown support it (`citations`).

Handbooks order people about too ("Reply only to messages from members"), so an imperative is no sign by
itself. `signs.toml` has what tells a machine's orders from a person's: the reader is addressed as a
machine, its instructions or the question are to be forgotten, an answer is dictated whatever is asked,
text beyond the passage is to be given away; and, in the usual languages, the kinds of words that orders
to a model are made of. What these, their pairs and the English words tell together is learned from
labelled sentences (`order_words.json`). They are looked for in what a text says and in what it says once
letters that look alike, digits for letters, spaced letters and the usual encodings are read. What is only
quoted, where attacks or prompts are written about, is no order. All this is a filter, not a proof: an
order in words it does not know reaches the model. The project's tests measure both errors on sentences
written by somebody who had not read the signs, and `evaluate` tries attacks on a model that obeys
everything.
"""

import base64
import binascii
import html
import itertools
import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..documents.tokenize import clean, one_line
from ..retrieval.chunks import Hit

WORDS = Path(__file__).with_name("order_words.json")
# How likely an order is withheld; settled out of fold, see the README of the labelled sets.
_SURE = 0.7
_READ = 0.5  # the same for what had to be read first, which ordinary texts seldom need
_HARMLESS = 0.05  # below it even a hidden text is none
LONGEST = 400  # characters that several stretches are judged as one
REACH = 3  # stretches beside each other over which an order may run


class _Sign:
    """A pattern that is matched against small letters, or as they are where it looks at case.

    Matching without regard to case would be slower. One of another alphabet is not looked for in ASCII.
    """

    def __init__(self, sign: str) -> None:
        flags = re.DOTALL | re.MULTILINE
        self.cased = "(?-i:" in sign
        self.pattern = re.compile(sign, flags | re.IGNORECASE if self.cased else flags)
        self.foreign = next((c for c in re.sub(r"\\.", "", sign) if c.isalpha()), "") > "\u0370"
        self.begins = "^" in sign

    def is_in(self, text: str, low: str) -> bool:
        """Whether a text has it, of which the small letters are given too."""
        if self.foreign and low.isascii():
            return False
        return self.pattern.search(text if self.cased else low) is not None


@dataclass(frozen=True)
class _Signs:
    """What a text may have: patterns by name, and what all its kinds can add to the score at most."""

    patterns: dict[str, list[_Sign]]
    most: float = math.inf


def _read_signs() -> tuple[_Signs, dict[str, re.Pattern[str]], re.Pattern[str]]:
    """The signs, the kinds of single words, and what says that something is quoted.

    `{name}` in a sign stands for the word list of that name.
    """
    read = tomllib.loads(Path(__file__).with_name("signs.toml").read_text("utf-8"))
    words = {"{" + name + "}": f"(?:{'|'.join(listed)})" for name, listed in read["words"].items()}

    def compiled(sign: str) -> _Sign:
        for name, listed in words.items():
            sign = sign.replace(name, listed)
        return _Sign(sign)

    signs = {
        "strong": [*map(compiled, read["english"]["strong"] + read["elsewhere"]["strong"])],
        "weak": [*map(compiled, read["english"]["weak"])],
    }
    single = {}
    for name, listed in read["concepts"].items():
        alone = [words for words in listed if _SINGLE.fullmatch(words) and not _far(words)]
        single[name] = re.compile("|".join(alone) or r"(?!)")
        others = [words for words in listed if words not in alone]
        groups = [filter(_far, others), itertools.filterfalse(_far, others)]
        signs[name] = [compiled("|".join(map(_whole, group)) or r"(?!)") for group in groups]
    return _Signs(signs), single, compiled(r"(?<!\w){quoting}(?!\w)").pattern


_SINGLE = re.compile(r"(?:[^\W\d_]|\\w|[*+?()|:])+")  # a pattern of one word
_NO_WORD = ("<", r"\[", "#", '"', "!", "`", "^", ",", "(?:^", r"\?", r"(?:\+")


def _far(words: str) -> bool:
    """Whether a pattern is of an alphabet that does not put gaps, or not only gaps, between words."""
    return next((c for c in words if c.isalpha()), "") > "\u0590"


def _whole(words: str) -> str:
    """A pattern for whole words, where there are gaps between them."""
    if _far(words) or words.startswith(_NO_WORD):
        return words
    return rf"\b(?:{words})" + ("" if words.endswith(("]", "}")) else r"(?!\w)")


_ALL, _OF_WORDS, _QUOTING = _read_signs()
_TOKEN = re.compile(r"[a-z']+|[\"“:|\[]")


@lru_cache(maxsize=50_000)
def _kinds_of(word: str) -> tuple[str, ...]:
    return tuple(name for name, pattern in _OF_WORDS.items() if pattern.fullmatch(word))


def _words(low: str) -> list[str]:
    """The English words and their pairs of neighbours."""
    words = _TOKEN.findall(low)
    return [*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))]


def _kinds(text: str, low: str, signs: _Signs) -> list[str]:
    """Which signs and kinds of words a text has, and their pairs."""
    found = {name for word in re.findall(r"\w+", low) for name in _kinds_of(word)}
    for name, patterns in signs.patterns.items():
        matching = (x for x in patterns if x.is_in(text, low))
        if name not in found and next(matching, None):
            found.add(name)
            if name == "weak" and next(matching, None):
                found.add("weak twice")
    kinds = sorted(f"<{name}>" for name in found)
    return [*kinds, *(f"{one} {other}" for one, other in itertools.combinations(kinds, 2))]


def features(text: str) -> set[str]:
    """What the learned weights know of a sentence: its words, its kinds of words, and pairs of both."""
    low = text.lower()
    return {*_words(low), *_kinds(text, low, _ALL)}


def _read_words() -> dict[str, Any]:
    # Not there only while they are fitted again.
    empty = '{"intercept": -9, "weights": {}}'
    found: dict[str, Any] = json.loads(WORDS.read_text("utf-8") if WORDS.exists() else empty)
    return found


_LEARNED = _read_words()
# Text without spaces, as spaced letters leave it.
_COMPACT = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|your|the|every|previous|prior|other|above)"
    r"|(?:your|previous|prior|earlier|hidden)(?:instruction|prompt|rules|guideline)|systemprompt"
    r"|(?:reply|respond|answer)(?:only|with)|asanai|youarenow|dearassistant|donotanswer",
    re.IGNORECASE,
)
# Letters of other alphabets that look like Latin ones.
_ALIKE = str.maketrans(
    "асеорхуіјѕһԁԛԝвкмнтгАВЕКМНОРСТХІЈЅΥαοεικνρτυχγΑΒΕΖΗΙΚΜΝΟΡΤΧոսօհցʏɪɢɴʀᴏᴇᴀʙᴄᴅꜰʜᴊᴋʟᴍᴘꜱᴛᴜᴠᴡᴢ",
    "aceopxyijshdqwbkmhtrABEKMHOPCTXIJSYaoeiknptuxyABEZHIKMNOPTXnuohgyignroeabcdfhjklmpstuvwz",
)
_MIXED = re.compile(
    r"\b(?=[^\W\d_]*[a-zA-Z])(?=[^\W\d_]*[\u0400-\u058f])[^\W\d_]{3,}"
    r"|\b(?=[^\W\d_]*[a-zA-Z]{2})(?=[^\W\d_]*[\u0370-\u03ff])[^\W\d_]{4,}"
)
_CODE = re.compile(r"`[^`\n ]*(?: [^`\n ]+){0,2}`")  # up to three words, which order nothing
_QUOTED = re.compile(
    r"""`[^`\n]+`|"[^"\n]+"|“[^”\n]+”|„[^“”\n]+[“”]|«[^»\n]+»"""
    r"""|‘[^’\n]+’|(?<!\w)'[^'\n]+'(?!\w)|「[^」\n]+」"""
)
_LEET = re.compile(r"\b(?=[\w@$!|]*[a-z])(?=[\w@$!|]*[0134578@$!|])[\w@$!|]+", re.IGNORECASE)
_LEET_SIGNS = [str.maketrans("0134578@$!|", f"o{one}eastbasil") for one in "il"]
_DOTTED = re.compile(r"\b[^\W\d_](?:[.\-_*·/|~][^\W\d_]){2,}\b")
_SPACED = re.compile(r"(?<!\w)(?:[^\W_][^\w\n]{1,2}|[^\W_] {1,5}){5,}[^\W_](?!\w)")
_MOST_SPACED = 20  # letters; a spaced heading is shorter
_WRAPPED = re.compile(r"(?:^[A-Za-z0-9+/]{16,}\n){1,}[A-Za-z0-9+/]{2,}={0,6}$", re.MULTILINE)
_BLOB = re.compile(r"(?<![\w/+=-])[A-Za-z0-9+/_-]{16,}={0,6}")
_HEX = re.compile(r"(?:(?:\\x|0x|%|=)?[0-9a-f]{2}[\s,:]?){8,}", re.IGNORECASE)
_SHORT_ESCAPE = re.compile(r"\\u\{?([0-9a-f]{4})\}?|\\x([0-9a-f]{2})", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:(?:\\u|U\+)\{?[0-9a-f]{4}\}?[\s,]?){4,}", re.IGNORECASE)
_NUMBERS = re.compile(
    r"(?:[01]{8}\s?){6,}|(?:\\[0-7]{3}){6,}|\b(?:[0-9]{2,3}[\s,;]+){8,}[0-9]{2,3}\b"
)
_MORSE = re.compile(r"(?:[.\-–−·•_]{1,5}[ /|]+){8,}[.\-–−·•_]{1,5}")
_DOTS = (
    "._ _... _._. _.. . .._. __. .... .. .___ _._ ._.. __ _. ___ .__. __._ ._. ... _ .._ ..._ .__ _.._"
    " _.__ __.."
).split()
_MORSE_LETTERS = dict(zip(_DOTS, "abcdefghijklmnopqrstuvwxyz", strict=True))
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
# Alphabets that are turned around and shifted, ROT13 first.
_CIPHERS = [
    str.maketrans(_ALPHABET, _ALPHABET[::-1]),
    *(
        str.maketrans(_ALPHABET, (2 * _ALPHABET)[n : n + 26])
        for n in (13, *range(1, 13), *range(14, 26))
    ),
]
_COMMON = frozenset(
    """the and you your all that with this for are not any from what will ignore answer say reply only now
    tell instructions question must previous rules forget has have but they""".split()
)
# What a page does not show.
_HIDDEN_STYLE = (
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?!\.)"
    r"|color\s*:\s*(?:white|transparent|#fff)|text-indent\s*:\s*-\d{3}|left\s*:\s*-\d{3}"
    r"|\shidden(?=[\s>=])|aria-hidden\s*=\s*.?true"
)
_UNSEEN = re.compile(
    "[\U000e0020-\U000e007e]{8,}"  # tags, which stand for letters
    r"|<!--.*?(?:-->|\Z)|^\[//\]: #[^\n]*|^\[comment\]: [^\n]*"
    rf"|<(\w+)\b[^>]*(?:{_HIDDEN_STYLE})[^>]*>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_MARKS = re.compile(r"<!--+|--+>|^\[[^\]]*\]: #?", re.MULTILINE)
# Between lines of spaced letters.
_GAPS = re.compile(r"(?<=(?<!\w)\w \w)\n(?=\w \w(?!\w))")
# Emphasis, and tags within a word.
_INSIDE = re.compile(
    r"(?<=\w)(?:</?(?:b|i|em|strong|span|font)\b[^>]*>)+(?=\w)|\*\*", re.IGNORECASE
)
_TAG = re.compile(r"</?(?:t[dhr]|p|div|span|li|b|i|em|strong|br|font)\b[^>]*>", re.IGNORECASE)
_STRETCH = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True)
class Shown:
    """What of some hits may be shown to a model or quoted.

    Attributes
    ----------
    hits : tuple of Hit
        With clean texts, orders taken out; one that has nothing else to say is gone.
    withheld : int
        Sentences that were taken out.
    """

    hits: tuple[Hit, ...]
    withheld: int


def is_order(text: str, signs: _Signs = _ALL, *, decode: bool = True) -> bool:
    """Whether a text looks like an order to a language model, or hides writing from readers.

    Parameters
    ----------
    text : str
    signs : _Signs, optional
        Those that may be in it; all where they are not given.
    decode : bool, optional
        Whether to look for hidden writing.
    """
    plain = as_read(text)
    if decode and (len(_MIXED.findall(plain)) > 2 or _is_hidden_writing(plain)):
        return True
    forms = _forms(plain)
    return _likelihood(next(forms), signs, _SURE) > _SURE or any(
        _likelihood(form, signs, _READ) > _READ for form in forms
    )


def as_read(text: str) -> str:
    """A text without mark-up and hidden characters, and without what it only quotes."""
    plain = unicodedata.normalize("NFKC", clean(text))
    plain = _TAG.sub(" | ", _INSIDE.sub("", plain))
    plain = _CODE.sub(" ` ", plain)
    rest = _QUOTED.sub(' "" ', plain)
    return rest if _QUOTING.search(rest.lower()) else plain


def _in(text: str) -> _Signs:
    """The signs that a part of a text may have: those of the whole, and those of a beginning."""
    forms = list(_forms(_TAG.sub(" | ", unicodedata.normalize("NFKC", text))))
    both = [(form, form.lower()) for form in forms]
    patterns = {
        name: [x for x in listed if x.begins or any(x.is_in(form, low) for form, low in both)]
        for name, listed in _ALL.patterns.items()
    }
    found = {name for name, listed in patterns.items() if listed} | {"weak twice"}
    words = {word for _, low in both for word in re.findall(r"\w+", low)}
    found |= {kind for word in words for kind in _kinds_of(word)}
    kinds = sorted(f"<{name}>" for name in found)
    pairs = (f"{one} {other}" for one, other in itertools.combinations(kinds, 2))
    weights = _LEARNED["weights"]
    return _Signs(patterns, sum(max(weights.get(name, 0.0), 0.0) for name in [*kinds, *pairs]))


def _likelihood(text: str, signs: _Signs = _ALL, least: float = 0.0) -> float:
    """How likely a sentence is an order, from 0 to 1; 0 if it cannot be more than `least`."""
    low, weights = text.lower(), _LEARNED["weights"]
    z = _LEARNED["intercept"] + sum(weights.get(name, 0.0) for name in set(_words(low)))
    if least and z + signs.most < math.log(least / (1 - least)):
        return 0.0
    z += sum(weights.get(name, 0.0) for name in _kinds(text, low, signs))
    return 1 / (1 + math.exp(-z))


def _forms(plain: str) -> Iterator[str]:
    """What a text may say: as it stands, and with look-alikes, digits and gaps read."""
    line = one_line(plain)
    yield plain if "\n" in plain else line
    stripped = "".join(
        c for c in unicodedata.normalize("NFD", line) if not unicodedata.combining(c)
    )
    if (alike := stripped.translate(_ALIKE)) != line:
        yield alike
    if len(_LEET.findall(line)) > 1:
        for table in _LEET_SIGNS:
            yield " ".join(
                word.translate(table) if _LEET.search(word) else word for word in line.split(" ")
            )
    if _DOTTED.search(line):
        yield _DOTTED.sub(lambda word: re.sub(r"[^\w]|_", "", word[0]), line)
    if _SPACED.search(plain):
        yield _SPACED.sub(_close, plain)
    if (escaped := html.unescape(unquote(_SHORT_ESCAPE.sub(_unescape, line)))) != line:
        yield escaped


def _unescape(code: re.Match[str]) -> str:
    return chr(int(code[1] or code[2], 16))


def _close(run: re.Match[str]) -> str:
    """Spaced letters as words, where wider gaps tell them apart."""
    return " ".join(re.sub(r"[\W_]", "", word) for word in re.split(r"\s{2,}", run[0]))


def _is_hidden_writing(plain: str) -> bool:
    """Whether a text holds writing that a reader cannot read and a model can."""
    for run in _SPACED.findall(plain):
        letters = re.sub(r"[\W_]", "", run)
        if _COMPACT.search(letters) or (
            len(letters) > _MOST_SPACED and len(set(letters.lower())) < 20
        ):
            return True
    if any(_is_writing(said) for said in _decoded(plain)):
        return True
    low = plain.lower()
    words = re.findall(r"[a-z]+", low)
    clear = [word in _COMMON for word in words]
    if len(words) < 4 or sum(clear) > len(words) / 4:
        return False
    ciphers = _CIPHERS if sum(clear) < len(words) / 20 else _CIPHERS[:2]
    joined = " ".join(words)
    for read in (
        [word[::-1] for word in words],
        *(joined.translate(cipher).split(" ") for cipher in ciphers),
    ):
        known = [word in _COMMON for word in read]
        # A window, since a sentence in clear may stand beside it.
        if sum(known) > 2 and any(
            sum(known[n : n + 8]) > 2 + 2 * sum(clear[n : n + 8]) for n in range(0, len(words), 3)
        ):
            return True
    return False


def _decoded(plain: str) -> Iterator[str]:
    for blob in _BLOB.findall(plain) + [x.replace("\n", "") for x in _WRAPPED.findall(plain)]:
        for decode in (base64.b64decode, base64.urlsafe_b64decode, base64.b32decode):
            padding = "=" * (-len(blob) % (8 if decode is base64.b32decode else 4))
            try:
                # UTF-16 is ASCII with zeros between.
                yield decode(blob + padding).replace(b"\0", b"").decode()
            except (binascii.Error, ValueError):
                continue
    for run in _HEX.findall(plain):
        try:
            yield bytes.fromhex(re.sub(r"\\x|0x|[^0-9a-fA-F]", "", run)).decode()
        except ValueError:
            continue
    for run in _ESCAPED.findall(plain):
        yield "".join(chr(int(code, 16)) for code in re.findall("[0-9a-fA-F]{4}", run))
    for run in _NUMBERS.findall(plain):
        for base, code in ((2, "[01]{8}"), (8, "[0-7]{3}"), (10, r"\b[0-9]{2,3}\b")):
            yield "".join(chr(int(found, base)) for found in re.findall(code, run))
    yield from map(_of_morse, _MORSE.findall(plain))
    for read in (unquote(plain), html.unescape(plain)):
        # A few escapes are in every address and page; a whole sentence of them is not.
        if len(plain) - len(read) > len(read):
            yield read


def _of_morse(run: str) -> str:
    marks = re.sub(r"[\-–−]", "_", re.sub("[·•]", ".", run))
    words = re.split(r"\s*[/|]\s*|\s{2,}", marks)
    return " ".join(
        "".join(_MORSE_LETTERS.get(mark, "") for mark in word.split()) for word in words
    )


def _is_writing(text: str) -> bool:
    """Whether what was decoded is words in a row."""
    letters = sum(c.isalpha() or c in " ,.'" for c in text)
    in_words = letters > 0.85 * len(text) and len(re.findall(r"\w{2,}\s", text)) > 1
    return in_words and (not text.isascii() or _likelihood(text) > _HARMLESS)


def stretches(text: str) -> list[str]:
    """A text cut into its sentences and lines."""
    ends = [0, *(match.end() for match in _STRETCH.finditer(text)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(ends) if end > start]


@lru_cache(maxsize=20_000)
def disarm(text: str) -> tuple[str, int]:
    """A text without hidden characters and hidden text, and without sentences that are orders.

    Returns
    -------
    str
        What is left.
    int
        How many sentences and hidden texts were taken out, but for comments that order nothing.
    """
    withheld = sum(not _is_note(hidden[0]) for hidden in _UNSEEN.finditer(text))
    text = _GAPS.sub("   ", clean(_UNSEEN.sub("", text)))
    # Before sentences are told apart by their full stops.
    for run in filter(lambda run: _is_writing(_of_morse(run)), _MORSE.findall(text)):
        text, withheld = text.replace(run, ""), withheld + 1
    parts = stretches(text)
    signs, decode = _in(text), _is_hidden_writing(as_read(text))
    # An order that runs over several sentences is one only where they stand together.
    for reach in range(1, REACH + 1):
        for start in range(len(parts) - reach + 1):
            taken = parts[start : start + reach]
            joined = "".join(taken)
            if not all(taken) or (reach > 1 and len(joined) > LONGEST):
                continue
            if is_order(joined, signs, decode=decode or reach == 1):
                parts[start : start + reach] = [""] * reach
                withheld += reach
    return "".join(parts), withheld


def _is_note(hidden: str) -> bool:
    """Whether a hidden text is a comment as authors leave it for each other.

    It is taken out like all hidden text, but nobody needs to be told.
    """
    said = _MARKS.sub("", hidden)
    noted = hidden.startswith(("<!--", "[")) and not _is_hidden_writing(said)
    return noted and _likelihood(said) < _READ


def show(hits: Iterable[Hit]) -> Shown:
    """Disarm the texts and titles of hits, and orders that run from one chunk into the next."""
    hits = list(hits)
    split = _split_orders(hits)
    shown, withheld = [], 0
    for hit in hits:
        text, in_text = disarm(hit.chunk.text)
        title, in_title = disarm(hit.chunk.title)
        withheld += in_text + in_title
        for seam in split.get(hit.chunk.id, ()):
            if seam in text:
                text, withheld = text.replace(seam, ""), withheld + 1
        if text.strip():
            chunk = replace(hit.chunk, text=text, title=title or hit.chunk.doc)
            shown.append(replace(hit, chunk=chunk))
    return Shown(tuple(shown), withheld)


def _split_orders(hits: Iterable[Hit]) -> dict[str, list[str]]:
    """The ends and beginnings of chunks of one document that are an order only together."""
    by_document: dict[str, list[Hit]] = {}
    for hit in hits:
        by_document.setdefault(hit.chunk.doc, []).append(hit)
    found: dict[str, list[str]] = {}
    for of_one in by_document.values():
        of_one.sort(key=lambda hit: int(hit.chunk.id.rpartition("#")[2] or 0))
        for before, after in itertools.pairwise(of_one):
            end = _stretches(disarm(before.chunk.text)[0])[-1:]
            start = _stretches(disarm(after.chunk.text)[0])[:1]
            if end and start and any(is_order(end[0] + gap + start[0]) for gap in (" ", "")):
                found.setdefault(before.chunk.id, []).append(end[0])
                found.setdefault(after.chunk.id, []).append(start[0])
    return found


def _stretches(text: str) -> list[str]:
    return [part.strip() for part in stretches(text) if part.strip()]
