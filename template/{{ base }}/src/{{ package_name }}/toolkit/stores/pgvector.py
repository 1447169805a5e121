"""Vectors in PostgreSQL with the extension pgvector, for a service of several machines.

The indexes of all versions lie in one table, told apart by their names; one appears to others when it
is whole. Every vector of an index is compared (exact, in the database): an approximate index pays
from some hundred thousand vectors on, and then with a table for each version.
"""

from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError
from . import StoreUnreachable

KEPT = 2  # earlier indexes that stay: services that were not restarted still ask them
TABLES = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS passage_index (
    project text, name text, dimensions int NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, name)
);
CREATE TABLE IF NOT EXISTS passage_vector (
    project text, name text, id text, embedding vector NOT NULL,
    PRIMARY KEY (project, name, id),
    FOREIGN KEY (project, name) REFERENCES passage_index ON DELETE CASCADE
);
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtext('passage_index'))"
PRUNE = """
DELETE FROM passage_index WHERE project = %s AND name NOT IN (
    SELECT name FROM passage_index WHERE project = %s ORDER BY created_at DESC LIMIT %s
)
"""
NEAREST = """
SELECT id, -(embedding <#> %s) AS cosine FROM passage_vector
WHERE project = %s AND name = %s ORDER BY embedding <#> %s, id LIMIT %s
"""


class Pgvector:
    """One index among those of a database.

    Parameters
    ----------
    pool : psycopg_pool.ConnectionPool
        Connections with the type `vector` registered.
    project, name : str
        Whose index it is, and which.
    writing : psycopg.Connection, optional
        The transaction that `close` commits.
    """

    def __init__(self, pool: Any, project: str, name: str, writing: Any = None) -> None:
        self._pool = pool
        self._project, self._name = project, name
        self._writing = writing

    @classmethod
    def create(cls, address: str, project: str, name: str, dimensions: int) -> Self:
        """An empty index; it is seen by others from `close` on.

        Raises
        ------
        UserError
            If the database cannot be reached, or has no pgvector.
        """
        import psycopg

        try:
            connection = psycopg.connect(address, connect_timeout=10)
            connection.execute(LOCK)
            connection.execute(TABLES)
            connection.execute(
                "INSERT INTO passage_index (project, name, dimensions) VALUES (%s, %s, %s)",
                (project, name, dimensions),
            )
            _register(connection)
        except psycopg.Error as error:
            raise _explained(error, address) from error
        return cls(None, project, name, connection)

    @classmethod
    def load(cls, address: str, spec: dict[str, Any]) -> Self:
        """Find a whole index.

        Raises
        ------
        UserError
            If the database cannot be reached, or does not hold the index.
        """
        import psycopg
        import psycopg_pool

        try:
            with psycopg.connect(address, connect_timeout=10) as connection:
                found = connection.execute(
                    "SELECT 1 FROM passage_index WHERE project = %s AND name = %s",
                    (spec["project"], spec["name"]),
                ).fetchone()
        except psycopg.errors.UndefinedTable:
            found = None
        except psycopg.Error as error:
            raise _explained(error, address) from error
        if found is None:
            raise UserError(
                f"{_place(address)} holds no index `{spec['name']}`. Run `train` with this "
                "DATABASE_URL."
            )
        pool = psycopg_pool.ConnectionPool(
            address,
            min_size=1,
            max_size=8,
            timeout=5,
            configure=_register,
            check=psycopg_pool.ConnectionPool.check_connection,
            kwargs={"autocommit": True, "connect_timeout": 5},
            open=True,
        )
        return cls(pool, spec["project"], spec["name"])

    @property
    def spec(self) -> dict[str, Any]:
        """See `Store`."""
        return {"kind": "pgvector", "project": self._project, "name": self._name}

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """See `Store`."""
        rows = np.asarray(vectors, dtype=np.float32)
        statement = (
            "COPY passage_vector (project, name, id, embedding) FROM STDIN WITH (FORMAT BINARY)"
        )
        with self._writing.cursor().copy(statement) as copy:
            copy.set_types(["text", "text", "text", "vector"])
            for name, row in zip(ids, rows, strict=True):
                copy.write_row((self._project, self._name, name, row))

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """See `Store`.

        Raises
        ------
        StoreUnreachable
            If the database does not answer.
        """
        asked = np.asarray(vector, dtype=np.float32)
        rows = self._rows(NEAREST, (asked, self._project, self._name, asked, k))
        return [(name, float(cosine)) for name, cosine in rows]

    def __len__(self) -> int:
        """See `Store`."""
        count = "SELECT count(*) FROM passage_vector WHERE project = %s AND name = %s"
        return int(self._rows(count, (self._project, self._name))[0][0])

    def close(self) -> None:
        """See `Store`."""
        if self._writing is not None:
            self._writing.execute(PRUNE, (self._project, self._project, KEPT + 1))
            self._writing.commit()
            self._writing.close()
        if self._pool is not None:
            self._pool.close()

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        import psycopg
        import psycopg_pool

        if self._writing is not None:
            return list(self._writing.execute(query, values).fetchall())
        try:
            with self._pool.connection() as connection:
                return list(connection.execute(query, values).fetchall())
        except (psycopg.OperationalError, psycopg_pool.PoolTimeout) as error:
            raise StoreUnreachable("The database of passages does not answer now.") from error


def _register(connection: Any) -> None:
    from pgvector.psycopg import register_vector

    register_vector(connection)


def _place(address: str) -> str:
    """The database without the password."""
    parts = urlsplit(address)
    return f"{parts.hostname or 'the local server'}{parts.path}"


def _explained(error: Exception, address: str) -> UserError:
    return UserError(
        f"PostgreSQL at {_place(address)} cannot be used: {str(error).strip()}. Check DATABASE_URL "
        "and that the extension `vector` can be created there, or unset it to use the store that "
        "`params.yaml` names."
    )
