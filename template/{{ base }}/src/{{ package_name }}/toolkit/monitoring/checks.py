"""The five things a monitor can watch. Each gives checks: a value, its threshold, and a sentence.

A drift must pass three thresholds at once: what chance explains (`noise`, all tests of a window
sharing `monitor.false_alarms`), what seasons explain (`usual`: the reference's own windows against
its other rows), and what matters (`monitor.effect`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..operations.settings import Monitor
from .distances import FEWEST_DAYS, MOST_WINDOWS, Days, distance, noise
from .reference import Reference
from .window import Window, text_of

METRICS = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae"}
QUALITY_TESTS = 4  # a column: missing values, range, categories, refused values
OTHER_TESTS = 3  # latency, errors, columns


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    monitor : str
        `predictions`, `features`, `latency`, `errors` or `quality`.
    name : str
        What was looked at, such as a column.
    value, threshold : float
        It is an alarm if the value is beyond the threshold.
    says : str
        A sentence for people.
    detail : dict
        What the threshold is made of.
    """

    monitor: str
    name: str
    value: float
    threshold: float
    says: str
    detail: dict[str, Any]

    @property
    def alert(self) -> bool:
        """Whether it is an alarm."""
        return self.value > self.threshold

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes."""
        names = ("monitor", "name", "value", "threshold", "alert", "says", "detail")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Chance:
    """How much chance and season explain in a window.

    Attributes
    ----------
    share : float
        Probability of a false alarm that each test may have.
    days : Series, optional
        The day of each row of the window.
    """

    share: float
    days: "pd.Series[Any] | None"

    @classmethod
    def between(cls, known: Reference, current: Window, false_alarms: float) -> "Chance":
        """What chance may do in one test, where all tests of a window share `false_alarms`."""
        tests = len(known.views.columns) + len(known.answers.columns)
        tests += QUALITY_TESTS * len(current.schema.columns) + OTHER_TESTS
        return cls(false_alarms / tests, current.days)

    def parts(
        self,
        reference: "pd.Series[Any]",
        reference_days: "pd.Series[Any] | None",
        current: "pd.Series[Any]",
    ) -> dict[str, float]:
        """`noise` and `usual` of a column."""
        independent = noise(reference, current, self.share)
        if self.days is None or reference_days is None:
            return {"noise": independent, "usual": 0.0}
        by_day = Days(reference, reference_days, current, self.days)
        return {"noise": max(independent, by_day.noise(self.share)), "usual": by_day.usual()}


def predictions(known: Reference, current: Window, effect: float, chance: Chance) -> list[Check]:
    """Whether the answers are distributed as those to held-out rows were."""
    before, days = known.answers, known.held_out.days
    return _drifts("predictions", before, days, current.answers(), effect, chance)


def features(known: Reference, current: Window, effect: float, chance: Chance) -> list[Check]:
    """Whether each input is distributed as in training."""
    now = current.views().dropna(axis="columns", how="all")
    return _drifts("features", known.views, known.training.days, now, effect, chance)


def _drifts(
    monitor: str,
    before: pd.DataFrame,
    days: "pd.Series[Any] | None",
    now: pd.DataFrame,
    effect: float,
    chance: Chance,
) -> list[Check]:
    allows = {"effect": "`monitor.effect`", "noise": "chance", "usual": "the season"}
    found = []
    for name in map(str, now):
        moved = distance(before[name], now[name])
        parts = {"effect": effect, **chance.parts(before[name], days, now[name])}
        largest = max(parts, key=lambda key: parts[key])
        threshold = parts[largest]
        says = (
            f"{name}: {moved:.0%} of the rows lie elsewhere than in the reference "
            f"({'more' if moved > threshold else 'not more'} than the {threshold:.0%} that "
            f"{allows[largest]} allows)."
        )
        found.append(Check(monitor, name, moved, threshold, says, parts))
    return found


def latency(current: Window, limit_ms: float, slow_share: float, chance: Chance) -> list[Check]:
    """Whether certainly more than `slow_share` of the answers took longer than `limit_ms`."""
    if current.latency_ms is None or current.latency_ms.isna().all():
        return []
    taken = current.latency_ms.dropna().to_numpy(dtype=np.float64)
    slow = int((taken > limit_ms).sum())
    share, least = slow / len(taken), lower_bound(slow, len(taken), chance.share)
    p50, p95, p99 = np.quantile(taken, [0.5, 0.95, 0.99])
    says = (
        f"{share:.1%} of {len(taken):,} answers took longer than {limit_ms:g} ms "
        f"(at least {least:.1%} after allowing for chance; {slow_share:.0%} is allowed). "
        f"Median {p50:.1f} ms, 99th percentile {p99:.1f} ms."
    )
    detail = {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99), "share": share}
    return [Check("latency", "slow answers", least, slow_share, says, detail)]


def errors(
    known: Reference, labelled: Window, allowed_drop: float, least_rows: int, chance: Chance
) -> list[Check]:
    """Whether the score on labelled rows fell by more than `allowed_drop`, beyond chance."""
    reference = known.held_out.labelled()
    if min(len(labelled), len(reference)) < least_rows:
        return []
    now, before = score(labelled), score(reference)
    if now is None or before is None:
        return []
    task = labelled.schema.target.task
    # The mean absolute error has a unit, so its growth is relative; the others lie in [0, 1].
    scale = -before.value if task == "regression" and before.value else 1.0
    drop = (before.value - now.value) / scale
    spread = math.hypot(now.error, before.error) / abs(scale)
    parts = {
        "error_drop": allowed_drop,
        "noise": NormalDist().inv_cdf(1 - chance.share) * spread,
        "usual": _usual_drop(reference, before.value, scale, labelled.days),
    }
    threshold = max(parts.values())
    low, high = (now.value + side * 1.96 * now.error for side in (-1, 1))
    name = METRICS[task]
    times = labelled.times
    span = "" if times is None else f" of {_day(times.min())} to {_day(times.max())}"
    says = (
        f"{name} {now.value:.3f} ({low:.3f} to {high:.3f}) on {len(labelled):,} labelled rows"
        f"{span}, {before.value:.3f} on the reference: "
        f"{'worse' if drop > 0 else 'better'} by {abs(drop):.3f}, where {threshold:.3f} is allowed."
    )
    detail = {
        **parts,
        "metric": name,
        "now": now.value,
        "interval": [low, high],
        "reference": before.value,
        "rows": len(labelled),
    }
    return [Check("errors", name, drop, threshold, says, detail)]


def quality(known: Reference, current: Window, settings: Monitor, chance: Chance) -> list[Check]:
    """Missing values, values outside the training range, unseen categories, the columns."""
    found: list[Check] = []
    refused: dict[str, set[int]] = {}
    for problem in current.problems:
        if problem.value is not None:  # what is missing is counted as that, and once
            refused.setdefault(problem.column, set()).add(problem.row)

    def add(what: str, value: float, threshold: float, says: str, **detail: Any) -> None:
        says = f"{name}: {says}."
        found.append(Check("quality", f"{name}: {what}", value, threshold, says, detail))

    for column in current.schema.columns:
        name, values = column.name, current.inputs[column.name]
        before, bad = known.training.inputs[name], refused.get(name, set())
        unread = np.isin(np.arange(len(values)), list(bad))
        if not column.lookup and name not in current.absent:
            gone = (values.isna() & ~unread).astype(np.float64)
            share, used = gone.mean(), before.isna().mean()
            by_chance = chance.parts(known.missing[name], known.training.days, gone)
            threshold = max(settings.missing, *by_chance.values())
            says = f"{share:.1%} of the values are missing, {used:.1%} in the reference"
            add(
                "missing",
                float(share - used),
                threshold,
                says,
                missing=settings.missing,
                **by_chance,
            )
        present = values[~unread].dropna()
        if column.kind == "category" and len(present):
            flags = ~present.isin(before.dropna().unique())
            what, says = "unseen categories", "were never seen in training"
        elif column.kind == "number" and len(present):
            low, high = before.min(), before.max()
            flags = (present < low) | (present > high)
            what, says = "out of range", f"lie outside {low:g} to {high:g}, the training range"
        else:
            flags, what, says = present.isna(), "", ""
        if what:
            least, share = _least_share(flags, current.days, chance.share), float(flags.mean())
            says = f"{share:.1%} of the values {says}"
            add(what, least, settings.unseen, says, share=share, rows=len(present))
        if bad:
            says = f"{len(bad):,} of {len(current):,} values cannot be read or are out of bounds"
            add("refused", len(bad) / len(current), settings.refused, says, rows=len(bad))
    return [*found, _columns(current)]


def _columns(current: Window) -> Check:
    lost = [
        column.name
        for column in current.schema.columns
        if column.name in current.absent and not column.lookup
    ]
    wrong = [*(f"{name} is gone" for name in lost), *(f"{n} is new" for n in current.unknown)]
    says = f"Columns: {', '.join(wrong) if wrong else 'as in training'}."
    # A new column is no alarm: the model does not look at it.
    detail = {"gone": lost, "new": current.unknown}
    return Check("quality", "columns", float(len(lost)), 0.0, says, detail)


def lower_bound(count: int, total: int, chance: float) -> float:
    """Wilson's lower bound of a share that is passed with at most probability `chance`."""
    if not total or not count:
        return 0.0
    z = NormalDist().inv_cdf(1 - chance)
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (centre - spread) / (1 + z * z / total))


