"""How far two samples lie apart, and how far chance alone puts them.

One scale for every kind of column: a share of rows between 0 and 1. For numbers it is the largest
gap between the two cumulative distributions (Kolmogorov-Smirnov), for categories the share of rows
that would have to change category (total variation).
"""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_WINDOWS = 12
MOST_BINS = 256
FEWEST_DAYS = 8
DRAWS = 60


def distance(reference: "pd.Series[Any]", current: "pd.Series[Any]") -> float:
    """Return the distance between two samples of one column; missing values are left out.

    Parameters
    ----------
    reference, current : Series of shape (n,), (m,)
        Numbers (float64), or categories (objects).

    Returns
    -------
    float
        Between 0 and 1; 0 when either sample holds nothing, since there is nothing to compare.
    """
    left, right = reference.dropna(), current.dropna()
    if not len(left) or not len(right):
        return 0.0
    if is_number(reference):
        return _largest_gap(left.to_numpy(dtype=float), right.to_numpy(dtype=float))
    shares = pd.concat(
        [left.value_counts(normalize=True), right.value_counts(normalize=True)], axis=1
    ).fillna(0.0)
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)


def _largest_gap(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    left, right = np.sort(left), np.sort(right)
    points = np.concatenate([left, right])
    below_left = np.searchsorted(left, points, side="right") / len(left)
    below_right = np.searchsorted(right, points, side="right") / len(right)
    return float(np.max(np.abs(below_left - below_right)))


def is_number(column: "pd.Series[Any]") -> bool:
    """Whether a column is compared as numbers."""
    return column.dtype.kind in "iuf"


def noise(reference: "pd.Series[Any]", current: "pd.Series[Any]", chance: float) -> float:
    """The distance that samples of the same distribution exceed with at most probability `chance`.

    Numbers: Smirnov's bound. Categories: the expected distance plus McDiarmid's bound on how far
    a sample strays from it (one row moves the distance by at most 1/n). Both hold for any
    distribution, as long as rows are independent; `Days.noise` is for those that are not.

    Parameters
    ----------
    reference, current : Series
        As for `distance`.
    chance : float
        Probability of a false alarm that is accepted for this column alone.
    """
    sizes = reference.notna().sum(), current.notna().sum()
    if not all(sizes):
        return 1.0
    spread = 1 / sizes[0] + 1 / sizes[1]
    if is_number(reference):
        return min(1.0, math.sqrt(math.log(2 / chance) / 2 * spread))
    shares = pd.concat([reference.dropna(), current.dropna()]).value_counts(normalize=True)
    # The mean of |X| for X ~ N(0, s) is s * sqrt(2/pi); half the sum over the categories.
    expected = float(np.sqrt(2 / math.pi * shares * (1 - shares) * spread).sum() / 2)
    return min(1.0, expected + math.sqrt(math.log(1 / chance) / 2 * spread))


class Days:
    """A column's values counted by day, so that whole days can be set against the others.

    The rows of a day share their weather and their news: they are not independent, and neither are
    the days of a season. Numbers are counted between 256 quantiles, categories by value.

    Parameters
    ----------
    column : Series of shape (n,)
        A column of the reference.
    days : Series of shape (n,)
        The day of each row, as whole numbers.
    """

    def __init__(self, column: "pd.Series[Any]", days: "pd.Series[Any]") -> None:
        present = column.notna().to_numpy()
        values, moments = column[present], days[present]
        self.number = is_number(column)
        if self.number and values.nunique() > MOST_BINS:
            edges = np.unique(np.quantile(values, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
            codes = np.searchsorted(edges, values, side="left")
        else:
            codes = pd.factorize(values, sort=True)[0]
        rows = (moments - days.min()).to_numpy(dtype=np.int64)
        shape = (int(days.max() - days.min()) + 1, int(codes.max(initial=0)) + 1)
        counts = np.zeros(shape)
        np.add.at(counts, (rows, codes), 1)
        self.counts = counts[np.unique((days - days.min()).to_numpy(dtype=np.int64))]

    def apart(self, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Distances between chosen days and the others.

        Parameters
        ----------
        inside : ndarray of bool, shape (k, days)

        Returns
        -------
        ndarray of shape (k,)
        """
        chosen = inside.astype(np.float64) @ self.counts
        others = self.counts.sum(axis=0) - chosen
        shares = [
            side / np.maximum(side.sum(axis=1, keepdims=True), 1) for side in (chosen, others)
        ]
        gap = shares[0] - shares[1]
        if self.number:
            return np.asarray(np.abs(np.cumsum(gap, axis=1)).max(axis=1))
        return np.asarray(np.abs(gap).sum(axis=1) / 2)

    def noise(self, window: int, chance: float, seed: int = 0) -> float:
        """The distance that `window` days drawn at random exceed with probability `chance`.

        Extrapolated from the mean and the deviation of 60 draws; 0 with fewer than 8 days.
        """
        size = len(self.counts)
        if size < FEWEST_DAYS:
            return 0.0
        chosen = max(min(window, size // 2), 1)
        order = np.random.default_rng(seed).random((DRAWS, size)).argsort(axis=1)
        found = self.apart(order < chosen)
        bound = found.mean() + NormalDist().inv_cdf(1 - chance) * found.std()
        drawn = 1 / chosen + 1 / (size - chosen)
        return float(min(1.0, bound * math.sqrt((1 / max(window, 1) + 1 / size) / drawn)))

    def usual(self, window: int) -> float:
        """The largest distance between `window` days in a row and the others: what seasons do.

        0 where the reference is shorter than two such windows.
        """
        size = len(self.counts)
        starts = list(range(0, size - window + 1, max(window, 1)))[-MOST_WINDOWS:]
        if len(starts) < 2:
            return 0.0
        places = np.arange(size)
        inside = np.array([(places >= start) & (places < start + window) for start in starts])
        return float(self.apart(inside).max())
