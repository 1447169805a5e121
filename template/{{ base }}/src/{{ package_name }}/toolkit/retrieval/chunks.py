"""A chunk of a document, what a search finds, and how neighbours make a larger chunk.

The service and `params.yaml` call a chunk that was found a passage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


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
    lead : str
        What the document says first, if that is to be searched with each of its chunks.
    """

    id: str
    doc: str
    text: str
    title: str
    lead: str = ""

    @property
    def searched(self) -> str:
        """What of it is searched and embedded: its document's title and lead, and its text."""
        if not self.lead or self.lead in " ".join(self.text.split()):
            return f"{self.title}\n{self.text}"
        return f"{self.title}: {self.lead}\n{self.text}"


@dataclass(frozen=True)
class Hit:
    """A chunk that a search found.

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


def neighbours(chunks: Sequence[Chunk], size: int) -> list[list[int]]:
    """Rows of chunks that make one larger chunk: `size` neighbours of a document.

    Parameters
    ----------
    chunks : sequence of Chunk
        Those of a document in order, side by side.
    size : int
        How many are joined; a document's last may have fewer.
    """
    rows: list[list[int]] = []
    for row, chunk in enumerate(chunks):
        if rows and len(rows[-1]) < size and chunks[rows[-1][0]].doc == chunk.doc:
            rows[-1].append(row)
        else:
            rows.append([row])
    return rows


def join(chunks: Sequence[Chunk], rows: Sequence[int]) -> Chunk:
    """The chunk that several neighbours make; it has the first one's id."""
    first = chunks[rows[0]]
    text = "\n\n".join(chunks[row].text for row in rows)
    return replace(first, text=text)