def _least_share(flags: "pd.Series[bool]", days: "pd.Series[Any] | None", chance: float) -> float:
    """The lower bound of a share, rows of a day taken as one where days are known."""
    independent = lower_bound(int(flags.sum()), len(flags), chance)
    if days is None or not flags.any():
        return independent
    error = _clustered((flags - flags.mean()).to_numpy(dtype=float), days[flags.index])
    least = float(flags.mean()) - NormalDist().inv_cdf(1 - chance) * error
    return max(0.0, min(independent, least))


@dataclass(frozen=True)
class Score:
    """A metric and its standard error."""

    value: float
    error: float


def score(window: Window) -> Score | None:
    """The metric of labelled rows; the error takes the rows of a day as one where days are known.

    ROC AUC with DeLong's error (binary), accuracy (multiclass) or the mean absolute error; None
    where there is too little to tell, such as one class only.
    """
    target = window.schema.target
    if window.truth is None or len(window) < 2:
        return None
    if target.task == "binary":
        positive = (window.truth == text_of(target.positive)).to_numpy()
        found = auc(window.score.to_numpy(dtype=np.float64), positive)
        if found is None:
            return None
        value: float = found[0]
        influence: NDArray[Any] = found[1]
    else:
        if target.task == "multiclass":
            right = window.truth.astype(str) == window.prediction.astype(str)
            losses = right.to_numpy(dtype=np.float64)
        else:
            truth, said = (x.to_numpy(dtype=float) for x in (window.truth, window.prediction))
            losses = np.abs(truth - said)
        value = float(losses.mean())
        influence = losses - value
    return Score(value, _clustered(influence, window.days))


