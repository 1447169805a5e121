"""Read a table as it is: CSV, Parquet or the answer of a query. What it means comes later.

Cells of a CSV stay texts here, so that `profile` decides each column's kind with all its values
at hand, and can name the line of a value that does not fit.
"""

import contextlib
import difflib
import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from ..profiling.warnings import TableWarning
from ..project.errors import UserError
from . import csvfile, database, sample
from .arrow import first_rows, from_arrow, refuse_duplicates
from .settings import Data

T = TypeVar("T")
GIB = 2**30
# Bytes of memory per byte of file while a table is read, profiled, checked and split (measured:
# 6.6 for a CSV of 1,000,000 rows and 19 columns).
MEMORY_PER_CSV_BYTE = 7
MEMORY_PER_GZIP_BYTE = 30
MEMORY_PER_PARQUET_BYTE = 6
ENOUGH_MEMORY = (
    "Set `data.limit` to a number of rows, save a CSV as Parquet (a third of the memory) without the "
    "columns you do not need, or use a machine with more memory."
)
NOT_TABLES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive (an .xlsx workbook is one)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "a SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow/Feather file",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
REMEDY = {
    "a zip archive (an .xlsx workbook is one)": "Unzip it, or save the sheet as CSV (UTF-8)",
    "an old Excel workbook": "Save the sheet as CSV (UTF-8)",
    "a SQLite database": "Set `data.source: sql` and DATABASE_URL=sqlite:///... instead",
}


@dataclass
class Table:
    """A table and where it came from.

    Attributes
    ----------
    frame : DataFrame
        Rows in the order of the source.
    source : str
        The file or the query, for the report; never a password.
    lines : bool
        Whether it comes from a text file.
    warnings : list of TableWarning
    line_of : callable, optional
        From a row to its line, where they do not begin in line 2, one each.
    """

    frame: pd.DataFrame
    source: str
    lines: bool = False
    warnings: list[TableWarning] = field(default_factory=list)
    line_of: Callable[[int], int] | None = None

    def where(self, row: int) -> str:
        """Name a row (counted from 0) as the owner finds it in the source."""
        if not self.lines:
            return f"row {row + 1}"
        return f"line {self.line_of(row) if self.line_of else row + 2}"


def load(data: Data, root: Path, database_url: str | None) -> Table:
    """Read the table that `params.yaml` names.

    Raises
    ------
    UserError
        Naming what is wrong with the file, the query or the database, and the remedy.
    """
    if data.source == "file":
        if not data.path:
            raise UserError(
                "`data.source` is file, and `data.path` is not set. Write the path of your CSV or "
                "Parquet file, such as data/raw/mine.csv."
            )
        table = read_file(root / data.path, data.limit)
        table.source = data.path
    elif data.source == "sql":
        query, name = database.read_query(root, data.query)
        frame = database.query(query, name, database_url, data.limit)
        table = Table(frame, f"{name} against {database.describe(database_url)}")
    else:
        query, name = database.read_query(root, data.query)
        frame = sample.load(query, root / "data")
        if data.limit is not None:
            frame = frame.head(data.limit)
        table = Table(frame.reset_index(drop=True), f"the sample, {name}")
    return _checked(table)


def read_file(path: Path, limit: int | None = None) -> Table:
    """Read a CSV (any common delimiter and encoding, gzip too) or a Parquet file.

    Parameters
    ----------
    path : Path
    limit : int, optional
        Read the first rows only.

    Raises
    ------
    UserError
        If the file is absent, empty, not a table, malformed, or larger than the memory.
    """
    head = _head(path)
    if head[:4] == b"PAR1":
        return _read_parquet(path, limit)
    zipped = head[:2] == csvfile.GZIP
    if zipped:
        try:
            with gzip.open(path) as file:
                head = file.read(8)
        except (OSError, EOFError) as error:
            raise UserError(f"{path.name} is a damaged gzip file ({error}).") from error
    kind = next((kind for magic, kind in NOT_TABLES.items() if head.startswith(magic)), None)
    if kind:
        remedy = REMEDY.get(kind, "Name a CSV or Parquet file")
        raise UserError(f"{path.name} is {kind}, not a table. {remedy}.")
    factor = MEMORY_PER_GZIP_BYTE if zipped else MEMORY_PER_CSV_BYTE
    _require_memory(path, path.stat().st_size * factor, limit, "CSV")
    frame, warnings, line_of = _within_memory(path, lambda: csvfile.read(path, zipped, limit))
    return Table(frame, path.name, True, warnings, line_of)


def _head(path: Path) -> bytes:
    if path.is_dir():
        files = sorted(p.name for p in path.iterdir() if p.is_file())[:5]
        raise UserError(
            f"{path} is a folder. Name one file in it"
            + (f": {', '.join(files)}." if files else "; it has none.")
        )
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        here = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, here, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(
            f"{path} is not there.{hint} Put the file in its place or correct the path."
        ) from error
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}. Give yourself the right to read it."
        ) from error
    if not head.strip():
        raise UserError(f"{path.name} is empty. Name a file with a header line and rows.")
    return head


def _read_parquet(path: Path, limit: int | None) -> Table:
    try:
        file = pq.ParquetFile(path)
        refuse_duplicates(file.schema_arrow.names, path.name)
        groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
        need = sum(group.total_byte_size for group in groups) * MEMORY_PER_PARQUET_BYTE
        _require_memory(path, need, limit, "Parquet")

        def read() -> pd.DataFrame:
            if limit is None:
                return from_arrow(file.read())
            batches = file.iter_batches(min(limit, 65_536))
            return from_arrow(first_rows(batches, limit, file.schema_arrow))

        return Table(_within_memory(path, read), path.name)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path.name} is a damaged Parquet file ({error}). Write it again from its source."
        ) from error


def _checked(table: Table) -> Table:
    for name in table.frame.select_dtypes("timedelta"):
        table.frame[name] = table.frame[name].dt.total_seconds()
    names = [str(name) for name in table.frame.columns]
    refuse_duplicates(names, table.source)
    table.frame.columns = pd.Index(names)
    if not len(table.frame):
        raise UserError(f"{table.source} has a header and no rows. Add rows, or correct the query.")
    return table


def available_memory() -> int:
    """Bytes this process may still take: of the machine, its container and its own limit."""
    limits = [psutil.virtual_memory().available]
    used = psutil.Process().memory_info()
    with contextlib.suppress(OSError, ValueError):  # no container, or without a limit ("max")
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()) - used.rss)
    if os.name == "posix":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(soft - used.vms)
    return max(min(limits), 0)


def _require_memory(path: Path, need: int, limit: int | None, kind: str) -> None:
    """Refuse a table that would not fit, which the system would answer by killing the process."""
    available = available_memory()
    if limit is None and need > available:
        raise UserError(
            f"{path.name} ({path.stat().st_size / GIB:.2f} GiB {kind}) needs about "
            f"{need / GIB:.1f} GiB of memory and {available / GIB:.1f} GiB are free. {ENOUGH_MEMORY}"
        )


def _within_memory(path: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except (MemoryError, pa.ArrowMemoryError) as error:
        raise UserError(f"Memory ran out while {path.name} was read. {ENOUGH_MEMORY}") from error
