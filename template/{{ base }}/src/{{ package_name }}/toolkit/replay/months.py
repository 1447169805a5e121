"""The mechanics of a replay: months of rows, a project apart, what a month's answers were worth."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation.scores import bootstrap
from ..journal import labels
from ..profiling.columns import Profile
from ..profiling.contract import columns_from_frame
from ..profiling.schema import Schema
from ..project import yaml_files
from ..project.errors import UserError
from ..project.files import LOCK, alone, write_text
from ..project.settings import PARAMS_FILE, Project
from ..tables.predictor import Predictor
from ..training.scoring import score_predictions
from .live_service import Answers, Service

HOME = Path("replay")
FIRST_ROWS = Path("data", "raw", "first.parquet")
DRAWS = 200
FEWEST_DAYS = 10  # of which an interval says something
P = TypeVar("P", bound=Any)


@dataclass(frozen=True)
class Calendar:
    """The rows of a table by month.

    Attributes
    ----------
    first : DataFrame
        The rows of the first months, in time order.
    span : (str, str)
        The first and last of these months, such as `2013-01`.
    later : list of (str, DataFrame)
        Each later month with its rows.
    """

    first: pd.DataFrame
    span: tuple[str, str]
    later: list[tuple[str, pd.DataFrame]]

    @classmethod
    def of(cls, profile: Profile, time: str | None, first_months: int) -> "Calendar":
        """Order a table by the column `time`; its first `first_months` are the first rows.

        Raises
        ------
        UserError
            If the data has no dates or too few months.
        """
        if time is None:
            raise UserError(
                "`replay` goes through the data in the order it happened, and `data.time` is not "
                "set. Name the column that says when each row happened."
            )
        frame = profile.frame
        if frame[time].dtype.kind != "M":
            raise UserError(
                f"`data.time` is {time!r}, which holds no dates; `replay` needs months."
            )
        frame = frame.sort_values(time, kind="stable", ignore_index=True)
        month = frame[time].dt.to_period("M")
        found = month.unique()
        if len(found) <= first_months:
            raise UserError(
                f"The data spans {len(found)} months ({found[0]} to {found[-1]}) and the first "
                f"{first_months} make the first model: no month is left to replay. Lower "
                "`replay.first_months`, or take data over a longer time."
            )
        first = found[:first_months]
        return cls(
            frame[month.isin(first)],
            (str(first[0]), str(first[-1])),
            [(str(each), frame[month == each]) for each in found[first_months:]],
        )


@contextmanager
def apart(project: Project) -> Iterator[Project]:
    """The project in an empty folder `replay/`, and nothing in the environment that points out of it."""
    home = project.root / HOME
    kept = {"host", "port", "workers"}
    names = [name.upper() for name in {*project.environment_type.model_fields} - kept]
    with alone(project.root, "replay", LOCK.with_name("replaying")):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        before = {name: os.environ.pop(name) for name in names if name in os.environ}
        try:
            yield replace(project, root=home)
        finally:
            for name in names:  # MLflow leaves its address there
                os.environ.pop(name, None)
            os.environ |= before


def write_inputs(root: Path, params: P, rows: pd.DataFrame) -> P:
    """Write the first rows and the settings of a project about them; return these settings."""
    (root / FIRST_ROWS).parent.mkdir(parents=True)
    rows.to_parquet(root / FIRST_ROWS, index=False)
    changes = {"source": "file", "path": FIRST_ROWS.as_posix(), "query": None, "limit": None}
    params = params.model_copy(
        update={
            "data": params.data.model_copy(update=changes),
            "serving": params.serving.model_copy(update={"rate_per_minute": 0}),
        }
    )
    write_text(root / PARAMS_FILE, yaml_files.dump(params.model_dump(mode="json")))
    return params


@dataclass(frozen=True)
class Month:
    """One month of traffic.

    Attributes
    ----------
    name : str
        Such as `2013-04`.
    rows : DataFrame of n rows
    answers : Answers
        What the service said.
    first : ndarray of float64, shape (n, K) or (n,)
        What the first model would have said.
    y : ndarray of shape (n,)
        Class codes, -1 for a class that the first months did not have; or values.
    days : ndarray of datetime64[D], shape (n,)
        On which day each row happened.
    """

    name: str
    rows: pd.DataFrame
    answers: Answers
    first: NDArray[np.float64]
    y: NDArray[Any]
    days: NDArray[np.datetime64]

    @classmethod
    def asked(cls, live: Service, first: Predictor, name: str, rows: pd.DataFrame) -> "Month":
        """Post a month's rows to a service, and predict them with the first model, too."""
        schema = first.schema
        return cls(
            name,
            rows,
            live.ask(rows, schema, name),
            first.predictions(first.fill(columns_from_frame(schema, rows))),
            _codes(schema, rows[schema.target.name]),
            rows[schema.time].to_numpy("datetime64[D]"),
        )

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which rows the service did not refuse, shape (n,)."""
        return self.answers.ids != ""

    def judged(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Served outputs, `first`, `y` and `days` of the rows that can be judged."""
        kept = self.answered & (self.y != -1) if self.first.ndim == 2 else self.answered
        return self.answers.outputs[kept], self.first[kept], self.y[kept], self.days[kept]

    def delivery(self, target: str) -> pd.DataFrame:
        """The labels of the rows that were answered, as `labels.add` takes them."""
        truth = self.rows[target].to_numpy()
        return pd.DataFrame({"id": self.answers.ids, "label": truth})[self.answered]

    def to_json(self) -> dict[str, Any]:
        """How many rows were asked and refused, and how fast."""
        return {
            "month": self.name,
            "rows": len(self.rows),
            "refused": int((~self.answered).sum()),
            "refusal": self.answers.refusal,
            "rows_per_second": round(len(self.rows) / self.answers.seconds, 1),
        }

    def scores(self, metric: str) -> dict[str, float | None]:
        """The score of what was answered, and of the first model on the same rows."""
        served, first, y, _ = self.judged()
        return {"score": _score(metric, served, y), "first_model_score": _score(metric, first, y)}


