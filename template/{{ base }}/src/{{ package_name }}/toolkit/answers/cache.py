"""Answers that were given before, on disk: asked again, they cost nothing.

The key holds the question, the model's version (and with it the index and the settings of the run) and
the language model, so that nothing out of date is ever found.
"""

import contextlib
import hashlib
import json
import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

from ..documents.tokenize import one_line

logger = logging.getLogger(__name__)
TABLE = "CREATE TABLE IF NOT EXISTS answer (number INTEGER PRIMARY KEY, key TEXT UNIQUE, body TEXT)"
DROP_OLDEST = "DELETE FROM answer WHERE number <= (SELECT max(number) FROM answer) - ?"


class Cache:
    """Answers by question, in one SQLite file that several processes may share.

    A cache that cannot be read or written to is no reason not to answer: it is passed over, and said
    once in the log.

    Parameters
    ----------
    path : Path, optional
        The file; None keeps answers in memory.
    identity : list of str
        What an answer depends on besides the question.
    most : int
        How many answers are kept; the oldest are dropped. 0 keeps none.
    """

    def __init__(self, path: Path | None, identity: list[str], most: int) -> None:
        self._identity = identity
        self._most = most
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.hits = self.misses = 0
        if most:
            self._open(path)

    def _open(self, path: Path | None) -> None:
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=1, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(TABLE)
        except (OSError, sqlite3.Error) as error:
            if path is not None:
                logger.warning("answers are cached in memory only: %s: %s", path, error)
                self._open(None)

    def _key(self, question: str) -> str:
        parts = json.dumps([one_line(question), *self._identity], ensure_ascii=True)
        return hashlib.sha256(parts.encode()).hexdigest()

    def get(self, question: str) -> dict[str, Any] | None:
        """The answer that was given before, if any."""
        found = None
        if self._connection is not None:
            with self._lock, self._passing_over():
                row = self._connection.execute(
                    "SELECT body FROM answer WHERE key = ?", (self._key(question),)
                ).fetchone()
                found = json.loads(row[0]) if row else None
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, question: str, answer: dict[str, Any]) -> None:
        """Keep an answer."""
        if self._connection is None:
            return
        body = json.dumps(answer, ensure_ascii=True)
        with self._lock, self._passing_over():
            self._connection.execute(
                "INSERT OR REPLACE INTO answer (key, body) VALUES (?, ?)",
                (self._key(question), body),
            )
            self._connection.execute(DROP_OLDEST, (self._most,))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _passing_over(self) -> Any:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            logger.warning("the cache of answers is passed over: %s", error)
