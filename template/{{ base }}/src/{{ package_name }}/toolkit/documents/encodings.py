"""From the bytes of a text file to its characters, whichever encoding it was saved in."""

import codecs

from charset_normalizer import from_bytes

from . import language

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Encodings that people's files are in, and the languages that are written in them. Of all that there
# are, one that nobody uses would often fit as well: Cyrillic in KOI8-R as Japanese in Shift JIS 2004.
LANGUAGES = {
    "utf_16_le": "",
    "utf_16_be": "",
    "iso2022_jp": "ja",
    "euc_jp": "ja",
    "cp932": "ja",
    "cp949": "ko",
    "big5": "zh",
    "gb18030": "zh",
    "cp1252": "af ca da de en es eu fi fo fr ga gl id is it lb ms nb nl nn no oc pt sv sw",
    "cp1250": "bs cs hr hu pl ro sk sl sq",
    "cp1251": "be bg kk ky mk mn ru sr uk",
    "cp1253": "el",
    "cp1254": "az tr",
    "cp1255": "he",
    "cp1256": "ar fa ps ug ur",
    "cp1257": "et lt lv",
    "koi8_r": "ru",
    "cp874": "th",
}
WIDE = frozenset(("utf_16_le", "utf_16_be"))
BINARY_SHARE = 0.02  # of control characters that no text has


class NotText(ValueError):
    """The bytes are no text in any encoding that is looked for."""


def decode(content: bytes) -> tuple[str, str]:
    """The text and the name of its encoding.

    A byte order mark decides, then UTF-8 where it is valid; else the encoding whose text is least
    odd (charset-normalizer) and in a language that is written in it.

    Raises
    ------
    NotText
        If none gives a text.
    """
    for mark, name in BOMS.items():
        if content.startswith(mark):
            try:
                return content.decode(name), name.removesuffix("-sig")
            except UnicodeDecodeError as error:
                raise NotText(str(error)) from error
    try:
        return _checked(content.decode("utf-8")), "utf-8"
    except (UnicodeDecodeError, NotText):
        # Without zeros it is no UTF-16: texts have spaces and line ends.
        names = [name for name in LANGUAGES if b"\0" in content or name not in WIDE]
        found = {each.encoding: each for each in from_bytes(content, cp_isolation=names)}
    if not found:
        raise NotText("no encoding fits")

    def oddness(name: str) -> tuple[float, bool, float, int]:
        fits = name in WIDE or language.detect(str(found[name])) in LANGUAGES[name].split()
        return round(found[name].chaos, 1), not fits, -found[name].coherence, names.index(name)

    text = _checked(str(found[min(found, key=oddness)]))
    # Several may give the same text; it is called by the first that does.
    named = next(name for name in names if _decoded(content, name) == text)
    return text, named.replace("_", "-")


def is_guessed(encoding: str | None) -> bool:
    """Whether a file's own bytes did not say its encoding."""
    return encoding is not None and encoding.replace("-", "_") in LANGUAGES


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _checked(text: str) -> str:
    odd = sum(character < " " and character not in "\t\n\r\f\v" for character in text)
    if odd > BINARY_SHARE * len(text):
        raise NotText("it holds control characters")
    return text
