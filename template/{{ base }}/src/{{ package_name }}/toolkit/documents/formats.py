"""From the bytes of a file to its text in reading order, and to what of the file is not in it.

Tables become lines (`tables.py`), Word and HTML become Markdown, so that whatever cuts or quotes a
text later has one form to understand.
"""

import io
import logging
import re
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import regex

from ..project import yaml_files
from . import tables, web_page
from .encodings import NotText, decode
from .tokenize import one_line

logging.getLogger("pdfminer").setLevel(logging.CRITICAL)  # what is wrong is said once, in `reading`

_FRONT_MATTER = re.compile(
    r"\A\s*(---|\+\+\+)[ \t]*\n(?=\S)(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.S
)
_SOFT_END = regex.compile(r"[^\p{P}\s][,;]?\Z")  # a line that ends here goes on
_HYPHEN = regex.compile(r"(\p{L}+)[-\u2010\u00ad]\s*\n\s*(\p{Ll}\p{L}*)")
_AND = frozenset("and or und oder bzw et ou e o y u en of".split())  # pre- and post-war
_WORD_XML = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"


class UnreadableError(Exception):
    """A file is not a document; the message says why in a few words."""


@dataclass
class Content:
    """What a file holds.

    Attributes
    ----------
    text : str
        In reading order.
    title : str
        What the file says that it is called; may be empty.
    pages : int, optional
        Of a PDF.
    encoding : str, optional
        Of a text file.
    left : Counter
        What was left out, and how often.
    left_characters : Counter
        Its characters, where they are known.
    read_pages : int, optional
        Pages that have text.
    """

    text: str
    title: str = ""
    pages: int | None = None
    encoding: str | None = None
    left: Counter[str] = field(default_factory=Counter)
    left_characters: Counter[str] = field(default_factory=Counter)
    read_pages: int | None = None


def plain(content: bytes) -> Content:
    """A text file."""
    try:
        text, encoding = decode(content)
    except NotText as error:
        raise UnreadableError("is not text, whatever its name says") from error
    return Content(re.sub(r"\r\n?", "\n", text), encoding=encoding)


def markdown(content: bytes) -> Content:
    """Markdown; its front matter is metadata and no text."""
    read = plain(content)
    if match := _FRONT_MATTER.match(read.text):
        try:
            loads = tomllib.loads if match[1] == "+++" else yaml_files.load
            values = loads(match[2])
        except ValueError:  # which the errors of both are
            values = None
        if isinstance(values, dict):
            read.text = read.text[match.end() :]
            read.title = one_line(str(values.get("title") or ""))
            read.left["front matter"] = 1
    read.text = tables.in_markdown(read.text)
    return read


def rst(content: bytes) -> Content:
    """reStructuredText."""
    read = plain(content)
    read.text = tables.in_rst(read.text)
    return read


def html(content: bytes) -> Content:
    """A web page: its main content."""
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    declared = EncodingDetector.find_declared_encoding(content, is_html=True)
    soup = BeautifulSoup(content, "html5lib", from_encoding=declared)
    encoding = soup.original_encoding
    if declared is None:
        page = plain(content)
        soup, encoding = BeautifulSoup(page.text, "html5lib"), page.encoding
    text, title, left, characters = web_page.read(soup)
    return Content(text, title, encoding=encoding, left=left, left_characters=characters)


def pdf(content: bytes) -> Content:
    """A PDF, its columns one after another (pdfminer.six's layout analysis)."""
    from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

    try:
        pages = list(_pages(content))
    except (PDFEncryptionError, PDFPasswordIncorrect) as error:
        raise UnreadableError("is encrypted: save it without a password") from error
    except Exception as error:  # a damaged file makes pdfminer raise nearly anything
        raise UnreadableError(f"is a damaged PDF ({type(error).__name__})") from error
    if not pages:
        raise UnreadableError("is a damaged PDF (it has no pages)")
    empty = [number for number, blocks in enumerate(pages, start=1) if not blocks]
    read = Content(
        _flowing([block for blocks in pages for block in blocks]),
        pages=len(pages),
        read_pages=len(pages) - len(empty),
    )
    if empty:
        read.left[f"page without text ({_ranges(empty)})"] = len(empty)
    return read


