"""From a folder of files to documents: what can be read is read, the rest is named and left out."""

import hashlib
import io
import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..project.errors import UserError
from ..project.files import write_text
from .tokenize import clean

FILE = Path("data", "documents.jsonl")
FEWEST_WORDS = 3

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong is said once, below


class UnreadableError(Exception):
    """A file is not a document; the message says why in a few words."""


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
    """

    id: str
    file: str
    title: str
    text: str
    sha256: str


@dataclass(frozen=True)
class Read:
    """What a folder holds: documents by id, files that cannot be read and why, and other files."""

    documents: list[Document]
    unreadable: list[dict[str, str]]
    others: list[str]


def read_folder(folder: Path, max_megabytes: float) -> Read:
    """Read every document under a folder.

    Parameters
    ----------
    folder : Path
        Searched with its folders; names that begin with a dot are passed over.
    max_megabytes : float
        Larger files are left out unread.

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
    unreadable, others = [], []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        reader = READERS.get(path.suffix.lower())
        if reader is None:
            others.append(name.as_posix())
            continue
        try:
            document = _read(path, name, reader, max_megabytes)
            if document.id in documents:
                raise UnreadableError(
                    f"has the same name without its suffix as {documents[document.id].file}"
                )
            documents[document.id] = document
        except UnreadableError as error:
            unreadable.append({"file": name.as_posix(), "reason": str(error)})
    return Read(list(documents.values()), unreadable, others)


def _read(path: Path, name: Path, reader: Callable[[bytes], str], max_megabytes: float) -> Document:
    try:
        if path.stat().st_size > max_megabytes * 1e6:
            raise UnreadableError(f"is larger than `data.max_megabytes` ({max_megabytes:g} MB)")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from error
    if not content:
        raise UnreadableError("is empty")
    text = clean(reader(content)).strip()
    if len(re.findall(r"\w+", text)) < FEWEST_WORDS:
        raise UnreadableError("holds no text (a scan must be put through OCR first)")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = name.with_suffix("").as_posix()
    return Document(known, name.as_posix(), _title(text) or known, text, sha256)


def _title(text: str) -> str:
    """The first line that holds a word, without the marks of a heading."""
    for line in text.splitlines():
        words = line.strip().strip("#=*-~`<>!. ").strip()
        if re.search(r"\w", words):
            return words[:120]
    return ""


def _plain(content: bytes) -> str:
    if b"\0" in content[:4096] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("is not text, whatever its name says")
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableError("is neither UTF-8 nor Windows-1252: save it as UTF-8")


def _html(content: bytes) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(content, "html.parser")
    for part in soup(["script", "style", "noscript", "template", "nav", "footer"]):
        part.decompose()
    return re.sub(r"\n\s*\n+", "\n\n", soup.get_text("\n"))


def _pdf(content: bytes) -> str:
    import pypdf
    from pypdf.errors import DependencyError

    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("is encrypted: save it without a password")
        return "\n\n".join(page.extract_text() for page in reader.pages)
    except UnreadableError:
        raise
    except DependencyError as error:  # ciphers that need a further package
        raise UnreadableError("is encrypted: save it without a password") from error
    except Exception as error:  # a damaged file makes pypdf raise nearly anything
        raise UnreadableError(f"is a damaged PDF ({type(error).__name__})") from error


def _docx(content: bytes) -> str:
    import docx

    try:
        opened = docx.Document(io.BytesIO(content))
    except Exception as error:  # as with pypdf, and lxml's errors besides
        raise UnreadableError(f"is not a Word document ({type(error).__name__})") from error
    lines = [paragraph.text for paragraph in opened.paragraphs]
    for table in opened.tables:
        lines += [" | ".join(cell.text for cell in row.cells) for row in table.rows]
    return "\n\n".join(lines)


READERS: dict[str, Callable[[bytes], str]] = {
    ".md": _plain,
    ".txt": _plain,
    ".rst": _plain,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
}


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


def write_lines(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Write JSON Lines whole."""
    lines = (json.dumps(value, ensure_ascii=False) for value in values)
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_lines(path: Path, stage: str) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file that a stage wrote.

    Raises
    ------
    UserError
        If it is not there.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path.name} is not there. Run `{stage}` first.") from error
    return [json.loads(line) for line in text.split("\n") if line]
