"""What a model is compared with: rows it was trained on, and rows it answered without having seen them.

Kept for each version when it is registered, since the data folder moves on.
"""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..profiling.contract import check_frame, typed_frame
from ..profiling.schema import Schema
from ..project.errors import UserError
from ..project.files import read_json, write_bytes
from ..tables.dataset import Table, read_table
from ..tables.predictor import Predictor
from . import window
from .window import Window

logger = logging.getLogger(__name__)
FOLDER = Path("models", "references")
MOST_ROWS = 20_000
PARTS = ("training", "held out")


@dataclass(frozen=True)
class Reference:
    """The rows of one version of the model.

    Attributes
    ----------
    version : str
    training : Window
        Rows that the model was trained on, at most 20,000 of them, in order of time.
    held_out : Window
        Rows that it was not trained on, with its answers and the truth.
    """

    version: str
    training: Window
    held_out: Window

    @cached_property
    def views(self) -> pd.DataFrame:
        """What is compared of the inputs."""
        return self.training.views()

    @cached_property
    def missing(self) -> pd.DataFrame:
        """1 where a training row has no value, else 0."""
        return self.training.inputs.isna().astype(np.float64)

    @cached_property
    def answers(self) -> pd.DataFrame:
        """What is compared of the answers."""
        return self.held_out.answers()


def keep(root: Path, predictor: Predictor, training: Table, held_out: Table, seed: int = 0) -> Path:
    """Write the reference of a model.

    Parameters
    ----------
    root : Path
        The project's folder.
    predictor : Predictor
        The model.
    training, held_out : Table
        What it was trained on, and newer (or other) rows that it was not trained on.
    seed : int
        Of the draw, where there are more than 20,000 rows.

    Returns
    -------
    Path
        The Parquet file: columns of the schema, `truth` and `part`.
    """
    parts = []
    for part, table in zip(PARTS, (training, held_out), strict=True):
        if len(table.y) > MOST_ROWS:
            drawn = np.random.default_rng(seed).choice(len(table.y), MOST_ROWS, replace=False)
            table = table.take(np.sort(drawn))
        frame = table.raw.reindex(columns=[column.name for column in predictor.schema.columns])
        # As texts: a column that mixes types cannot be written.
        parts.append(frame.assign(**{_TRUTH: labels_of(table), _PART: part}))
    path = path_of(root, predictor.version)
    write_bytes(path, pd.concat(parts, ignore_index=True).to_parquet(index=False))
    return path


_TRUTH, _PART = "truth:", "part:"  # with a colon, so that they meet no column of the data


def labels_of(table: Table) -> Any:
    """The target of each row: class labels as text, or values."""
    classes = table.schema.target.classes
    return table.y if classes is None else [window.text_of(classes[code]) for code in table.y]


def path_of(root: Path, version: str) -> Path:
    """Where the reference of a version lies."""
    return root / FOLDER / f"{version}.parquet"


def of(root: Path, predictor: Predictor) -> Reference:
    """The reference of a model; kept now if its data is still in the data folder.

    Raises
    ------
    UserError
        If it was never kept and the data it was trained on has been replaced.
    """
    path = path_of(root, predictor.version)
    if not path.exists():
        _from_data(root, predictor)
    frame = pd.read_parquet(path)
    training, held_out = (
        of_frame(predictor, frame[frame[_PART] == part].reset_index(drop=True), _TRUTH)
        for part in PARTS
    )
    return Reference(predictor.version, training, held_out)


def _from_data(root: Path, predictor: Predictor) -> None:
    data = read_json(root / "reports" / "data.json", "data")
    if data["sha256"] != predictor.metadata["data_sha256"]:
        raise UserError(
            f"There is nothing to compare with: the data that model {predictor.version} was trained "
            "on has been replaced, and no reference was kept when it was registered. Register a "
            "model trained on the data of today: `run`."
        )
    logger.info("Keeping what model %s is compared with: %s", predictor.version, FOLDER)
    keep(root, predictor, read_table(root, "train"), read_table(root, "test"))


def of_frame(predictor: Predictor, frame: pd.DataFrame, truth: str | None = None) -> Window:
    """Rows of a table with the answers that `predictor` gives to them.

    Parameters
    ----------
    predictor : Predictor
    frame : DataFrame of n rows
        Columns as a caller gives them; columns may be absent, and values may be wrong.
    truth : str, optional
        The column with the labels.
    """
    schema = predictor.schema
    known = {column.name for column in schema.columns}
    known |= {column.name for column in schema.ignored} | {schema.target.name, truth or ""}
    absent = [column.name for column in schema.columns if column.name not in frame]
    whole = frame.assign(**dict.fromkeys(absent)) if absent else frame
    columns, problems = check_frame(schema, whole)
    if absent:
        problems = [problem for problem in problems if problem.column not in absent]
    answers = predictor.predict_columns(columns) if len(frame) else []
    labels = [window.text_of(label) for label in schema.target.classes or ()]
    rows = [
        [answer["prediction"], answer.get("value"), *(answer["probabilities"][n] for n in labels)]
        for answer in answers
    ]
    names = ["prediction", "value", *(f"probability:{name}" for name in labels)]
    return window.of_answers(
        schema,
        typed_frame(columns),
        pd.DataFrame(rows, columns=names, dtype="object"),
        truth=window.truth_of(schema, frame[truth]) if truth and truth in frame else None,
        problems=problems,
        unknown=[str(name) for name in frame.columns if name not in known],
        absent=absent,
    )


def of_journal(schema: Schema, frame: pd.DataFrame) -> Window:
    """The window of journal rows, with labels where they have come.

    Parameters
    ----------
    schema : Schema
        Of the model that answered.
    frame : DataFrame of n rows
        As `journal.read` gives it; a column `label` holds the truth, where it is known.
    """
    given = frame.filter(regex="^in:").rename(columns=lambda name: name.removeprefix("in:"))
    names = [column.name for column in schema.columns]
    absent = [name for name in names if name not in given]
    columns, problems = check_frame(schema, given.reindex(columns=names))
    return window.of_answers(
        schema,
        typed_frame(columns),
        frame,
        truth=window.truth_of(schema, frame["label"]) if "label" in frame else None,
        latency_ms=frame["latency_ms"].astype(np.float64).reset_index(drop=True),
        problems=[problem for problem in problems if problem.column not in absent],
        absent=absent,
    )
