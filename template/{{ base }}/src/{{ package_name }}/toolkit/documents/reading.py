"""From a folder of files to documents: what can be read is read, the rest is named and left out."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..project.errors import UserError
from . import language
from .formats import READERS, Content, UnreadableError
from .json_lines import read_lines, write_lines
from .tokenize import clean, split, word_count

FILE = Path("data", "documents.jsonl")
FEWEST_WORDS = 3
LONGEST_TITLE = 120
LONG_LINE = 12  # words; more are no heading


@dataclass(frozen=True)
class Document:
    """One document.

    Attributes
    ----------
    id : str
        Its path under the folder, without the suffix.
    file : str
        Its path under the folder.
    title : str
        Its first heading, or its id.
    text : str
        Its words, with line breaks.
    sha256 : str
        Of the text.
    language : str
        ISO 639-1.
    """

    id: str
    file: str
    title: str
    text: str
    sha256: str
    language: str = language.DEFAULT


@dataclass(frozen=True)
class Read:
    """What a folder holds.

    Attributes
    ----------
    documents : list of Document
    unreadable : list of dict
        `file` and `reason` of files that cannot be read.
    others : list of str
        Files of other kinds.
    files : list of dict
        Of each document's file: `file`, `pages`, `characters`, `share_read` (of its pages in
        a PDF, else of its characters), `encoding`, `language` and `left`, a list of `what`, `count` and `characters`.
    """

    documents: list[Document]
    unreadable: list[dict[str, str]]
    others: list[str]
    files: list[dict[str, Any]] = field(default_factory=list)


def read_folder(folder: Path, max_megabytes: float, spoken: str = "auto") -> Read:
    """Read every document under a folder.

    Parameters
    ----------
    folder : Path
        Searched with its folders; names that begin with a dot are passed over.
    max_megabytes : float
        Larger files are left out unread.
    spoken : str
        The language of all documents; `auto` finds each one's.

    Raises
    ------
    UserError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder. Put your documents there, or set `data.path` in params.yaml."
        )
    documents: dict[str, Document] = {}
    unreadable, others, files = [], [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            others.append(name.as_posix())
            continue
        try:
            document, content = _read(path, name, reader, max_megabytes, spoken)
            if document.id in documents:
                raise UnreadableError(
                    f"has the same name without its suffix as {documents[document.id].file}"
                )
            documents[document.id] = document
            files.append(_described(document, content))
        except UnreadableError as error:
            unreadable.append({"file": name.as_posix(), "reason": str(error)})
    return Read(list(documents.values()), unreadable, others, files)


def _read(
    path: Path,
    name: Path,
    reader: Callable[[bytes], Content],
    max_megabytes: float,
    spoken: str,
) -> tuple[Document, Content]:
    try:
        if path.stat().st_size > max_megabytes * 1e6:
            raise UnreadableError(f"is larger than `data.max_megabytes` ({max_megabytes:g} MB)")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error
    if not content:
        raise UnreadableError("is empty")
    read = reader(content)
    text = clean(read.text).strip()
    if word_count(text) < FEWEST_WORDS:
        raise UnreadableError("holds no text (a scan must be put through OCR first)")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = name.with_suffix("").as_posix()
    title = clean(read.title)[:LONGEST_TITLE] or _title(text) or known
    found = language.detect(text) if spoken == "auto" else spoken
    return Document(known, name.as_posix(), title, text, sha256, found), read


def _described(document: Document, content: Content) -> dict[str, Any]:
    """What the report says of a file that was read."""
    lost = sum(content.left_characters.values())
    share = len(document.text) / (len(document.text) + lost)
    if content.pages and content.read_pages is not None:
        share = content.read_pages / content.pages
    return {
        "file": document.file,
        "pages": content.pages,
        "characters": len(document.text),
        "share_read": share,
        "encoding": content.encoding,
        "language": document.language,
        "left": [
            {"what": what, "count": count, "characters": content.left_characters[what]}
            for what, count in content.left.items()
        ],
    }


def _title(text: str) -> str:
    """The first line that holds a word, without the marks of a heading, or its first sentence."""
    for line in text.splitlines():
        words = line.strip().strip("#=*-~`<>!. ").strip()
        if word_count(words) > LONG_LINE:  # a paragraph
            words = next(split(words))
        if word_count(words):
            return words[:LONGEST_TITLE]
    return ""


def main_language(documents: Iterable[Document]) -> str:
    """The language of most of the text."""
    return language.main((each.language, len(each.text)) for each in documents)


def write_documents(root: Path, documents: Iterable[Document]) -> None:
    """Write data/documents.jsonl whole."""
    write_lines(root / FILE, map(asdict, documents))


def read_documents(root: Path) -> list[Document]:
    """What `write_documents` wrote.

    Raises
    ------
    UserError
        If the data stage has not run.
    """
    return [Document(**value) for value in read_lines(root / FILE, "data")]
