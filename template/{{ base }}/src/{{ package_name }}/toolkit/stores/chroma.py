"""Vectors in an embedded Chroma, which lies in the bundle as a folder of its own.

Chroma writes to its files even when it is only asked, so `load` works on a copy: the bundle stays as
`train` left it, and may lie on a disk that cannot be written to.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError

FOLDER = "chroma"
COLLECTION = "passages"
# Wide enough a search that the approximate graph finds what comparing every vector would. The graph is
# built by several threads, each time otherwise: of the hundred nearest of 3,229, one was missed by 6 to 9
# questions of 104 at 400, by none at 1,000.
GRAPH = {"space": "ip", "ef_construction": 200, "ef_search": 1000, "max_neighbors": 32}


class Chroma:
    """One collection of a Chroma client; vectors come from outside, telemetry is off."""

    def __init__(self, client: Any, collection: Any, work: Any = None) -> None:
        self._client = client
        self._collection = collection
        self._work = work

    @classmethod
    def create(cls, folder: Path) -> Self:
        """An empty collection in `folder`."""
        client = _client(folder / FOLDER)
        collection = client.create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": GRAPH}
        )
        return cls(client, collection)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a copy of what `create` left in `folder`.

        Raises
        ------
        UserError
            If it is not there or damaged.
        """
        import chromadb.errors

        # Removed when the store is no longer used, at the end of the process at the latest.
        work = tempfile.TemporaryDirectory(prefix="chroma-", ignore_cleanup_errors=True)
        try:
            copy = shutil.copytree(folder / FOLDER, Path(work.name) / FOLDER)
            client = _client(copy)
            collection = client.get_collection(COLLECTION, embedding_function=None)
        except (OSError, shutil.Error, ValueError, chromadb.errors.ChromaError) as error:
            work.cleanup()
            raise UserError(
                f"The vectors in {folder / FOLDER} cannot be read ({error}). Run `train` again."
            ) from error
        return cls(client, collection, work)

    @property
    def spec(self) -> dict[str, Any]:
        """See `Store`."""
        return {"kind": "chroma"}

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """See `Store`."""
        step = self._client.get_max_batch_size()
        for start in range(0, len(ids), step):
            self._collection.add(
                ids=list(ids[start : start + step]),
                embeddings=np.asarray(vectors[start : start + step], dtype=np.float32),
            )

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """See `Store`."""
        k = min(k, len(self))
        if k == 0:
            return []
        found = self._collection.query(
            query_embeddings=[np.asarray(vector, dtype=np.float32)],
            n_results=k,
            include=["distances"],
        )
        names, distances = found["ids"][0], found["distances"][0]
        return [(name, 1 - float(d)) for name, d in zip(names, distances, strict=True)]

    def __len__(self) -> int:
        """See `Store`."""
        return int(self._collection.count())

    def close(self) -> None:
        """See `Store`."""
        self._client.close()
        if self._work is not None:
            self._work.cleanup()


def _client(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
