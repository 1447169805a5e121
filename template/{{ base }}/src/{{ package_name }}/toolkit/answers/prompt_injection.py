"""Documents are data: sentences that give orders to a language model are withheld from it.

Whoever can put a document into the corpus can write to the model that reads it. Three things stand in
the way: hidden characters and hidden text are taken out; sentences that look like orders to a model are
neither shown to it nor quoted (this module); and what the model says is told only as far as the passages
it was shown support it (`citations`).

Handbooks order people about too ("Reply only to messages from members"), so an imperative is no sign by
itself. `signs.toml` has what tells a machine's orders from a person's: the reader is addressed as a
machine, its instructions or the question are to be forgotten, an answer is dictated whatever is asked,
text beyond the passage is to be given away. A strong sign withholds; a weak one needs a second, other
one beside it. Beside the signs stand the weights of words (`order_words.json`), learned from labelled
sentences, for what no sign names; they are a second opinion. Signs are looked for in what a text says and in what it says once letters that look alike,
digits for letters, spaced letters and the usual encodings are read. They are a filter, not a proof: an
order in words they do not know reaches the model. The project's tests measure both errors on sentences
written by somebody who had not read the signs, and `evaluate` tries attacks on a model that obeys
everything.
"""

import base64
import binascii
import codecs
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
_SURE = 0.7  # of the learned words; out of fold it withholds none of 191 sentences to people
_LONGEST = 400  # characters that the learned words judge at once
_REACH = 3  # stretches beside each other over which an order may run


_Signs = tuple[list[re.Pattern[str]], list[re.Pattern[str]]]  # strong and weak ones


def _read_signs() -> _Signs:
    """Strong and weak signs; `{name}` in a sign stands for the word list of that name."""
    read = tomllib.loads(Path(__file__).with_name("signs.toml").read_text("utf-8"))
    words = {"{" + name + "}": f"(?:{'|'.join(listed)})" for name, listed in read["words"].items()}

    def compiled(sign: str) -> re.Pattern[str]:
        for name, listed in words.items():
            sign = sign.replace(name, listed)
        return re.compile(sign, re.IGNORECASE | re.DOTALL | re.MULTILINE)

    strong, weak = read["english"]["strong"] + read["elsewhere"]["strong"], read["english"]["weak"]
    return list(map(compiled, strong)), list(map(compiled, weak))


_ALL = _read_signs()
_TOKEN = re.compile(r"[a-z']+|[\"“:|\[]")


def words_of(text: str) -> list[str]:
    """The words of a sentence and its pairs of neighbours, as the learned weights name them."""
    words = _TOKEN.findall(text.lower())
    return [*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))]


def _read_words() -> dict[str, Any]:
    # Not there only while they are fitted anew.
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
_MIXED = re.compile(r"\b(?=\w*[a-zA-Z])(?=\w*[\u0400-\u052f])\w{3,}")
_LEET = re.compile(r"\b(?=[\w@$!|]*[a-z])(?=[\w@$!|]*[0134578@$!|])[\w@$!|]+", re.IGNORECASE)
_LEET_SIGNS = [str.maketrans("0134578@$!|", f"o{one}eastbasil") for one in "il"]
_DOTTED = re.compile(r"\b[^\W\d_](?:[.\-_*·/|~][^\W\d_]){2,}\b")
_SPACED = re.compile(r"(?<!\w)(?:[^\W_][^\w\n]{1,2}|[^\W_] {1,5}){5,}[^\W_](?!\w)")
_MOST_SPACED = 20  # letters; a spaced heading is shorter
_BLOB = re.compile(r"(?<![\w/+=-])[A-Za-z0-9+/_-]{16,}={0,6}")
_HEX = re.compile(r"(?:(?:\\x|0x|%)?[0-9a-f]{2}[\s,]?){8,}", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:\\u[0-9a-f]{4}){4,}", re.IGNORECASE)
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


