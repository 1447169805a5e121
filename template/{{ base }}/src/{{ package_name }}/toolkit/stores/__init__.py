"""Where vectors are kept and found: in memory, in Chroma, or in PostgreSQL with pgvector.

Every store holds unit vectors by chunk id and answers with cosines, so that one can take another's
place. The texts are not in it: they lie in the bundle once, whichever store is used.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError

Kind = Literal["chroma", "numpy"]
Found = list[tuple[str, float]]


class StoreUnreachable(UserError):
    """The database does not answer now; it may soon."""


class Store(Protocol):
    """Unit vectors by chunk id."""

    @property
    def spec(self) -> dict[str, Any]:
        """What `load` needs to find it again; it goes into the bundle's metadata."""

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep vectors of shape (n, d) and length 1; each id is given once."""

    def search(self, vector: NDArray[np.float32], k: int) -> Found:
        """The `k` ids nearest to a vector of shape (d,), with their cosines, nearest first."""

    def __len__(self) -> int:
        """How many vectors there are."""

    def close(self) -> None:
        """Make what was added last, and let go of files and connections."""


def create(
    folder: Path,
    kind: Kind,
    *,
    project: str,
    name: str,
    dimensions: int,
    address: str | None = None,
) -> Store:
    """An empty store.

    Parameters
    ----------
    folder : Path
        The bundle being made.
    kind : {"chroma", "numpy"}
        Which store, unless `address` says PostgreSQL.
    project : str
        Whose index it is, where several projects share a database.
    name : str
        What the index is called among earlier ones: the model's version.
    dimensions : int
        The length of a vector.
    address : str, optional
        `DATABASE_URL`; one that begins with `postgres` makes it pgvector.

    Raises
    ------
    UserError
        If the store's package is not installed or the database cannot be reached.
    """
    if address and address.startswith("postgres"):
        from .pgvector import Pgvector

        return Pgvector.create(address, project, name, dimensions)
    if kind == "chroma":
        from .chroma import Chroma

        return Chroma.create(folder)
    from .exact import Exact

    return Exact.create(folder, dimensions)


def load(folder: Path, spec: dict[str, Any], address: str | None = None) -> Store:
    """The store of a finished bundle, to be searched; nothing in the bundle is written to.

    Parameters
    ----------
    folder : Path
        The bundle.
    spec : dict
        What `Store.spec` was.
    address : str, optional
        `DATABASE_URL`.

    Raises
    ------
    UserError
        If it is not there, or not whole.
    """
    kind = spec["kind"]
    if kind == "pgvector":
        from .pgvector import Pgvector

        if not address:
            raise UserError(
                "The vectors are in PostgreSQL, and DATABASE_URL is not set. Set it to the "
                "database that `train` wrote to, or run `train` without it."
            )
        return Pgvector.load(address, spec)
    if kind == "chroma":
        from .chroma import Chroma

        return Chroma.load(folder)
    from .exact import Exact

    return Exact.load(folder)
