"""The gate: a challenger answers in the champion's place only when rows neither has seen say so."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation.evaluation import count_opening
from ..evaluation.scores import bootstrap
from ..evaluation.slices import bins_of
from ..profiling.contract import columns_from_frame
from ..project.config import Params
from ..project.errors import UserError
from ..tables.dataset import Table, read_table
from ..tables.predictor import Predictor
from ..training.bundle import BUNDLE, PARITY_BOUND, served
from ..training.comparison import score_answers
from .settings import Gate

SAME_ANSWER = 1e-6  # what /predict answers and what `predict` writes differ by no more
LONE_ROWS = 100
TIMED_CALLS = 200
FEWEST_DAYS = 20  # below it, resampling days says little and rows are resampled


@dataclass(frozen=True)
class Check:
    """One thing the gate looked at.

    `value` passes against `bound`; `detail` is the sentence a person reads.
    """

    name: str
    passed: bool
    value: float | None
    bound: float | None
    detail: str


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger is promoted, and why (or why not) in sentences with numbers."""

    promoted: bool
    reasons: list[str]
    checks: list[Check] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        return asdict(self)


def judge(
    root: Path,
    params: Params,
    challenger: Path,
    champion: Path | None = None,
    rows: Table | None = None,
) -> Verdict:
    """Compare two bundles on rows that neither was trained on.

    Without a champion, or where it cannot answer for the challenger's target or columns, the
    challenger takes over: there is nothing to compare with.

    Parameters
    ----------
    root : Path
        The project's folder.
    params : Params
        `gate` holds the bounds.
    challenger, champion : Path
        Folders of bundles; without `champion` the one that is served.
    rows : Table, optional
        What to judge on; rows that one of the two may have been trained on are left out. Without
        it the test set is opened, which is counted.

    Raises
    ------
    UserError
        If the challenger cannot be used.
    """
    new = Predictor.load(challenger)
    own = _own_checks(new, params.gate)
    if champion is None and served(root) == root / BUNDLE:
        return _takes_over(own, "There is no champion yet.")
    try:
        old = Predictor.load(champion or served(root))
    except UserError as error:
        return _takes_over(own, f"The champion cannot be used: {error}")
    if difference := _another_task(new, old):
        return _takes_over(own, difference)
    if rows is None:
        count_opening(root, root / "data" / "test.parquet", new.version)
        rows = read_table(root, "test")
    try:
        old_columns = columns_from_frame(old.schema, rows.raw)
    except UserError as error:
        return _takes_over(own, f"The champion cannot read the columns of today: {error}")
    unseen = _unseen(new, old, rows)
    found = int(unseen.sum())
    enough = Check(
        "rows",
        found >= params.gate.least_rows,
        found,
        params.gate.least_rows,
        f"{found:,} rows are unseen by both (at least {params.gate.least_rows:,}).",
    )
    if not enough.passed:
        return _verdict([enough, *own])
    kept = np.flatnonzero(unseen)
    table = rows.take(kept)
    columns = columns_from_frame(new.schema, table.raw)
    answers = _shaped(new, new.outputs(new.fill(columns)))
    filled = old.fill({name: values[kept] for name, values in old_columns.items()})
    before = _in_order(_shaped(old, old.outputs(filled)), old, new)
    checks = [
        enough,
        _gain(table, answers, before, new.metadata["metrics"]["metric"], params),
        _slices(table, answers, before, params),
        *own,
        _lone(new, columns),
        _latency(new, old, columns, old_columns, kept, params.gate),
    ]
    return _verdict(checks)


def _takes_over(own: list[Check], why: str) -> Verdict:
    failed = [check.detail for check in own if not check.passed]
    return Verdict(not failed, failed or [f"{why} The challenger takes over."], own)


def _verdict(checks: list[Check]) -> Verdict:
    failed = [check.detail for check in checks if not check.passed]
    return Verdict(not failed, failed or [check.detail for check in checks[:2]], checks)


