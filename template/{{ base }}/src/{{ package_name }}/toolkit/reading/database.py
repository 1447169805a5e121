"""Run the training query against SQLite, DuckDB or PostgreSQL."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import sqlalchemy
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ..project.errors import UserError
from .arrow import first_rows, from_arrow, refuse_duplicates

EXAMPLES = (
    "sqlite:///data/mine.db, duckdb:///data/mine.duckdb or postgresql://user:password@host/database"
)
PART = 50_000
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


def read_query(root: Path, name: str | None) -> tuple[str, str]:
    """Return the SQL of `data.query` and the file's name.

    Raises
    ------
    UserError
        If the file is absent or holds no statement.
    """
    if not name:
        raise UserError("`data.query` is not set. Name a file with a SELECT: sql/training.sql.")
    try:
        text = (root / name).read_text("utf-8-sig")
    except OSError as error:
        raise UserError(
            f"The query file {name} cannot be read ({error.strerror}). Correct `data.query`."
        ) from error
    statement = "\n".join(
        line for line in text.splitlines() if line.strip() and not line.strip().startswith("--")
    )
    if not statement.strip(" \n\t;"):
        raise UserError(f"The query file {name} is empty. Write a SELECT in it.")
    return text.strip().rstrip(";"), name


def _url(address: str | None) -> URL:
    if not address:
        raise UserError(
            "`data.source` is sql, and DATABASE_URL is not set. Put it in .env or the "
            f"environment: {EXAMPLES}."
        )
    if address.startswith("duckdb:") and not address.startswith("duckdb://"):
        address = address.replace("duckdb:", "duckdb:///", 1)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise UserError(f"DATABASE_URL is not an address. Write it as {EXAMPLES}.") from error
    known = ("sqlite", "duckdb", "postgresql", "postgres")
    if url.get_backend_name() not in known:
        raise UserError(
            f"DATABASE_URL begins with {url.drivername!r}; known are {', '.join(known[:3])}. "
            f"Write it as {EXAMPLES}."
        )
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def describe(address: str | None) -> str:
    """Name the database without user, password or options."""
    url = _url(address)
    host = f"{url.host}/" if url.host else ""
    return f"{url.get_backend_name()} {host}{url.database or ''}"


def query(statement: str, name: str, address: str | None, limit: int | None = None) -> pd.DataFrame:
    """Return the rows of a SELECT, the first `limit` of them.

    Raises
    ------
    UserError
        If the database cannot be reached, the statement is refused, a column name occurs twice,
        or there are no rows. The password is never shown.
    """
    url = _url(address)
    is_file = url.get_backend_name() in ("sqlite", "duckdb")
    if is_file and url.database and url.database != ":memory:" and not Path(url.database).exists():
        raise UserError(
            f"The database {url.database} of DATABASE_URL is not there. Correct the address: three "
            "slashes before a relative path, four before an absolute one."
        )
    read = _read_duckdb if url.get_backend_name() == "duckdb" else _read_sqlalchemy
    frame = read(url, statement, name, limit)
    if not len(frame):
        raise UserError(f"The query {name} returns no rows from {describe(address)}. Widen it.")
    return frame


def _read_duckdb(url: URL, statement: str, name: str, limit: int | None) -> pd.DataFrame:
    try:
        with duckdb.connect(url.database or ":memory:", read_only=bool(url.database)) as connection:
            answer = connection.sql(statement)
            if answer is None:
                raise UserError(f"The query {name} returns no table. Write a SELECT.")
            reader: Any = answer.to_arrow_reader(65_536)
            refuse_duplicates(reader.schema.names, f"The answer of {name}")
            if limit is None:
                return from_arrow(reader.read_all())
            return from_arrow(first_rows(reader, limit, reader.schema))
    except duckdb.IOException as error:
        raise UserError(
            f"The database {url.database} cannot be opened: {_first_line(error, url)}"
        ) from error
    except duckdb.Error as error:
        raise _refused(name, error, url) from error


def _read_sqlalchemy(url: URL, statement: str, name: str, limit: int | None) -> pd.DataFrame:
    options: dict[str, Any] = {"no_parameters": True, "stream_results": True}
    if url.get_backend_name() == "postgresql":
        engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": 10})
        options["postgresql_readonly"] = True
    else:
        engine = sqlalchemy.create_engine(url)
    try:
        connection = engine.connect()
    except (DBAPIError, NoSuchModuleError, UnicodeError) as error:
        raise UserError(
            f"The database of DATABASE_URL ({describe(str(url))}) cannot be reached: "
            f"{_first_line(error, url)} Is it running, and are host, port, user and password right?"
        ) from error
    try:
        with connection:
            result = connection.execution_options(**options).exec_driver_sql(statement)
            if not result.returns_rows:
                raise UserError(f"The query {name} returns no table. Write a SELECT.")
            names = list(result.keys())
            refuse_duplicates(names, f"The answer of {name}")
            # In parts, since a million rows of Python objects need gigabytes.
            parts = [result.fetchmany(limit)] if limit is not None else result.partitions(PART)
            frames = [pd.DataFrame([tuple(row) for row in part], columns=names) for part in parts]
    except DBAPIError as error:
        raise _refused(name, error, url) from error
    finally:
        engine.dispose()
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def _refused(name: str, error: Exception, url: URL) -> UserError:
    return UserError(f"The database refuses {name}: {_first_line(error, url)} Correct the query.")


def _first_line(error: Exception, url: URL) -> str:
    cause = getattr(error, "orig", None) or error
    # psycopg shows the statement it sent: ours, behind the words of its cursor.
    text = re.sub(r'DECLARE "[^"]*" (?:\w+ )*?CURSOR (?:\w+ )*?FOR ', "", str(cause))
    text = " ".join(re.sub(r"^(LINE \d+: .*)\n\s*\^\s*$", r"\1", text, flags=re.M).split())[:300]
    if url.password:
        text = text.replace(str(url.password), "***")
    return text.rstrip(".") + "."
