"""Labels that arrive after the predictions, matched to them by id.

Every delivery is kept as it came, in a file of its own and, with `JOURNAL_DATABASE_URL`, beside the
journal in PostgreSQL, where other machines find it; what is late, repeated, contradictory or unknown
is said and counted, and is sorted out when labels and predictions are joined.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ..project.errors import UserError
from ..project.files import write_bytes
from ..project.settings import Project
from ..reading import tables
from . import journal

SHOWN = 20
FIELDS = ("delivery", "line", "id", "label", "arrived")
_CREATE = """
CREATE TABLE IF NOT EXISTS labels (
    delivery text NOT NULL, line integer NOT NULL, id text NOT NULL, label text NOT NULL,
    arrived timestamptz NOT NULL, PRIMARY KEY (delivery, line)
)
"""


def folder_of(root: Path) -> Path:
    """Where the deliveries lie."""
    return root / "data" / "labels"


def add(
    project: Project,
    source: Path | pd.DataFrame,
    late_days: float | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Take a delivery of labels.

    With a database, deliveries that lie in files only are put there, too.

    Parameters
    ----------
    project : Project
    source : Path or DataFrame
        CSV, Parquet or JSON lines with the columns `id` and `label` (or the target's name). Further
        columns are left out.
    late_days : float, optional
        A label that comes more than so many days after its prediction counts as late.
    now : datetime, optional
        When it arrives.

    Returns
    -------
    dict
        `rows`, and of each kind the number and up to 20 ids: `matched`, `unknown` (no prediction has
        the id yet; it is joined once one has), `duplicate` (the same label again), `conflicting`
        (another label than before; the later one counts), `late`, `invalid` (no id or no label).

    Raises
    ------
    UserError
        If the file cannot be read or lacks a column, or the database does not answer.
    """
    target = project.params().data.target
    frame = source if isinstance(source, pd.DataFrame) else _read(source)
    column = next((name for name in ("label", target) if name in frame), None)
    if "id" not in frame or column is None:
        raise UserError(
            f"Labels need the columns `id` and `label` (or `{target}`); there are: "
            f"{', '.join(map(str, frame.columns))}."
        )
    arrived = (now or datetime.now(UTC)).isoformat(timespec="microseconds")
    missing = _unusable(frame["id"]) | _unusable(frame[column])
    given = pd.DataFrame(
        {
            "id": frame["id"][~missing].map(text_of),
            "label": frame[column][~missing].map(text_of),
            "arrived": arrived,
        }
    ).reset_index(drop=True)
    report: dict[str, Any] = {"rows": len(frame), "invalid": _kind(frame.index[missing] + 1)}
    known = _deliveries(project)
    before = pd.concat([known, given]).groupby("id")["label"].shift().iloc[len(known) :].to_numpy()
    again, same = pd.notna(before), before == given["label"].to_numpy()
    predictions = journal.read(project)
    answered_at = dict(zip(predictions["id"], predictions["at"], strict=True))
    ids = given["id"].unique()
    late = []
    if late_days is not None:
        bound = pd.Timestamp(arrived) - pd.Timedelta(days=late_days)
        late = [name for name in ids if name in answered_at and answered_at[name] < bound]
    report |= {
        "matched": _kind([name for name in ids if name in answered_at]),
        "unknown": _kind([name for name in ids if name not in answered_at]),
        "duplicate": _kind(given["id"][again & same]),
        "conflicting": _kind(given["id"][again & ~same]),
        "late": _kind(late),
    }
    if len(given):
        buffer = io.BytesIO()
        given.to_parquet(buffer, index=False)
        content = buffer.getvalue()
        stamp = arrived.replace(":", "").replace("+0000", "")
        name = f"{stamp}-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
        write_bytes(folder_of(project.root) / name, content)
    if address := project.environment().journal_database_url:
        _share(project.root, address)
    return report


def joined(project: Project) -> pd.DataFrame:
    """The predictions whose labels have come: `journal.read` with what `latest` adds."""
    return journal.read(project).merge(latest(project), on="id", how="inner")


def latest(project: Project) -> pd.DataFrame:
    """All labels: `id`, `label` and `labelled_at`; of several for one id the last that arrived.

    Labels are text, as `prediction` becomes by `label_text`; numbers are written in full.
    """
    known = _deliveries(project).drop_duplicates("id", keep="last")
    known = known.rename(columns={"arrived": "labelled_at"})
    known["labelled_at"] = pd.to_datetime(known["labelled_at"], utc=True, format="ISO8601")
    return known


def _deliveries(project: Project) -> pd.DataFrame:
    """All labels in the order they arrived, each delivery once."""
    parts = {path.stem: pd.read_parquet(path) for path in folder_of(project.root).glob("*.parquet")}
    if address := project.environment().journal_database_url:
        statement = "SELECT delivery, line, id, label, arrived FROM labels"
        found = journal.rows_of(address, "labels", statement)
        rows = pd.DataFrame(found, columns=list(FIELDS))
        for name, delivery in rows.sort_values("line").groupby("delivery"):
            if name not in parts:
                arrived = delivery["arrived"].map(_timestamp)
                parts[str(name)] = delivery[["id", "label"]].assign(arrived=arrived)
    if not parts:
        return pd.DataFrame({"id": [], "label": [], "arrived": []}, dtype="object")
    return pd.concat([parts[name] for name in sorted(parts)], ignore_index=True)


def _share(root: Path, address: str) -> None:
    """Put the deliveries that are only in files into the database, each whole or not at all."""
    files = {path.stem: path for path in folder_of(root).glob("*.parquet")}
    with journal.database(address) as connection, connection.cursor() as cursor:
        journal.create(connection, _CREATE)
        known = {name for (name,) in cursor.execute("SELECT DISTINCT delivery FROM labels")}
        for name in sorted(files.keys() - known):
            rows = pd.read_parquet(files[name])[["id", "label", "arrived"]]
            cursor.executemany(
                "INSERT INTO labels (delivery, line, id, label, arrived) "
                "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [
                    (name, line, given, label, _timestamp(pd.Timestamp(arrived)))
                    for line, (given, label, arrived) in enumerate(rows.itertuples(index=False))
                ],
            )


def _timestamp(arrived: datetime) -> str:
    """As a file holds it; a time without a zone is one of UTC, as everywhere in the journal."""
    stamp = arrived if arrived.tzinfo else arrived.replace(tzinfo=UTC)
    return stamp.astimezone(UTC).isoformat(timespec="microseconds")


def _read(path: Path) -> pd.DataFrame:
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        return tables.read_file(path).frame
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line.strip() or "null")
        except ValueError as error:
            raise UserError(f"{path}, line {number} is not JSON: {error}.") from error
        if isinstance(row, Mapping):
            rows.append(row)
        elif row is not None:
            raise UserError(f'{path}, line {number} is not an object such as {{"id": ...}}.')
    return pd.DataFrame(rows, dtype="object")


def text_of(value: Any) -> str:
    """A label or id as text, the same whether it came as text, a number or a truth value."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def _unusable(column: "pd.Series[Any]") -> "pd.Series[bool]":
    """Where a column holds nothing (a CSV's empty cell may be an empty text), or what no database takes."""
    texts = column.map(str)
    return column.isna() | texts.str.strip().eq("") | texts.str.contains("\0", regex=False)


def _kind(names: Any) -> dict[str, Any]:
    names = list(names)
    return {"count": len(names), "ids": [str(name) for name in names[:SHOWN]]}