def _another_task(new: Predictor, old: Predictor) -> str | None:
    one, other = new.schema.target, old.schema.target
    if (one.name, one.task) != (other.name, other.task):
        return f"The champion answers for {other.name!r} ({other.task}), which is no longer asked."
    if set(map(str, one.classes or ())) != set(map(str, other.classes or ())):
        return "The champion knows other classes."
    return None


def _unseen(new: Predictor, old: Predictor, rows: Table) -> NDArray[np.bool_]:
    """Rows that are newer than everything both were trained on, shape (n,)."""
    if rows.time is None:
        # Without a time only the two sides of one split are known to be apart.
        same = new.metadata["data_sha256"] == old.metadata["data_sha256"]
        return np.full(len(rows.y), same)
    ends = [p.metadata.get("trained", {}).get("to") for p in (new, old)]
    if None in ends:
        return np.zeros(len(rows.y), dtype=bool)
    return newer(rows.time, ends)


def newer(moments: Any, ends: Sequence[str | float]) -> NDArray[np.bool_]:
    """Which moments lie after all of `ends`, shape (n,); both may be numbers, such as a year."""
    if isinstance(ends[0], str):
        return np.asarray(pd.to_datetime(moments) > max(pd.Timestamp(end) for end in ends))
    return np.asarray(moments > max(float(end) for end in ends))


