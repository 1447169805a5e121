"""Bootstrap intervals of scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = dict[str, float]


def bootstrap(
    score: Callable[[NDArray[np.intp]], Scores],
    n: int,
    *,
    groups: NDArray[Any] | None = None,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Percentile intervals (95%) of scores over resampled rows.

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
    """
    rng = np.random.default_rng(seed)
    blocks: list[NDArray[np.intp]] | None = None
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        _, starts = np.unique(groups[order], return_index=True)
        blocks = np.split(order, starts[1:])
    collected: dict[str, list[float]] = {}
    for _ in range(draws):
        if blocks is None:
            rows = rng.integers(0, n, n)
        else:
            rows = np.concatenate([blocks[i] for i in rng.integers(0, len(blocks), len(blocks))])
        for name, value in score(rows).items():
            collected.setdefault(name, []).append(value)
    return {
        name: [float(q) for q in np.quantile(values, [0.025, 0.975])]
        for name, values in collected.items()
    }
