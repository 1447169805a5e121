"""Vectors of chunks, cached by content: what has not changed is not computed again."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..documents.settings import Index
from .embedder import Embedder, EmbedderUnavailable

FILE = Path("data", "cache", "vectors.sqlite")
KEPT_AT_ONCE = 200


class Encoder:
    """The project's embedder, loaded when it is first needed, before its cache of vectors.

    Parameters
    ----------
    root : Path
        The project's folder.
    settings : Index
        Which embedder.
    address : str, optional
        `EMBEDDINGS_BASE_URL`.
    """

    def __init__(self, root: Path, settings: Index, address: str | None = None) -> None:
        self.root = root
        self._settings = settings
        self._address = address
        self._missing: EmbedderUnavailable | None = None
        self.vector = cache(self._vector)  # each question once, however many folds ask

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder that `index.embedder` names; one that cannot be had is not tried again.

        Raises
        ------
        EmbedderUnavailable
        """
        if self._missing is not None:
            raise self._missing
        settings, folder = self._settings, self.root / FILE.parent
        try:
            return Embedder.get(settings.embedder, folder, settings.threads, self._address)
        except EmbedderUnavailable as error:
            self._missing = error
            raise

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of n texts, shape (n, d), under a progress bar."""
        embedder = self.embedder
        with tqdm(total=len(texts), desc="embedding", unit="chunk") as bar:
            return embed(self.root, embedder, texts, bar.update)

    def _vector(self, question: str) -> NDArray[np.float32]:
        return self.embedder.vector(question)


def embed(
    root: Path,
    embedder: Embedder,
    texts: Sequence[str],
    on_step: Callable[[int], object] = lambda done: None,
) -> NDArray[np.float32]:
    """Vectors of texts, shape (n, d), from the cache where they are known.

    What is computed is kept every 200 texts, so that a run that is stopped goes on from there.

    Parameters
    ----------
    root : Path
        The project's folder.
    embedder : Embedder
    texts : sequence of str
        n of them.
    on_step : callable
        Told how many texts more have their vectors.
    """
    keys = [hashlib.sha256(f"{embedder.identity}\0{text}".encode()).digest() for text in texts]
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as kept:
        kept.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")
        known = {key: found for key in set(keys) if (found := _find(kept, key)) is not None}
        on_step(sum(key in known for key in keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        fresh: dict[bytes, NDArray[np.float32]] = {}
        for key, vector in zip(missing, embedder.vectors(list(missing.values())), strict=True):
            fresh[key] = known[key] = vector
            on_step(1)
            if len(fresh) == KEPT_AT_ONCE:
                _keep(kept, fresh)
                fresh = {}
        _keep(kept, fresh)
    return np.stack([known[key] for key in keys])


def _find(kept: sqlite3.Connection, key: bytes) -> NDArray[np.float32] | None:
    row = kept.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
    return None if row is None else np.frombuffer(row[0], dtype=np.float32)


def _keep(kept: sqlite3.Connection, vectors: dict[bytes, NDArray[np.float32]]) -> None:
    rows = [(key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
    with kept:
        kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