def auc(
    scores: NDArray[Any], positive: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]] | None:
    """ROC AUC and each row's influence on it (DeLong et al., 1988); None without both classes.

    Parameters
    ----------
    scores : ndarray of float, shape (n,)
    positive : ndarray of bool, shape (n,)

    Returns
    -------
    value : float
    influence : ndarray of shape (n,)
        Its mean is 0, and its mean square over n the variance of the value.
    """
    above, below = scores[positive], scores[~positive]
    if len(above) < 2 or len(below) < 2:
        return None

    def placed(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = np.sort(among)
        left = np.searchsorted(ordered, values, side="left")
        right = np.searchsorted(ordered, values, side="right")
        return np.asarray((left + right) / (2 * len(ordered)))

    of_positives = placed(above, below)
    value = float(of_positives.mean())
    influence = np.empty(len(scores))
    influence[positive] = (of_positives - value) * len(scores) / len(above)
    influence[~positive] = (1 - placed(below, above) - value) * len(scores) / len(below)
    return value, influence


def _clustered(influence: NDArray[Any], days: "pd.Series[Any] | None") -> float:
    """Standard error of a mean from its influences; days as clusters where they say it is larger."""
    size = len(influence)
    independent = float(np.sqrt(np.square(influence).sum()) / size)
    if days is None or days.nunique() < FEWEST_DAYS:
        return independent
    sums = np.bincount(pd.factorize(days)[0], weights=influence)
    correction = len(sums) / (len(sums) - 1)
    return max(independent, float(np.sqrt(correction * np.square(sums).sum()) / size))


def _day(time: Any) -> str:
    """A time to the day; it may be a number, such as a year."""
    return f"{time:%Y-%m-%d}" if hasattr(time, "strftime") else f"{time:g}"


def _usual_drop(
    reference: Window, overall: float, scale: float, current_days: "pd.Series[Any] | None"
) -> float:
    """How far the score of one window of the reference falls below that of all of it."""
    days = reference.days
    if days is None or current_days is None:
        return 0.0
    window = int(current_days.nunique())
    number = ((days - days.min()) // window).to_numpy()
    windows = np.unique(number)[-MOST_WINDOWS:]
    if len(windows) < 2:
        return 0.0
    found = [score(reference.take(number == each)) for each in windows]
    drops = [(overall - each.value) / scale for each in found if each is not None]
    return max(0.0, *drops) if drops else 0.0


def beyond(checks: Sequence[Check]) -> list[Check]:
    """The checks beyond their threshold, furthest first."""
    fired = [check for check in checks if check.alert]
    return sorted(fired, key=lambda check: check.threshold - check.value)
