"""From documents to passages, and from passages to larger ones."""

from collections.abc import Iterable

from langchain_text_splitters import RecursiveCharacterTextSplitter

from .passages import Chunk
from .reading import Document

SEPARATORS = ["\n\n", "\n", ". ", " ", ""]


def cut(documents: Iterable[Document], characters: int) -> list[Chunk]:
    """Cut documents into passages, at paragraphs where it can be, else at lines or sentences.

    Parameters
    ----------
    documents : iterable of Document
        In any order; passages keep it.
    characters : int
        The most that a passage holds.
    """
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=characters, chunk_overlap=0, separators=SEPARATORS, keep_separator="end"
    )
    return [
        Chunk(f"{document.id}#{number}", document.id, text, document.title)
        for document in documents
        for number, text in enumerate(splitter.split_text(document.text))
    ]


def join(passages: list[Chunk], size: int) -> list[list[int]]:
    """Rows of passages that make one larger passage: `size` neighbours of a document.

    Parameters
    ----------
    passages : list of Chunk
        Those of a document in order, side by side.
    size : int
        How many are joined; a document's last may have fewer.
    """
    rows: list[list[int]] = []
    for row, passage in enumerate(passages):
        if rows and len(rows[-1]) < size and passages[rows[-1][0]].doc == passage.doc:
            rows[-1].append(row)
        else:
            rows.append([row])
    return rows


def joined(passages: list[Chunk], rows: list[int]) -> Chunk:
    """The passage that several neighbours make; it has the first one's id."""
    first = passages[rows[0]]
    text = "\n\n".join(passages[row].text for row in rows)
    return Chunk(first.id, first.doc, text, first.title)