def _shaped(predictor: Predictor, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    return outputs.ravel() if predictor.schema.target.task == "regression" else outputs


def _in_order(answers: NDArray[np.float64], old: Predictor, new: Predictor) -> NDArray[np.float64]:
    """The champion's probabilities with the classes in the challenger's order."""
    if answers.ndim == 1:
        return answers
    places = [str(label) for label in old.schema.target.classes or ()]
    return answers[:, [places.index(str(label)) for label in new.schema.target.classes or ()]]


def _own_checks(new: Predictor, gate: Gate) -> list[Check]:
    parity = new.metadata.get("parity") or {"rows": 0, "largest_difference": float("inf")}
    worst = float(parity["largest_difference"])
    passed = parity["rows"] > 0 and worst <= PARITY_BOUND
    return [
        Check(
            "parity",
            passed,
            worst if np.isfinite(worst) else None,
            PARITY_BOUND,
            f"The bundle's answers differ from the trained pipeline's by {worst:.1e} over "
            f"{parity['rows']:,} rows (at most {PARITY_BOUND:.0e}).",
        )
    ]


def _gain(
    table: Table,
    answers: NDArray[np.float64],
    before: NDArray[np.float64],
    metric: str,
    params: Params,
) -> Check:
    """The paired gain, its interval from resampling days (or rows, where there are few days)."""

    def paired(picked: NDArray[np.intp]) -> dict[str, float]:
        y = table.y[picked]
        if table.is_classes and len(np.unique(y)) < len(table.schema.target.classes or ()):
            return {}
        new = score_answers(metric, answers[picked], y)
        return {"gain": new - score_answers(metric, before[picked], y)}

    everything = np.arange(len(table.y))
    point = paired(everything).get("gain")
    days = None if table.time is None else pd.to_datetime(table.time).to_numpy("datetime64[D]")
    if days is not None and len(np.unique(days)) < FEWEST_DAYS:
        days = None
    drawn = bootstrap(
        paired, len(table.y), groups=days, draws=params.gate.draws, seed=params.seed
    ).get("gain")
    margin = params.gate.margin
    if point is None or drawn is None:
        return Check("gain", False, None, margin, "The unseen rows lack a class: no gain to judge.")
    low, high = drawn
    new, old = score_answers(metric, answers, table.y), score_answers(metric, before, table.y)
    verb = "beats" if low > margin else "does not beat"
    return Check(
        "gain",
        low > margin,
        low,
        margin,
        f"{metric} {new:.4f} {verb} the champion's {old:.4f} by more than {margin:g}: gain "
        f"{point:+.4f}, 95 % interval {low:+.4f} to {high:+.4f} over {len(table.y):,} unseen rows.",
    )


def _slices(
    table: Table, answers: NDArray[np.float64], before: NDArray[np.float64], params: Params
) -> Check:
    """The slice that loses most: its mean loss against the champion's, beyond chance."""
    gate, change, base = params.gate, _loss(table, answers), _loss(table, before)
    worst: tuple[float, float, str] | None = None  # excess over its bound, relative, its name
    looked_at = 0
    for name in table.x:
        column = table.x[name]
        if column.dtype == object and column.nunique() > 0.5 * len(column):
            continue
        bound = gate.slice_bounds.get(str(name), gate.slice_bound)
        groups = bins_of(column).to_numpy()
        for value in pd.unique(groups):
            inside = groups == value
            if inside.sum() < gate.smallest_slice:
                continue
            looked_at += 1
            difference = change[inside] - base[inside]
            half = 1.96 * float(np.std(difference, ddof=1)) / np.sqrt(inside.sum())
            relative = float(np.mean(difference)) / max(float(np.mean(base[inside])), 1e-12)
            if float(np.mean(difference)) - half <= 0:
                continue  # not more than chance gives
            if worst is None or relative - bound > worst[0]:
                worst = (relative - bound, relative, f"{name} = {value} ({inside.sum():,} rows)")
    if worst is None:
        detail = f"No slice of {looked_at} is worse than before, beyond chance."
        return Check("slices", True, 0.0, gate.slice_bound, detail)
    over, relative, name = worst
    bound = relative - over
    return Check(
        "slices",
        over <= 0,
        relative,
        bound,
        f"The slice {name} has a loss {relative:+.1%} against the champion's (at most "
        f"{bound:+.1%}), of {looked_at} slices.",
    )


def _loss(table: Table, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    if not table.is_classes:
        return np.asarray(np.abs(table.y - answers), dtype=np.float64)
    return np.asarray(-np.log(np.clip(answers[np.arange(len(table.y)), table.y], 1e-15, 1)))


def _lone(new: Predictor, columns: dict[str, NDArray[Any]]) -> Check:
    """One record alone is answered as it is among many."""
    size = len(next(iter(columns.values())))
    picked = np.unique(np.linspace(0, size - 1, min(size, LONE_ROWS)).astype(int))
    together = new.outputs(new.fill({name: values[picked] for name, values in columns.items()}))
    alone = [
        new.outputs(new.fill({name: values[[row]] for name, values in columns.items()}))[0]
        for row in picked
    ]
    scale = float(np.std(together)) or 1.0 if new.schema.target.task == "regression" else 1.0
    worst = float(np.max(np.abs(np.array(alone) - together))) / scale
    return Check(
        "lone record",
        worst <= SAME_ANSWER,
        worst,
        SAME_ANSWER,
        f"A record alone is answered as among others, to {worst:.1e} (at most {SAME_ANSWER:.0e}).",
    )


def _latency(
    new: Predictor,
    old: Predictor,
    columns: dict[str, NDArray[Any]],
    old_columns: dict[str, NDArray[Any]],
    kept: NDArray[np.intp],
    gate: Gate,
) -> Check:
    """Median milliseconds of one record; both are timed in turn, so that a busy machine shows."""

    def call(predictor: Predictor, given: dict[str, NDArray[Any]], row: int) -> Callable[[], Any]:
        record = {name: values[[row]] for name, values in given.items()}
        return lambda: predictor.predict_columns(record)

    calls = call(new, columns, 0), call(old, old_columns, int(kept[0]))
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(TIMED_CALLS):
        for spent, one in zip(taken, calls, strict=True):
            started = time.perf_counter()
            one()
            spent.append(1000 * (time.perf_counter() - started))
    own, champions = (float(np.median(spent)) for spent in taken)
    return Check(
        "latency",
        own <= gate.latency_ms,
        own,
        gate.latency_ms,
        f"One record takes {own:.2f} ms (the champion {champions:.2f}, at most "
        f"{gate.latency_ms:g}).",
    )