def _codes(schema: Schema, target: "pd.Series[Any]") -> NDArray[Any]:
    if schema.target.classes is None:
        return target.to_numpy(dtype=np.float64)
    codes = {labels.text_of(label): code for code, label in enumerate(schema.target.classes)}
    return target.map(labels.text_of).map(codes).fillna(-1).to_numpy(dtype=np.int64)


def _score(metric: str, predictions: NDArray[np.float64], y: NDArray[Any]) -> float | None:
    if predictions.ndim == 2 and len(np.unique(y)) < predictions.shape[1]:
        return None
    return score_predictions(metric, predictions, y)


def gain(metric: str, changed: list[Month], seed: int) -> dict[str, Any] | None:
    """What later versions gained over the first model, on the months that they answered.

    Scores are means over months, so that telling one month from another earns nothing. Days are
    resampled for the 95% interval. None where there is too little to tell.
    """
    if not changed:
        return None
    served, first, y, days = map(
        np.concatenate, zip(*(month.judged() for month in changed), strict=True)
    )
    months = days.astype("datetime64[M]")

    def paired(picked: NDArray[np.intp]) -> dict[str, float]:
        scores = []
        for month in np.unique(months[picked]):
            rows = picked[months[picked] == month]
            scores.append([_score(metric, given[rows], y[rows]) for given in (served, first)])
        if any(each is None for pair in scores for each in pair):
            return {}
        new, old = np.mean(np.array(scores, dtype=np.float64), axis=0)
        return {"score": float(new), "first_model_score": float(old), "gain": float(new - old)}

    point = paired(np.arange(len(y)))
    if not point or len(np.unique(days)) < FEWEST_DAYS:
        return None
    drawn = bootstrap(paired, len(y), groups=days, draws=DRAWS, seed=seed)
    return {
        "from": changed[0].name,
        "to": changed[-1].name,
        "rows": len(y),
        **point,
        "interval": drawn["gain"],
    }
