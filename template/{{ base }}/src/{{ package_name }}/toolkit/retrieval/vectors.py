"""Vectors of passages, kept by content: what has not changed is not computed again."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .embedder import Embedder

FILE = Path("data", "cache", "vectors.sqlite")
KEPT_AT_ONCE = 200


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
    with closing(sqlite3.connect(path)) as cache:
        cache.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")
        known = {key: found for key in set(keys) if (found := _find(cache, key)) is not None}
        on_step(sum(key in known for key in keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        fresh: dict[bytes, NDArray[np.float32]] = {}
        for key, vector in zip(missing, embedder.vectors(list(missing.values())), strict=True):
            fresh[key] = known[key] = vector
            on_step(1)
            if len(fresh) == KEPT_AT_ONCE:
                _keep(cache, fresh)
                fresh = {}
        _keep(cache, fresh)
    return np.stack([known[key] for key in keys])


def _find(cache: sqlite3.Connection, key: bytes) -> NDArray[np.float32] | None:
    row = cache.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
    return None if row is None else np.frombuffer(row[0], dtype=np.float32)


def _keep(cache: sqlite3.Connection, vectors: dict[bytes, NDArray[np.float32]]) -> None:
    rows = [(key, vector.astype(np.float32).tobytes()) for key, vector in vectors.items()]
    with cache:
        cache.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
