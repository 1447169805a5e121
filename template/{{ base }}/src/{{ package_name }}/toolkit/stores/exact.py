"""Every vector compared: exact, in memory, and what the other stores are measured against."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError

FILE = "vectors.npz"


class Exact:
    """Vectors in one array.

    Parameters
    ----------
    dimensions : int
        The length of a vector.
    folder : Path, optional
        Where `close` writes them; None keeps them in memory only.
    """

    def __init__(self, dimensions: int, folder: Path | None = None) -> None:
        self.folder = folder
        self._ids: list[str] = []
        self._vectors = np.empty((0, dimensions), dtype=np.float32)

    @classmethod
    def create(cls, folder: Path, dimensions: int) -> Self:
        """An empty store that `close` writes into `folder`."""
        return cls(dimensions, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `close` wrote.

        Raises
        ------
        UserError
            If it is not there or damaged.
        """
        try:
            with np.load(folder / FILE, allow_pickle=False) as file:
                ids, vectors = file["ids"].tolist(), file["vectors"]
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"The vectors in {folder / FILE} cannot be read ({error}). Run `train` again."
            ) from error
        store = cls(vectors.shape[1])
        store._ids, store._vectors = ids, vectors
        return store

    @property
    def spec(self) -> dict[str, Any]:
        """See `Store`."""
        return {"kind": "numpy"}

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """See `Store`."""
        self._ids += ids
        self._vectors = np.concatenate([self._vectors, np.asarray(vectors, dtype=np.float32)])

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """See `Store`."""
        cosines = self._vectors @ np.asarray(vector, dtype=np.float32)
        nearest = np.arange(len(cosines))
        if k < len(cosines):
            nearest = np.argpartition(-cosines, k)[:k]
        nearest = nearest[np.argsort(-cosines[nearest], kind="stable")]
        return [(self._ids[row], float(cosines[row])) for row in nearest]

    def __len__(self) -> int:
        """See `Store`."""
        return len(self._ids)

    def close(self) -> None:
        """Write the file, if there is a folder for it."""
        if self.folder is not None:
            np.savez(self.folder / FILE, ids=np.array(self._ids, dtype=str), vectors=self._vectors)
