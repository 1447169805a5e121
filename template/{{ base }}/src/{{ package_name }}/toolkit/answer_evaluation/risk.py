"""How often answers are right, by how many questions are answered: the threshold of abstention.

El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def risk_coverage(
    confidences: NDArray[np.float64], right: NDArray[np.bool_], answerable: NDArray[np.bool_]
) -> list[dict[str, float]]:
    """What each threshold would give, the highest first.

    Parameters
    ----------
    confidences : ndarray of shape (n,)
    right : ndarray of shape (n,)
        Whether the answer would rest on a relevant document.
    answerable : ndarray of shape (n,)
        Whether any document answers.

    Returns
    -------
    list of dict
        `threshold`; `coverage`, the share of answerable questions that are answered; `precision`, the
        share of answers that are right; `refused`, the share of the others that are not answered.
    """
    points = []
    for threshold in np.unique(confidences)[::-1]:
        told = confidences >= threshold
        points.append(
            {
                "threshold": float(threshold),
                "coverage": float(told[answerable].mean()) if answerable.any() else 0.0,
                "precision": float(right[told].mean()),
                "refused": float((~told)[~answerable].mean()) if not answerable.all() else 1.0,
            }
        )
    return points


def choose_threshold(points: list[dict[str, float]], goals: Mapping[str, float]) -> dict[str, Any]:
    """The point with the largest coverage among those that reach `precision` and `refused`.

    Where none does, the one that misses them by least.
    """

    def worth(point: Mapping[str, float]) -> tuple[float, float]:
        short = sum(max(goals[name] - point[name], 0.0) for name in ("precision", "refused"))
        return -short, point["coverage"]

    return max(points, key=worth)