def _pages(content: bytes) -> Iterator[list[str]]:
    """The blocks of text of each page, in reading order; turned text comes after the rest."""
    from pdfminer.converter import PDFPageAggregator
    from pdfminer.layout import LAParams, LTChar, LTTextBox
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage

    class Device(PDFPageAggregator):
        """Keeps the upright characters of a page and counts the others by their quarter turns."""

        turned: Counter[int]

        def end_page(self, page: Any) -> None:
            turns = {id(each): _turn(each) for each in self.cur_item if isinstance(each, LTChar)}
            self.turned = Counter(turn for turn in turns.values() if turn)
            kept = [each for each in self.cur_item if not turns.get(id(each))]
            self.cur_item._objs = kept
            super().end_page(page)

    resources = PDFResourceManager()
    device = Device(resources, laparams=LAParams(all_texts=True))
    interpreter = PDFPageInterpreter(resources, device)

    def blocks() -> list[str]:
        found = [each.get_text() for each in device.get_result() if isinstance(each, LTTextBox)]
        return [text.strip() for text in found if text.strip()]

    for page in PDFPage.get_pages(io.BytesIO(content)):
        interpreter.process_page(page)
        found, upright = blocks(), page.rotate
        for turn in sorted(device.turned):
            page.rotate = (upright + 90 * turn) % 360
            interpreter.process_page(page)
            found += blocks()
        yield found


def _turn(character: Any) -> int:
    """By how many quarters of a circle a character is turned, against the clock."""
    a, b = character.matrix[:2]
    if abs(a) >= abs(b):
        return 0 if a > 0 else 2
    return 1 if b > 0 else 3


def _flowing(blocks: list[str]) -> str:
    """Blocks as paragraphs; words and sentences that a line, column or page breaks are whole."""
    text = ""
    for block in blocks:
        goes_on = block[:1].islower() and (_SOFT_END.search(text) or text.endswith("-"))
        text += ("\n" if goes_on else "\n\n") + block if text else block
    words = text.lower()

    def joined(match: regex.Match[str]) -> str:
        first, second = match[1], match[2]
        if second in _AND:
            return f"{first}- {second}"
        written = f"{first}-{second}"
        return written if re.search(rf"\b{re.escape(written.lower())}\b", words) else first + second

    return str(_HYPHEN.sub(joined, text))


def _ranges(numbers: list[int]) -> str:
    """Numbers as people write them: 1, 3 to 5."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(
        str(each[0]) if len(each) == 1 else f"{each[0]} to {each[-1]}" for each in parts
    )


def docx(content: bytes) -> Content:
    """A Word document by mammoth: tracked insertions, text boxes, content controls and notes are read."""
    import mammoth
    from bs4 import BeautifulSoup

    try:
        made = mammoth.convert_to_html(
            io.BytesIO(content), style_map=_STYLES, convert_image=lambda image: []
        )
        read = _around(content)
    except Exception as error:  # as with a PDF, and those of XML and zip besides
        raise UnreadableError(f"is not a Word document ({type(error).__name__})") from error
    soup = BeautifulSoup(made.value, "html.parser")
    for mark in soup.select("sup > a[id*=note-ref], a[href*=note-ref]"):
        mark.decompose()  # [1] in the text, an arrow at the note: a quote would carry them
    body = web_page.markdown(soup)
    heading = soup.find("h1")
    read.title = one_line(heading.get_text(" ")) if heading else ""
    read.text = "\n\n".join(filter(None, [body.strip(), read.text]))
    return read


def _around(content: bytes) -> Content:
    """The headers and footers of a Word document as text, and what nobody reads of it, counted."""
    read, said = Content(""), dict[str, None]()
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        for name in parts.namelist():
            if not re.fullmatch(r"word/(document|comments|(header|footer)\d*)\.xml", name):
                continue
            # Expat bounds what entities may grow to; mammoth has read the same file before.
            root = ElementTree.fromstring(parts.read(name))  # noqa: S314
            if name.startswith(("word/header", "word/footer")):
                lines = ("".join(_texts(each, "t")) for each in root.iter(f"{_WORD_XML}p"))
                said |= dict.fromkeys(one_line(line) for line in lines if line.strip())
            elif name == "word/comments.xml":
                _count(read, "comment", root.iter(f"{_WORD_XML}comment"), "t")
            else:
                _count(read, "tracked deletion", root.iter(f"{_WORD_XML}del"), "delText")
                _count(read, "picture", root.iter(f"{_WORD_XML}drawing"), "none", empty=True)
    read.text = "\n\n".join(said)
    return read


def _texts(element: ElementTree.Element, tag: str) -> Iterator[str]:
    for each in element.iter(f"{_WORD_XML}{tag}"):
        yield each.text or ""


def _count(
    read: Content,
    what: str,
    elements: Iterator[ElementTree.Element],
    tag: str,
    empty: bool = False,
) -> None:
    for element in elements:
        text = "".join(_texts(element, tag))
        if text or empty:
            read.left[what] += 1
            read.left_characters[what] += len(text)


READERS: dict[str, Callable[[bytes], Content]] = {
    ".md": markdown,
    ".markdown": markdown,
    ".txt": plain,
    ".rst": rst,
    ".html": html,
    ".htm": html,
    ".pdf": pdf,
    ".docx": docx,
}
