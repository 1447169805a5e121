"""What a gate can measure of a challenger: alone, and beside the champion on rows neither has seen.

Each function compares one measure with a bound that its caller gives and says so in a sentence; which
of them decide, and with which bounds, is the owner's `gate.py`.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.intervals import FEWEST, bootstrap, interval_of_ratio
from ..evaluation.slices import slices_of
from ..journal.labelled import newer
from ..profiling.contract import columns_from_frame
from ..project.errors import UserError
from ..tables.dataset import Table
from ..tables.predictor import Predictor
from ..training.bundle import PARITY_BOUND
from ..training.scoring import score_predictions
from .registry import Version

SAME_ANSWER = 1e-6  # what /predict answers and what `predict` writes differ by no more
LONE_ROWS = 100
TIMED_CALLS = 200


class NotComparable(Exception):
    """There is no champion whose answers could be compared with the challenger's; it says why."""


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

    @classmethod
    def of(cls, checks: list[Check], reason: str | None = None) -> "Verdict":
        """Promoted if every check passed: for `reason`, or for what the first two checks say."""
        failed = [check.detail for check in checks if not check.passed]
        passed = [reason] if reason else [check.detail for check in checks[:2]]
        return cls(not failed, failed or passed, checks)


@dataclass(frozen=True)
class Decision:
    """What became of a version; `champion` is the model that answers now."""

    version: Version
    verdict: Verdict
    champion: str

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        return {
            "version": self.version.number,
            "model_version": self.version.model_version,
            "champion": self.champion,
            **asdict(self.verdict),
        }


@dataclass(frozen=True)
class Pair:
    """A challenger and a champion on the rows that neither was trained on.

    Attributes
    ----------
    new, old : Predictor
        The challenger and the champion.
    rows : Table
        n rows, perhaps none.
    columns, old_columns : dict of str to ndarray of shape (n,)
        The inputs, typed for each of the two.
    """

    new: Predictor
    old: Predictor
    rows: Table
    columns: dict[str, NDArray[Any]]
    old_columns: dict[str, NDArray[Any]]

    @classmethod
    def on(cls, rows: Table, new: Predictor, old: Predictor) -> "Pair":
        """Pair both on those of `rows` that are newer than all they were trained on.

        Raises
        ------
        NotComparable
            If the champion cannot read the columns of these rows.
        """
        try:
            old_columns = columns_from_frame(old.schema, rows.raw)
        except UserError as error:
            raise NotComparable(
                f"The champion cannot read the columns of today: {error}"
            ) from error
        kept = np.flatnonzero(_unseen(new, old, rows))
        table = rows.take(kept)
        return cls(
            new,
            old,
            table,
            columns_from_frame(new.schema, table.raw) if len(kept) else {},
            {name: values[kept] for name, values in old_columns.items()},
        )

    @cached_property
    def predictions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the challenger and the champion: (n, classes) in the challenger's order, or (n,)."""
        new = self.new.predictions(self.new.fill(self.columns))
        old = self.old.predictions(self.old.fill(self.old_columns))
        if old.ndim == 1:
            return new, old
        places = [str(label) for label in self.old.schema.target.classes or ()]
        order = [places.index(str(label)) for label in self.new.schema.target.classes or ()]
        return new, old[:, order]


def require_same_target(new: Predictor, old: Predictor) -> None:
    """Raise `NotComparable` if the champion predicts something else than the challenger."""
    one, other = new.schema.target, old.schema.target
    if (one.name, one.task) != (other.name, other.task):
        raise NotComparable(
            f"The champion answers for {other.name!r} ({other.task}), which is no longer asked."
        )
    if set(map(str, one.classes or ())) != set(map(str, other.classes or ())):
        raise NotComparable("The champion knows other classes.")


def _unseen(new: Predictor, old: Predictor, rows: Table) -> NDArray[np.bool_]:
    """Rows that are newer than everything both were trained on, shape (n,)."""
    if rows.time is None:
        # Without a time only the two parts of one split are known to be apart.
        same = new.metadata["data_sha256"] == old.metadata["data_sha256"]
        return np.full(len(rows.y), same)
    ends = [p.metadata.get("trained", {}).get("to") for p in (new, old)]
    if None in ends:
        return np.zeros(len(rows.y), dtype=bool)
    return newer(rows.time, ends)


def enough_rows(pair: Pair, at_least: int) -> Check:
    """Whether there are rows to judge on."""
    found = len(pair.rows.y)
    said = f"{found:,} rows are unseen by both (at least {at_least:,})."
    return Check("rows", found >= at_least, found, at_least, said)


