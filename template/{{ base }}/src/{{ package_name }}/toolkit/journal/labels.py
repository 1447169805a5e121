"""Labels that arrive after the predictions, matched to them by id.

Every delivery is kept as it came, in a file of its own and, with `JOURNAL_DATABASE_URL`, beside the
journal in PostgreSQL, where other machines find it; what is late, repeated, contradictory or unknown
is said and counted, and is sorted out when labels and predictions are joined. A label must be one of
the target's classes, or a number: what is neither would be waited for in vain.
"""

import functools
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from ..profiling.schema import Schema, Target
from ..project.errors import UserError
from ..project.files import read_json, write_bytes
from ..project.settings import Project
from ..reading import arrow_parsing as fast
from ..reading import tables
from ..reading.parsing import PLAIN, Format, to_boolean, to_number
from ..training.bundle import served
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
        (another label than before; the later one counts), `late`, `invalid` (row numbers of those
        without an id, without a label, or whose label is none of the served model's classes; the
        last under `values`, too). What is invalid is not kept.

    Raises
    ------
    UserError
        If the file cannot be read or lacks a column, all its labels are invalid, or the database
        does not answer.
    """
    target = project.params().data.target
    frame = source if isinstance(source, pd.DataFrame) else _read(source)
    column = next((name for name in ("label", target) if name in frame), None)
    if "id" not in frame or column is None:
        raise UserError(
            f"Labels need the columns `id` and `label` (or `{target}`); there are: "
            f"{', '.join(map(str, frame.columns))}."
        )
    known = _deliveries(project)
    # The last that arrived counts, even if the clock was put back meanwhile.
    moment = max([now or datetime.now(UTC), *map(_just_after, known["arrived"].tail(1))])
    arrived = moment.isoformat(timespec="microseconds")
    frame = frame.reset_index(drop=True)
    present = ~(_unusable(frame["id"]) | _unusable(frame[column]))
    asked = _target(project)
    written = asked.format if asked and fast.arrow(frame[column]) is not None else PLAIN
    read = frame[column][present].map(text_of).map(reader(asked, written)).reindex(frame.index)
    kept = present & read.notna()
    foreign = list(dict.fromkeys(frame[column][present & ~kept].map(str)))[:SHOWN]
    if foreign and asked and not kept.any():
        raise UserError(
            f"None of the {len(frame):,} labels can be used: {', '.join(map(repr, foreign[:5]))} "
            f"{'is' if len(foreign) == 1 else 'are'} not {expected(asked)}."
        )
    given = pd.DataFrame(
        {"id": frame["id"][kept].map(text_of), "label": read[kept], "arrived": arrived}
    ).reset_index(drop=True)
    report: dict[str, Any] = {
        "rows": len(frame),
        "invalid": {**_kind(frame.index[~kept] + 1), "values": foreign},
    }
    known["label"] = known["label"].map(reader(asked))
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


def joined(project: Project, target: Target | None = None) -> pd.DataFrame:
    """The predictions whose labels have come: `journal.read` with what `latest` adds."""
    return journal.read(project).merge(latest(project, target), on="id", how="inner")


def latest(project: Project, target: Target | None = None) -> pd.DataFrame:
    """All labels that `target` can take (all there are without it): `id`, `label` and `labelled_at`, the last of each id.

    Labels are text, as `prediction` becomes by `label_text`; numbers are written in full.
    """
    known = _deliveries(project)
    known["label"] = known["label"].map(reader(target))
    known = known.dropna(subset="label").drop_duplicates("id", keep="last")
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


def _just_after(arrived: str) -> datetime:
    return datetime.fromisoformat(arrived) + timedelta(microseconds=1)


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


def reader(target: Target | None, written: Format = PLAIN) -> Callable[[str], str | None]:
    """What gives the text of the class, or of the number, that a label's text means; None if it means none.

    Another spelling of a class is taken where `data.merge_labels` joins it with one, and where it can
    mean no other one: upper case, spaces, a whole
    number with `.0`; and where the two classes say yes and no in any way, all others that do (`1`,
    `yes`, `TRUE`). Without a target, nothing is known of the classes and each text stands for itself.
    """
    if target is None:
        return lambda text: text
    if target.classes is None:
        return functools.partial(_number, written=written)
    classes = [text_of(label) for label in target.classes]
    folded = [_folded(label) for label in classes]
    alike = {
        key: label for key, label in zip(folded, classes, strict=True) if folded.count(key) == 1
    }
    merged = {text: label for label, those in target.spellings.items() for text in those}
    said = dict(zip(map(_truth, classes), classes, strict=True))
    if len(classes) != 2 or said.keys() != {True, False}:
        said = {}

    def read(text: str) -> str | None:
        text = merged.get(text.strip(), text)
        return text if text in classes else alike.get(_folded(text)) or said.get(_truth(text))

    return read


def expected(target: Target) -> str:
    """What a label must be, in words."""
    if target.classes is None:
        return "a number"
    return f"one of the classes of `{target.name}`: {', '.join(map(text_of, target.classes))}"


def _target(project: Project) -> Target | None:
    """What the served model answers; None where there is no model yet."""
    try:
        return Schema.from_json(
            read_json(served(project) / "metadata.json", "run")["schema"]
        ).target
    except UserError:
        return None


def _folded(text: str) -> str:
    folded = " ".join(text.casefold().split())
    return folded.removesuffix(".0") if folded.removesuffix(".0").lstrip("-").isdigit() else folded


def _truth(text: str) -> bool | None:
    try:
        value = to_boolean(text)
    except ValueError:
        return None
    return None if value != value else bool(value)


def _number(text: str, written: Format) -> str | None:
    try:
        number = to_number(text, written, iso=written == PLAIN)
    except ValueError:
        return None
    return (text if written == PLAIN else text_of(number)) if math.isfinite(number) else None


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
