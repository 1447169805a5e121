"""A small corpus for the tests of search: four topics of five documents, and an embedder of letters."""

import hashlib
from collections.abc import Iterator

import numpy as np
from nlp.documents import make_chunks
from numpy.typing import NDArray
from toolkit.documents.reading import Document
from toolkit.retrieval.corpus import Corpus
from toolkit.retrieval.embedder import Embedder

TOPICS = ("bread oven flour", "river boat sail", "violin bow string", "goal referee pitch")


class Counting(Embedder):
    """An embedder of letters' counts that remembers what it was asked for."""

    def __init__(self, identity: str = "letters") -> None:
        super().__init__("counting", identity, self._letters)
        self.asked: list[str] = []

    def _letters(self, texts: list[str]) -> Iterator[NDArray[np.float32]]:
        for text in texts:
            self.asked.append(text)
            yield np.bincount([ord(c) % 64 for c in text.lower()], minlength=64).astype("f4")


def document(name: str, text: str) -> Document:
    return Document(name, f"{name}.md", name, text, hashlib.sha256(text.encode()).hexdigest())


def documents() -> list[Document]:
    return [
        document(f"{topic.split()[0]}-{n}", f"{topic} number{n}. " * 8)
        for topic in TOPICS
        for n in range(5)
    ]


def corpus_of(documents: list[Document], embedder: Counting) -> Corpus:
    chunks = make_chunks(documents, 120)

    def all_vectors() -> NDArray[np.float32]:
        return np.stack(list(embedder.vectors([chunk.text for chunk in chunks])))

    return Corpus(chunks, [1, 2], all_vectors, embedder.vector)