def is_order(text: str, signs: _Signs | None = None) -> bool:
    """Whether a text looks like an order to a language model, or hides writing from readers.

    Parameters
    ----------
    text : str
    signs : _Signs, optional
        Those that may be in it; all where they are not given.
    """
    signs = _ALL if signs is None else signs
    plain = _TAG.sub(" | ", unicodedata.normalize("NFKC", clean(text)))
    if len(_MIXED.findall(plain)) > 2 or _is_hidden_writing(plain):
        return True
    return any(_has_signs(form, signs) for form in _forms(plain))


def _has_signs(text: str, signs: _Signs) -> bool:
    if len(text) <= _LONGEST and _likelihood(text) > _SURE:
        return True
    strong, weak = signs
    return sum(1 for sign in weak if sign.search(text)) > 1 or any(x.search(text) for x in strong)


def _in(text: str) -> _Signs:
    """The signs that a part of a text may have: those of the whole, and those of a beginning."""
    forms = list(_forms(_TAG.sub(" | ", unicodedata.normalize("NFKC", text))))
    strong, weak = (
        [x for x in signs if "^" in x.pattern or any(x.search(form) for form in forms)]
        for signs in _ALL
    )
    return strong, weak


def _likelihood(text: str) -> float:
    """How likely a sentence is an order by its words, from 0 to 1."""
    weights = _LEARNED["weights"]
    z = _LEARNED["intercept"] + sum(weights.get(word, 0.0) for word in set(words_of(text)))
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
    words = re.findall(r"[a-z]+", plain.lower())
    for read in (
        [codecs.encode(word, "rot13") for word in words],
        [word[::-1] for word in words],
        ["".join(chr(219 - ord(c)) for c in word) for word in words],
    ):
        # A window, since a sentence in clear may stand beside it.
        for start in range(0, max(len(words) - 3, 1), 3):
            part, clear = read[start : start + 8], words[start : start + 8]
            known = sum(word in _COMMON for word in part)
            if known > 2 and known > 2 * sum(word in _COMMON for word in clear):
                return True
    return False


def _decoded(plain: str) -> Iterator[str]:
    for blob in _BLOB.findall(plain):
        for decode in (base64.b64decode, base64.urlsafe_b64decode, base64.b32decode):
            try:
                yield decode(
                    blob + "=" * (-len(blob) % (8 if decode is base64.b32decode else 4))
                ).decode()
            except (binascii.Error, ValueError):
                continue
    for run in _HEX.findall(plain):
        try:
            yield bytes.fromhex(re.sub(r"\\x|0x|[^0-9a-fA-F]", "", run)).decode()
        except ValueError:
            continue
    for run in _ESCAPED.findall(plain):
        yield run.encode().decode("unicode_escape")
    for read in (unquote(plain), html.unescape(plain)):
        # A few escapes are in every address and page; a whole sentence of them is not.
        if len(plain) - len(read) > len(read):
            yield read


def _is_writing(text: str) -> bool:
    """Whether what was decoded is words in a row."""
    letters = sum(c.isalpha() or c in " ,.'" for c in text)
    return letters > 0.85 * len(text) and len(re.findall(r"\w{2,}\s", text)) > 1


@lru_cache(maxsize=20_000)
def disarm(text: str) -> tuple[str, int]:
    """A text without hidden characters and hidden text, and without sentences that are orders.

    Returns
    -------
    str
        What is left.
    int
        How many sentences and hidden texts were taken out.
    """
    text, withheld = _UNSEEN.subn("", text)
    text = clean(text)
    ends = [0, *(match.end() for match in _STRETCH.finditer(text)), len(text)]
    parts = [text[start:end] for start, end in itertools.pairwise(ends) if end > start]
    signs = _in(text)
    # An order that runs over several sentences is one only where they stand together.
    for reach in range(1, _REACH + 1):
        for start in range(len(parts) - reach + 1):
            taken = parts[start : start + reach]
            if all(taken) and is_order("".join(taken), signs):
                parts[start : start + reach] = [""] * reach
                withheld += reach
    left = "".join(parts)
    if any(sign.search(left) for sign in signs[0]):
        return "", withheld + 1
    return left, withheld


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
    return [part.strip() for part in _STRETCH.split(text) if part.strip()]
