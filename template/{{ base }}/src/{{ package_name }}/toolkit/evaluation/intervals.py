"""95% intervals of scores: what was split is what is resampled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Scores = dict[str, float]
FEWEST = 20  # units; with fewer, an interval is said to rest on too few
LEAST = 5  # with fewer, there is none
MOST_BLOCKS = 500


@dataclass(frozen=True, eq=False)
class Units:
    """What hangs together among n rows, and is resampled together.

    Attributes
    ----------
    name : str
        `groups`, `days`, or what the rows are called.
    codes : ndarray of shape (n,)
        The unit of each row.
    """

    name: str
    codes: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        rows: int,
        groups: NDArray[Any] | None = None,
        time: NDArray[Any] | None = None,
        row: str = "row",
    ) -> "Units":
        """The units that the split kept on one side: groups, days, or single rows.

        With groups and a time, the fewer of the two: it is they that hold the others together.
        """
        found = [cls(f"{row}s", np.arange(rows))]
        if time is not None:
            found.append(cls("days", _codes(np.asarray(time).astype("datetime64[D]"))))
        if groups is not None:
            found.append(cls("groups", _codes(groups)))
        return min(found[1:] or found, key=lambda units: units.count)

    @cached_property
    def count(self) -> int:
        """How many units these rows are of."""
        return len(np.unique(self.codes))

    def take(self, rows: Any) -> "Units":
        """The units of some of the rows."""
        return Units(self.name, self.codes[rows])

    def to_json(self) -> dict[str, Any]:
        """What was resampled, and how many of it, as the report tells them."""
        return {
            "interval_unit": self.name,
            "interval_units": self.count,
            "too_few_units": self.count < FEWEST,
        }


def bootstrap(
    score: Callable[[NDArray[np.intp]], dict[str, Any]],
    n: int,
    *,
    groups: NDArray[Any] | None = None,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, list[Any]]:
    """Expanded percentile intervals (95%) of scores over resampled units.

    Plain percentiles are too narrow for few units: they miss the divisor n - 1 and the quantile of
    Student's t. Both are put back by taking percentiles further out (Hesterberg 2015, "What Teachers
    Should Know About the Bootstrap", section 4.2); bounds stay where the score can be.

    Parameters
    ----------
    score : callable
        Takes row positions and returns scores; a score missing from a draw is skipped there.
    n : int
        How many rows there are.
    groups : ndarray of shape (n,), optional
        Rows that hang together (the same day, the same customer) are drawn together (Field and
        Welsh 2007, "Bootstrapping clustered data").
    draws : int
        Resamples.

    Returns
    -------
    dict of str to [low, high]
        Empty if there are fewer than five units.
    """
    rng = np.random.default_rng(seed)
    codes = np.arange(n) if groups is None else _codes(groups)
    sizes = np.bincount(codes)
    if len(sizes) < LEAST:
        return {}
    blocks = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    alone = len(blocks) == n
    collected: dict[str, list[Any]] = {}
    for _ in range(draws):
        drawn = rng.integers(0, len(blocks), len(blocks))
        rows = drawn if alone else np.concatenate([blocks[i] for i in drawn])
        for name, value in score(rows).items():
            collected.setdefault(name, []).append(value)
    return {name: _interval(values, sizes) for name, values in collected.items()}


def interval_of_ratio(
    numerator: NDArray[Any],
    denominator: NDArray[Any],
    units: Units,
    draws: int = 400,
    seed: int = 0,
) -> list[float] | None:
    """The same interval of sum(numerator) / sum(denominator), such as a mean; None as above.

    Parameters
    ----------
    numerator, denominator : ndarray of shape (n,)
    units : Units
        Of the n rows; more than 500 are joined to 500 at random, which costs nothing but time.
    """
    rng = np.random.default_rng(seed)
    codes = np.unique(units.codes, return_inverse=True)[1]
    if units.count < LEAST:
        return None
    sizes = np.bincount(codes)
    if units.count > MOST_BLOCKS:
        codes = (rng.permutation(units.count) % MOST_BLOCKS)[codes]
    above, below = np.bincount(codes, numerator), np.bincount(codes, denominator)
    drawn = rng.integers(0, len(above), (draws, len(above)))
    totals = below[drawn].sum(axis=1)
    ratios = above[drawn].sum(axis=1)[totals > 0] / totals[totals > 0]
    return _interval(ratios, sizes) if len(ratios) else None


def _codes(labels: NDArray[Any]) -> NDArray[np.intp]:
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _interval(values: Any, sizes: NDArray[np.intp]) -> list[Any]:
    """Percentiles further out than 2.5 and 97.5, by as much as t is wider than the normal.

    Units of unequal size count as fewer equal ones, by Kish's effective number.
    """
    units = sizes.sum() ** 2 / np.square(sizes).sum()
    wider = units / (units - 1) * stats.t.ppf(0.975, units - 1)
    tail = stats.norm.cdf(-wider)
    bounds = np.quantile(values, [tail, 1 - tail], axis=0, method="weibull")
    return list(bounds.tolist())
