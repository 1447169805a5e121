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
DRAWS = 100


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
    """The values of a column counted by day, so that whole days can be set against the others.

    The rows of a day share their weather and their news: they are not independent, and neither are
    the days of a season. Numbers are counted between 256 quantiles, categories by value.

    Parameters
    ----------
    reference, current : Series of shape (n,), (m,)
        The column in both samples.
    reference_days, current_days : Series of shape (n,), (m,)
        The day of each row, as whole numbers.
    """

    def __init__(
        self,
        reference: "pd.Series[Any]",
        reference_days: "pd.Series[Any]",
        current: "pd.Series[Any]",
        current_days: "pd.Series[Any]",
    ) -> None:
        self.number = is_number(reference)
        values = pd.concat([reference, current], ignore_index=True)
        codes = _binned(values) if self.number else pd.factorize(values, sort=False)[0]
        width = int(codes.max(initial=0)) + 1
        self.before = _counted(codes[: len(reference)], reference_days, width)
        self.now = _counted(codes[len(reference) :], current_days, width)

    def noise(self, chance: float, seed: int = 0) -> float:
        """The distance that as many days as the window has exceed with probability `chance`.

        The days are permuted between both samples 100 times, as if it made no difference which of the
        two a day belongs to; the tail is extrapolated from the mean and the deviation of these
        distances. 0 with fewer than 8 days, since they say too little.
        """
        size = len(self.before) + len(self.now)
        if size < FEWEST_DAYS:
            return 0.0
        # One of the two may be a draw of its rows; a day counts the same in both.
        weights = [max(days.sum() / max(len(days), 1), 1e-9) for days in (self.before, self.now)]
        counts = np.concatenate([self.before / weights[0], self.now / weights[1]])
        order = np.random.default_rng(seed).random((DRAWS, size)).argsort(axis=1)
        found = self._apart(counts, order < len(self.now))
        return float(min(1.0, found.mean() + NormalDist().inv_cdf(1 - chance) * found.std()))

    def usual(self) -> float:
        """The largest distance between a window's length of days in a row and the reference's others.

        What seasons do; 0 where the reference is shorter than two windows.
        """
        size, window = len(self.before), len(self.now)
        starts = list(range(0, size - window + 1, max(window, 1)))[-MOST_WINDOWS:]
        if len(starts) < 2:
            return 0.0
        places = np.arange(size)
        inside = np.array([(places >= start) & (places < start + window) for start in starts])
        return float(self._apart(self.before, inside).max())

    def _apart(self, counts: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Distances between chosen days and the others, for each row of `inside`."""
        chosen = inside.astype(np.float64) @ counts
        others = counts.sum(axis=0) - chosen
        shares = [
            rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-12) for rows in (chosen, others)
        ]
        gap = shares[0] - shares[1]
        if self.number:
            return np.asarray(np.abs(np.cumsum(gap, axis=1)).max(axis=1))
        return np.asarray(np.abs(gap).sum(axis=1) / 2)


def _binned(values: "pd.Series[Any]") -> NDArray[np.intp]:
    """Codes in the order of the numbers, -1 where one is missing."""
    present = values.dropna()
    if present.nunique() <= MOST_BINS:
        return pd.factorize(values, sort=True)[0]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    codes = np.searchsorted(edges, values.to_numpy(dtype=float), side="left")
    return np.where(values.isna(), -1, codes)


def _counted(codes: NDArray[np.intp], days: "pd.Series[Any]", width: int) -> NDArray[np.float64]:
    """How often each code occurs on each day, shape (days, width)."""
    places, order = pd.factorize(days, sort=True)
    counts = np.zeros((len(order), width))
    present = codes >= 0
    np.add.at(counts, (places[present], codes[present]), 1)
    return counts
