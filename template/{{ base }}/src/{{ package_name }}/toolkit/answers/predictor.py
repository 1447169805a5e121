"""The index as it is served: search, and answers from what is found."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from .. import stores
from ..documents.passages import Chunk, Hit
from ..project.config import environment
from ..project.errors import UserError
from ..project.files import read_json, restore_folder, write_text
from ..retrieval.embedder import Embedder
from ..retrieval.index import Dense, Index, Setup, Way
from ..retrieval.lexical import Bm25, Tfidf
from .answerer import Answerer

PASSAGES = "passages.jsonl"


class Predictor:
    """An index, ready to be searched and to answer.

    Parameters
    ----------
    metadata : dict
        The bundle's `metadata.json`.
    index : Index
        What is searched.
    answerer : Answerer
        Who words answers.
    """

    def __init__(self, metadata: dict[str, Any], index: Index, answerer: Answerer) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.index = index
        self.answerer = answerer

    @classmethod
    def load(cls, folder: Path, bounded: bool = False) -> Self:
        """Read the bundle at `folder`.

        Parameters
        ----------
        folder : Path
            The bundle.
        bounded : bool
            Whether the budget of the language model holds, as it does for a run.

        Raises
        ------
        UserError
            If there is no bundle, or one that cannot be used.
        """
        restore_folder(folder)
        metadata = read_json(folder / "metadata.json", "train")
        variables = environment(Path())
        try:
            setup = Setup.from_json(metadata["setup"])
            chunks = read_passages(folder)
            ways: dict[str, Callable[[Path], Way]] = {"bm25": Bm25.load, "tfidf": Tfidf.load}
            words = ways[setup.words](folder) if setup.words else None
            meaning = None
            if setup.meaning:
                embedder = Embedder.load(
                    folder, metadata["embedder"], variables.embeddings_base_url
                )
                store = stores.load(folder, metadata["store"], variables.database_url)
                meaning = Dense(store, embedder.vector, [chunk.id for chunk in chunks])
            index = Index(chunks, setup, words, meaning)
            answerer = Answerer.from_metadata(
                metadata, variables, bounded, vocabulary=index.vocabulary
            )
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise UserError(
                f"The index in {folder} cannot be used ({type(error).__name__}: {error}). "
                "Run `train` again."
            ) from error
        return cls(metadata, index, answerer)

    def search(self, question: str, k: int) -> list[Hit]:
        """The `k` best passages, best first."""
        return self.index.search(question, k)

    def reply(
        self, question: str, on_event: Callable[[str, str], None] | None = None
    ) -> dict[str, Any]:
        """What the service answers and `predict` writes, but for the version and the time."""
        return self.answerer.reply(question, self.search, on_event or _unheard)


def _unheard(kind: str, text: str) -> None:
    """Nobody listens."""


def write_passages(folder: Path, chunks: Sequence[Chunk]) -> None:
    """Write the passages of a bundle."""
    lines = (json.dumps(asdict(chunk), ensure_ascii=False) for chunk in chunks)
    write_text(folder / PASSAGES, "".join(f"{line}\n" for line in lines))


def read_passages(folder: Path) -> list[Chunk]:
    """Read what `write_passages` wrote."""
    text = (folder / PASSAGES).read_text("utf-8")
    return [Chunk(**json.loads(line)) for line in text.split("\n") if line]