def gain(pair: Pair, metric: str, above: float, draws: int, seed: int) -> Check:
    """Whether the paired gain's 95% interval lies above a margin.

    Groups or days are resampled where the split keeps them together, rows otherwise.
    """
    table, (new, old) = pair.rows, pair.predictions

    def paired(picked: NDArray[np.intp]) -> dict[str, float]:
        y = table.y[picked]
        if table.is_classes and len(np.unique(y)) < len(table.schema.target.classes or ()):
            return {}
        scores = [score_predictions(metric, given[picked], y) for given in (new, old)]
        return {"new": scores[0], "old": scores[1], "gain": scores[0] - scores[1]}

    point = paired(np.arange(len(table.y)))
    units = table.units
    drawn = bootstrap(paired, len(table.y), groups=units.codes, draws=draws, seed=seed)
    if not point or not drawn:
        return Check(
            "gain",
            False,
            None,
            above,
            "The unseen rows lack a class, or are of fewer than five "
            f"{units.name}: no gain to judge.",
        )
    low, high = drawn["gain"]
    said = (
        f"{metric} {point['new']:.4f} {'beats' if low > above else 'does not beat'} the champion's "
        f"{point['old']:.4f} by more than {above:g}: gain {point['gain']:+.4f}, 95% interval "
        f"{low:+.4f} to {high:+.4f} over {len(table.y):,} unseen rows, resampling {units.count:,} "
        f"{units.name}{' (too few to rely on)' if units.count < FEWEST else ''}."
    )
    return Check("gain", low > above, low, above, said)


def slices(pair: Pair, at_most: float, by_column: Mapping[str, float], smallest: int) -> Check:
    """Whether any group of rows has a higher loss than before: relative, and beyond chance.

    Parameters
    ----------
    pair : Pair
    at_most : float
        How much higher the mean loss of a group may be, as a share of the champion's.
    by_column : mapping of str to float
        Other bounds, by column.
    smallest : int
        Groups with fewer rows are passed over.
    """
    table, (new, old) = pair.rows, pair.predictions
    base = _loss(table, old)
    change = _loss(table, new) - base
    worst: tuple[float, float, str] | None = None  # excess over its bound, relative, its name
    looked_at, units = 0, table.units
    for name, value, inside in slices_of(table.x, smallest):
        bound = by_column.get(name, at_most)
        looked_at += 1
        bounds = interval_of_ratio(change[inside], np.ones(inside.sum()), units.take(inside))
        if bounds is None or bounds[0] <= 0:
            continue  # not more than chance gives
        relative = float(np.mean(change[inside])) / max(float(np.mean(base[inside])), 1e-12)
        if worst is None or relative - bound > worst[0]:
            worst = (relative - bound, relative, f"{name} = {value} ({inside.sum():,} rows)")
    if worst is None:
        said = f"No slice of {looked_at} is worse than before, beyond chance."
        return Check("slices", True, 0.0, at_most, said)
    over, relative, name = worst
    bound = relative - over
    said = (
        f"The slice {name} has a loss {relative:+.1%} against the champion's (at most "
        f"{bound:+.1%}), of {looked_at} slices."
    )
    return Check("slices", over <= 0, relative, bound, said)


def _loss(table: Table, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
    if not table.is_classes:
        return np.asarray(np.abs(table.y - predictions), dtype=np.float64)
    return np.asarray(-np.log(np.clip(predictions[np.arange(len(table.y)), table.y], 1e-15, 1)))


def parity(new: Predictor) -> Check:
    """Whether the bundle answers as the trained pipeline did when it was exported."""
    found = new.metadata.get("parity") or {"rows": 0, "largest_difference": float("inf")}
    worst = float(found["largest_difference"])
    said = (
        f"The bundle's answers differ from the trained pipeline's by {worst:.1e} over "
        f"{found['rows']:,} rows (at most {PARITY_BOUND:.0e})."
    )
    passed = found["rows"] > 0 and worst <= PARITY_BOUND
    return Check("parity", passed, worst if np.isfinite(worst) else None, PARITY_BOUND, said)


def lone_record(pair: Pair) -> Check:
    """Whether one record alone is answered as it is among many."""
    new, size = pair.new, len(pair.rows.y)
    picked = np.unique(np.linspace(0, size - 1, min(size, LONE_ROWS)).astype(int))

    def outputs(rows: Any) -> NDArray[np.float64]:
        return new.outputs(new.fill({name: values[rows] for name, values in pair.columns.items()}))

    together = outputs(picked)
    alone = np.array([outputs([row])[0] for row in picked])
    scale = float(np.std(together)) or 1.0 if new.schema.target.task == "regression" else 1.0
    worst = float(np.max(np.abs(alone - together))) / scale
    said = (
        f"A record alone is answered as among others, to {worst:.1e} (at most {SAME_ANSWER:.0e})."
    )
    return Check("lone record", worst <= SAME_ANSWER, worst, SAME_ANSWER, said)


def latency(pair: Pair, at_most_ms: float) -> Check:
    """Median milliseconds of one record; both are timed in turn, so that a busy machine shows."""

    records = [
        {name: values[[0]] for name, values in columns.items()}
        for columns in (pair.columns, pair.old_columns)
    ]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(TIMED_CALLS):
        for predictor, record, spent in zip((pair.new, pair.old), records, taken, strict=True):
            started = time.perf_counter()
            predictor.predict_columns(record)
            spent.append(1000 * (time.perf_counter() - started))
    own, champions = (float(np.median(spent)) for spent in taken)
    said = f"One record takes {own:.2f} ms (the champion {champions:.2f}, at most {at_most_ms:g})."
    return Check("latency", own <= at_most_ms, own, at_most_ms, said)
