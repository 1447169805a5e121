"""A passage of a document, and what a search finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """A stretch of a document's text, small enough to be read and quoted.

    Attributes
    ----------
    id : str
        `<document>#<number>`, counted from 0 in the order of the text.
    doc : str
        The document's id: its path under `data/raw` without the suffix.
    text : str
        The words.
    title : str
        The document's title.
    """

    id: str
    doc: str
    text: str
    title: str


@dataclass(frozen=True)
class Hit:
    """A chunk that a retriever found.

    Attributes
    ----------
    chunk : Chunk
        What was found.
    score : float
        On the retriever's own scale; higher is nearer.
    similarity : float, optional
        Cosine of the question's and the chunk's embeddings, where the retriever has them.
    """

    chunk: Chunk
    score: float
    similarity: float | None = None
