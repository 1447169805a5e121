"""The command `replay`: live through the data month by month, as the model's operators would have.

The first months make the first model. Every later month is asked of a live service, its labels come
later, the monitor looks at it, and a model is learnt anew when the monitor advises it and the gate
lets it. All of it happens in `replay/`, apart from the project's own models, registry and journal.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from ... import data, train
from ..evaluation.evaluation import count_opening
from ..evaluation.scores import bootstrap
from ..markdown import blocks
from ..profiling import columns as profiling
from ..profiling.contract import columns_from_frame
from ..profiling.schema import Schema
from ..project import config
from ..project.config import Params
from ..project.errors import UserError
from ..project.files import read_json, write_bytes, write_json, write_text
from ..reading import tables
from ..tables.predictor import Predictor
from ..training.bundle import BUNDLE, LADDER
from ..training.comparison import score_answers
from . import labels, monitor, promotion, registry, replay_pages
from .settings import OperatingEnvironment
from .traffic import Answers, Service, service

logger = logging.getLogger(__name__)
HOME = Path("replay")
RESULT = Path("reports", "replay.json")
FIGURE = Path("reports", "replay.png")
FIRST_ROWS = Path("data", "raw", "first.parquet")
DRAWS = 200
FEWEST_DAYS = 10  # of which an interval says something


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

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which rows the service did not refuse, shape (n,)."""
        return self.answers.ids != ""

    def judged(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Served outputs, `first`, `y` and `days` of the rows that can be judged."""
        kept = self.answered & (self.y != -1) if self.first.ndim == 2 else self.answered
        return self.answers.outputs[kept], self.first[kept], self.y[kept], self.days[kept]


def run(root: Path, params: Params, months: int | None = None) -> dict[str, Any]:
    """Replay the data; write `reports/replay.json`, `reports/replay.png` and the README's block.

    Parameters
    ----------
    root : Path
        The project's folder.
    params : Params
        `replay` says how many months make the first model, and how late labels are.
    months : int, optional
        Stop after so many months of traffic.

    Returns
    -------
    dict
        The content of `reports/replay.json`.

    Raises
    ------
    UserError
        If the data has no time or too few months, or a stage fails.
    """
    started = time.monotonic()
    frame, moment, source = _rows(root, params)
    calendar = frame[moment].dt.to_period("M")
    found = calendar.unique()
    first = params.replay.first_months
    if len(found) <= first:
        raise UserError(
            f"The data spans {len(found)} months ({found[0]} to {found[-1]}) and the first {first} "
            "make the first model: no month is left to replay. Lower `replay.first_months`, or take "
            "data over a longer time."
        )
    if (test := root / "data" / "test.parquet").exists():
        # Its months are looked at here, labels and all, if by other models.
        count_opening(root, test, "replay")
    with _apart(root) as home:
        learnt = frame[calendar.isin(found[:first])]
        logger.info(
            "Learning from %s to %s: %s rows.", found[0], found[first - 1], f"{len(learnt):,}"
        )
        settings = _begin(home, params, learnt)
        result = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": source,
            "label_delay_months": params.replay.label_delay_months,
            "first": {"from": str(found[0]), "to": str(found[first - 1]), "rows": len(learnt)},
            **_live(
                home, settings, [(str(m), frame[calendar == m]) for m in found[first:][:months]]
            ),
        }
    result["seconds"] = round(time.monotonic() - started, 1)
    write_json(root / RESULT, result)
    write_bytes(root / FIGURE, replay_pages.figure(result))
    blocks.refresh(root / "README.md", {"replay": replay_pages.block(result, FIGURE.as_posix())})
    return result


def _rows(root: Path, params: Params) -> tuple[pd.DataFrame, str, str]:
    """All usable rows in time order, typed; the name of the time, and of the source."""
    table = tables.load(params.data, root, config.environment(root).database_url)
    params, _ = data.applicable(params, list(table.frame.columns))
    moment = params.data.time
    if moment is None:
        raise UserError(
            "`replay` lives through the data in the order it happened, and `data.time` is not set. "
            "Name the column that says when each row happened."
        )
    profile = profiling.run(table, params.data)
    frame = profile.frame
    if frame[moment].dtype.kind != "M":
        raise UserError(f"`data.time` is {moment!r}, which holds no dates; `replay` needs months.")
    frame = frame.sort_values(moment, kind="stable", ignore_index=True)
    return frame, moment, profile.source


@contextmanager
def _apart(root: Path) -> Iterator[Path]:
    """An empty folder `replay/`, and an environment in which nothing points out of it."""
    home = root / HOME
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    own = ("mlflow_tracking_uri", "api_key", *OperatingEnvironment.model_fields)
    names = [name.upper() for name in own]
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield home
    finally:
        for name in names:  # MLflow leaves its address there
            os.environ.pop(name, None)
        os.environ |= before


def _begin(home: Path, params: Params, learnt: pd.DataFrame) -> Params:
    """Make the first model from the first rows, as `run` would; it is registered and champion."""
    (home / FIRST_ROWS).parent.mkdir(parents=True)
    learnt.to_parquet(home / FIRST_ROWS, index=False)
    changes = {"source": "file", "path": FIRST_ROWS.as_posix(), "query": None, "limit": None}
    params = params.model_copy(
        update={
            "data": params.data.model_copy(update=changes),
            "serving": params.serving.model_copy(update={"rate_per_minute": 0}),
        }
    )
    write_text(home / config.PARAMS_FILE, yaml.safe_dump(params.model_dump(mode="json")))
    data.run(params, home)
    train.run(home, params)
    promotion.register(home, params)
    return params


def _live(home: Path, params: Params, traffic: list[tuple[str, pd.DataFrame]]) -> dict[str, Any]:
    first = Predictor.load(home / BUNDLE)
    lived: list[Month] = []
    told = []
    with service(home, os.environ) as live:
        for name, rows in traffic:
            month = _ask(live, first, name, rows)
            lived.append(month)
            told.append(_operate(home, params, lived, live))
            logger.info("%s", replay_pages.line(told[-1]))
    metric = read_json(home / LADDER, "train")["metric"]
    for entry, month in zip(told, lived, strict=True):
        entry |= _scores(metric, month)
    return {
        "metric": metric,
        "first_version": first.version,
        "rung": first.metadata["rung"],
        "months": told,
        "gain": _gain(metric, told, lived, params),
    }


def _ask(live: Service, first: Predictor, name: str, rows: pd.DataFrame) -> Month:
    schema = first.schema
    answers = live.ask(rows, schema, name)
    outputs = first.outputs(first.fill(columns_from_frame(schema, rows)))
    return Month(
        name,
        rows,
        answers,
        outputs if schema.target.classes else outputs.ravel(),
        _codes(schema, rows[schema.target.name]),
        rows[schema.time].to_numpy("datetime64[D]"),
    )


def _codes(schema: Schema, target: "pd.Series[Any]") -> NDArray[Any]:
    if schema.target.classes is None:
        return target.to_numpy(dtype=np.float64)
    codes = {labels.text_of(label): code for code, label in enumerate(schema.target.classes)}
    return target.map(labels.text_of).map(codes).fillna(-1).to_numpy(dtype=np.int64)


def _operate(home: Path, params: Params, lived: list[Month], live: Service) -> dict[str, Any]:
    """The end of a month: take the labels that have come, look, and learn anew if advised."""
    month = lived[-1]
    now = registry.champion(home)
    assert now is not None  # made by `_begin`
    entry: dict[str, Any] = {
        "month": month.name,
        "rows": len(month.rows),
        "refused": int((~month.answered).sum()),
        "refusal": month.answers.refusal,
        "rows_per_second": round(len(month.rows) / month.answers.seconds, 1),
        "version": now.number,
        "model_version": now.model_version,
        "labels": _deliver(home, params, lived),
        "alerts": [],
        "decision": "kept",
        "reasons": [],
    }
    moments = month.rows[params.data.time]
    end = moments.max() + pd.Timedelta(microseconds=1)
    try:
        seen = monitor.run(home, params, moments.min(), end, page=False)
    except UserError as error:  # too few rows
        return {**entry, "decision": "not watched", "reasons": [str(error)]}
    entry["alerts"] = [
        {"monitor": check["monitor"], "name": check["name"], "says": check["says"]}
        for check in seen["checks"]
        if check["alert"]
    ]
    if not seen["retrain"]:
        return entry
    decision = promotion.retrain_if_advised(home, params)
    if isinstance(decision, str):
        return {**entry, "decision": "waited for labels", "reasons": [decision]}
    entry["decision"] = "promoted" if decision.verdict.promoted else "refused"
    entry["challenger"] = decision.version.number
    entry["reasons"] = decision.verdict.reasons
    live.follow(decision.champion)
    return entry


def _deliver(home: Path, params: Params, lived: list[Month]) -> int:
    """Hand in the labels that come at this month's end, those of an earlier one; return how many."""
    age = params.replay.label_delay_months
    if age >= len(lived):
        return 0
    month = lived[-1 - age]
    target = month.rows[params.data.target].to_numpy()
    labels.add(home, pd.DataFrame({"id": month.answers.ids, "label": target})[month.answered])
    return int(month.answered.sum())


def _scores(metric: str, month: Month) -> dict[str, float | None]:
    """The month's score of what was answered, and of the first model on the same rows."""
    served, first, y, _ = month.judged()
    return {"score": _score(metric, served, y), "first_model_score": _score(metric, first, y)}


def _score(metric: str, answers: NDArray[np.float64], y: NDArray[Any]) -> float | None:
    if answers.ndim == 2 and len(np.unique(y)) < answers.shape[1]:
        return None
    return score_answers(metric, answers, y)


def _gain(
    metric: str, told: list[dict[str, Any]], lived: list[Month], params: Params
) -> dict[str, Any] | None:
    """What the later versions gained over the first model, on the months they answered."""
    changed = [
        month
        for entry, month in zip(told, lived, strict=True)
        if entry["version"] != told[0]["version"]
    ]
    if not changed:
        return None
    served, first, y, days = map(
        np.concatenate, zip(*(month.judged() for month in changed), strict=True)
    )
    months = days.astype("datetime64[M]")

    def paired(picked: NDArray[np.intp]) -> dict[str, float]:
        """Means over months, so that telling one month from another earns nothing."""
        scores = []
        for month in np.unique(months[picked]):
            rows = picked[months[picked] == month]
            scores.append([_score(metric, given[rows], y[rows]) for given in (served, first)])
        if any(each is None for pair in scores for each in pair):
            return {}
        new, old = np.mean(np.array(scores, dtype=np.float64), axis=0)
        return {"score": float(new), "first": float(old), "gain": float(new - old)}

    point = paired(np.arange(len(y)))
    if not point or len(np.unique(days)) < FEWEST_DAYS:
        return None
    drawn = bootstrap(paired, len(y), groups=days, draws=DRAWS, seed=params.seed)
    return {
        "from": changed[0].name,
        "to": changed[-1].name,
        "rows": len(y),
        "score": point["score"],
        "first_model_score": point["first"],
        "gain": point["gain"],
        "interval": drawn["gain"],
    }
