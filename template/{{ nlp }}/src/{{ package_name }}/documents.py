"""How a document is cut into the chunks that are searched, embedded and quoted.

A short chunk says one thing and is found exactly; a long one holds its context. The least size is
`index.characters`; which sizes above it are better is not guessed but compared: neighbours are
joined (`index.joined`), and the training questions choose.
"""

from collections.abc import Iterable

from langchain_text_splitters import RecursiveCharacterTextSplitter

from .toolkit.documents.reading import Document
from .toolkit.documents.tokenize import sentences
from .toolkit.retrieval.chunks import Chunk

# Tried in this order: a chunk ends with a paragraph where it can, else with a line or a sentence.
SEPARATORS = ["\n\n", "\n", ". ", "。", "！", "？", "؟ ", "। ", " ", ""]
# Chunks that share text would be found twice; joined neighbours give the context that an overlap would.
OVERLAP = 0
# A chunk from the middle of a document does not say what the document is about: title and first
# sentence are searched and embedded with each, at most so many characters of it.
LEAD = 200
LOOKED_AT = 2000  # characters in which the first sentence is looked for


def make_chunks(documents: Iterable[Document], characters: int) -> list[Chunk]:
    """Cut documents into chunks; every word is in one of them.

    Parameters
    ----------
    documents : iterable of Document
        In any order; chunks keep it.
    characters : int
        The most that a chunk holds.
    """
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=characters, chunk_overlap=OVERLAP, separators=SEPARATORS, keep_separator="end"
    )
    return [
        Chunk(f"{document.id}#{number}", document.id, text, document.title, lead)
        for document in documents
        for lead in [lead_of(document)]
        for number, text in enumerate(splitter.split_text(document.text))
    ]


def lead_of(document: Document) -> str:
    """The first sentence of a document."""
    found = sentences(document.text[:LOOKED_AT])
    return found[0].text[:LEAD] if found else ""
