"""The prediction journal's reading side: segments and Parquet to rows, and the one into the other.

A record is one line of a segment (see `recorder`). Compaction turns a segment that nobody writes to
into one Parquet file of the same name, or into rows of PostgreSQL, and then removes it; wherever it
is killed, running it again ends the same, and a reader never sees a record twice.
"""

import io
import itertools
import json
import logging
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic_core import from_json

from ..project.errors import UserError
from ..project.files import hold, write_bytes
from ..project.settings import Project
from .recorder import SEGMENTS, SUFFIX, folder_of

logger = logging.getLogger(__name__)
ARCHIVE = "parquet"
INPUT = "in:"
FIELDS = ("segment", "line", "id", "at", "path", "ms", "request", "answer")
SECONDS_TO_CONNECT = 10
_CREATE = """
CREATE TABLE IF NOT EXISTS predictions (
    segment text NOT NULL, line integer NOT NULL, id text NOT NULL, at timestamptz NOT NULL,
    path text NOT NULL, ms double precision NOT NULL, request jsonb NOT NULL, answer jsonb NOT NULL,
    PRIMARY KEY (segment, line)
)
"""


def read(
    project: Project,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    time: str | None = None,
) -> pd.DataFrame:
    """The predictions that were answered, one row each, oldest first.

    Parameters
    ----------
    project : Project
    since, until : datetime or ISO text, optional
        Keep rows with since <= time < until.
    time : str, optional
        The input column that says when the event happens (`data.time`); the time of the answer
        otherwise.

    Returns
    -------
    DataFrame
        `id` (the request's id; of a batch, `id/row` with rows counted from 1), `at` (UTC),
        `model_version`, `latency_ms` (of the request), `prediction`, `needs_review`, `probability`
        (of each class, as `probability:class`) or `value`, and the inputs as `in:column`. An id
        that was used for different requests gets `~2`, `~3` from its second use on. `attrs` counts
        `torn` and `repeated` records.
    """
    records, torn = _records(project)
    columns = _Columns()
    seen: dict[str, list[int]] = {}
    repeated = 0
    records.sort(key=lambda r: (r["at"], r["segment"], r["line"]), reverse=True)
    while records:  # from the oldest on, each forgotten once it is read: a year's texts are large
        record = records.pop()
        key = hash((record["request"], record["answer"]))
        uses = seen.setdefault(record["id"], [])
        if key in uses:
            repeated += 1
            continue
        uses.append(key)
        name = record["id"] if len(uses) == 1 else f"{record['id']}~{len(uses)}"
        columns.add(_columns_of(record, name))
    frame = pd.DataFrame(columns.values)
    if frame.empty:
        frame = pd.DataFrame(columns=["id", "at", "model_version", "latency_ms", "prediction"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
    frame = _between(frame, since, until, time)
    frame.attrs |= {"torn": torn, "repeated": repeated}
    return frame


class _Columns:
    """Rows put down column by column, which takes a fraction of the memory of a dict a row."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}
        self._rows = 0

    def add(self, part: dict[str, list[Any]]) -> None:
        """Put some rows down; what they do not have, and what earlier ones did not, is None."""
        for name, values in part.items():
            column = self.values.get(name)
            if column is None:
                column = self.values[name] = [None] * self._rows
            column.extend(values)
        self._rows += len(part["id"])
        if len(part) < len(self.values):
            for column in self.values.values():
                column.extend([None] * (self._rows - len(column)))


def _between(
    frame: pd.DataFrame,
    since: datetime | str | None,
    until: datetime | str | None,
    time: str | None,
) -> pd.DataFrame:
    if since is None and until is None:
        return frame
    column = "at" if time is None else INPUT + time
    if column not in frame:
        return frame.iloc[:0]
    times = pd.to_datetime(frame[column], utc=True, format="ISO8601", errors="coerce")
    kept = times.notna()
    if since is not None:
        kept &= times >= _utc(since)
    if until is not None:
        kept &= times < _utc(until)
    return frame[kept].reset_index(drop=True)


def _utc(time: datetime | str) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")


def _columns_of(record: dict[str, Any], name: str) -> dict[str, list[Any]]:
    """The rows of a record, one list a column."""
    asked, answer = from_json(record["request"]), from_json(record["answer"])
    batch = "predictions" in answer
    inputs = _records_of(asked) if batch else [asked]
    answers = answer["predictions"] if batch else [answer]
    size = len(answers)
    found = {
        "id": [f"{name}/{row}" for row in range(1, size + 1)] if batch else [name],
        "at": [record["at"]] * size,
        "model_version": [answer["model_version"]] * size,
        "latency_ms": [record["ms"]] * size,
        "prediction": [said["prediction"] for said in answers],
        "needs_review": [said["needs_review"] for said in answers],
    }
    if answers and "value" in answers[0]:
        found["value"] = [said["value"] for said in answers]
    probabilities = [said.get("probabilities", {}) for said in answers]
    for prefix, rows in (("probability:", probabilities), (INPUT, inputs)):
        for key in dict.fromkeys(itertools.chain.from_iterable(rows)):
            found[prefix + key] = [row.get(key) for row in rows]
    return found


def _records_of(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a batch that was asked for, by record or by column."""
    if (records := asked.get("records")) is not None:
        return list(records)
    columns = {name: values for name, values in asked["columns"].items() if values is not None}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _records(project: Project) -> tuple[list[dict[str, Any]], int]:
    """All records, each once, and how many lines were torn."""
    folder, found, torn = folder_of(project), list[dict[str, Any]](), 0
    # Segments first: one that is compacted meanwhile is then found in its new place.
    taken = set[str]()
    for path in sorted((folder / SEGMENTS).glob(f"*{SUFFIX}")):
        try:
            records, broken = _parsed(path.name, path.read_bytes())
        except FileNotFoundError:
            continue
        taken.add(path.name)
        found += records
        torn += broken
    for path in sorted((folder / ARCHIVE).glob("*.parquet")):
        if path.stem + SUFFIX not in taken:
            rows = pd.read_parquet(path).to_dict("records")
            found += [{str(name): value for name, value in row.items()} for row in rows]
    if address := project.environment().journal_database_url:
        found += [each for each in _from_database(address) if each["segment"] not in taken]
    return found, torn


def _parsed(segment: str, content: bytes) -> tuple[list[dict[str, Any]], int]:
    """The records of a segment and the count of lines that are not whole.

    A line that a killed process left unfinished was never acknowledged.
    """
    records, torn = [], 0
    for number, line in enumerate(content.split(b"\n")):
        if not line:
            continue
        checksum, _, body = line.partition(b" ")
        try:
            whole = len(checksum) == 8 and int(checksum, 16) == zlib.crc32(body)
        except ValueError:
            whole = False
        if not whole:
            torn += 1
            continue
        # Cut by its known ends rather than parsed: the texts inside are kept as they were.
        head, _, rest = body.partition(b', "request": ')
        fields = json.loads(head + b"}")
        asked, _, answer = rest.rpartition(b', "answer": ')
        records.append(
            {
                "segment": segment,
                "line": number,
                **{name: fields[name] for name in ("id", "at", "path", "ms")},
                "request": asked.decode(),
                "answer": answer[:-1].decode(),
            }
        )
    return records, torn


def compact(project: Project, keep_days: int | None = None) -> dict[str, int]:
    """Move finished segments into Parquet, or into PostgreSQL when `JOURNAL_DATABASE_URL` is set.

    Parameters
    ----------
    project : Project
    keep_days : int, optional
        Remove what was answered longer ago; kept for ever otherwise.

    Returns
    -------
    dict
        `segments` moved, `records` in them, `torn` lines, `open` segments left to their writers,
        `expired` records removed.

    Raises
    ------
    UserError
        If the database does not answer.
    """
    folder, address = folder_of(project), project.environment().journal_database_url
    done = {"segments": 0, "records": 0, "torn": 0, "open": 0, "expired": 0}
    for path in sorted((folder / SEGMENTS).glob(f"*{SUFFIX}")):
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another compaction was faster
        try:
            if not hold(handle):
                done["open"] += 1
                continue
            records, torn = _parsed(path.name, path.read_bytes())
            if records and address:
                _to_database(address, records)
            elif records:
                buffer = io.BytesIO()
                pd.DataFrame(records, columns=list(FIELDS)).to_parquet(buffer, index=False)
                write_bytes(folder / ARCHIVE / f"{path.stem}.parquet", buffer.getvalue())
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)
        done["segments"] += 1
        done["records"] += len(records)
        done["torn"] += torn
    if keep_days is not None:
        done["expired"] = _forget(folder, address, datetime.now(UTC) - timedelta(days=keep_days))
    return done


def _forget(folder: Path, address: str | None, before: datetime) -> int:
    """Remove older records; a Parquet file that holds some is rewritten without them."""
    removed = 0
    if address:
        with database(address) as connection:
            create(connection, _CREATE)
            removed += connection.execute(
                "DELETE FROM predictions WHERE at < %s", [before]
            ).rowcount
    for path in sorted((folder / ARCHIVE).glob("*.parquet")):
        frame = pd.read_parquet(path)
        old = pd.to_datetime(frame["at"], utc=True, format="ISO8601") < before
        if old.all():
            path.unlink()
        elif old.any():
            buffer = io.BytesIO()
            frame[~old].to_parquet(buffer, index=False)
            write_bytes(path, buffer.getvalue())
        removed += int(old.sum())
    return removed


@contextmanager
def database(address: str) -> Iterator[Any]:
    """A connection in whose transaction the block runs; a mistake of the database is the user's to see."""
    import psycopg

    try:
        with psycopg.connect(address, connect_timeout=SECONDS_TO_CONNECT) as connection:
            yield connection
    except psycopg.Error as error:
        said = " ".join(str(error).replace(address, "JOURNAL_DATABASE_URL").split())
        raise UserError(
            f"The journal's database does not answer as it should ({said}). What is not in it yet "
            "stays where it is; check JOURNAL_DATABASE_URL and run the command again."
        ) from error


def create(connection: Any, statement: str) -> None:
    """Make a table that is not there yet; of two programs that want to, the second waits."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [statement])
    connection.execute(statement)


def rows_of(address: str, table: str, statement: str) -> list[tuple[Any, ...]]:
    """What a statement reads from a table; nothing if nobody has made it. Reading is all it needs."""
    with database(address) as connection:
        if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() == (None,):
            return []
        return list(connection.execute(statement).fetchall())


def _to_database(address: str, records: list[dict[str, Any]]) -> None:
    with database(address) as connection, connection.cursor() as cursor:
        create(connection, _CREATE)
        cursor.executemany(
            "INSERT INTO predictions (segment, line, id, at, path, ms, request, answer) VALUES "
            "(%(segment)s, %(line)s, %(id)s, %(at)s, %(path)s, %(ms)s, %(request)s, %(answer)s) "
            "ON CONFLICT DO NOTHING",
            records,
        )


def _from_database(address: str) -> list[dict[str, Any]]:
    statement = (
        "SELECT segment, line, id, at, path, ms, request::text, answer::text FROM predictions"
    )
    found = rows_of(address, "predictions", statement)
    records = [dict(zip(FIELDS, row, strict=True)) for row in found]
    for record in records:
        record["at"] = record["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return records
