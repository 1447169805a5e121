"""Whether confidences hold: how often what was found answers, by how sure it was said to be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 5
DRAWS = 1000


def reliability(
    confidences: NDArray[np.float64], found: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Compare confidences with outcomes on questions that took no part in fitting them.

    Parameters
    ----------
    confidences : ndarray of shape (n,)
        Between 0 and 1.
    found : ndarray of shape (n,)
        Whether a document that answers was found.
    seed : int
        Of the bootstrap and of the simulated outcomes.

    Returns
    -------
    dict
        `bins` of equal numbers of questions. `brier` (Brier 1950) and its `skill`: the share of the
        error of always saying `base_rate` that confidences take away, with a 95% bootstrap interval.
        `ece`: expected calibration error over the bins (Naeini, Cooper and Hauskrecht 2015), and
        `ece_chance`: the mean and the 95th percentile it would have if every confidence were right
        (Bröcker and Smith 2007, "Increasing the reliability of reliability diagrams").
    """
    order = np.argsort(confidences, kind="stable")
    p, y = confidences[order], found[order].astype(float)
    parts = [part for part in np.array_split(np.arange(len(p)), BINS) if len(part)]

    def error(outcomes: NDArray[np.float64]) -> float:
        off = [len(part) * abs(float(p[part].mean() - outcomes[part].mean())) for part in parts]
        return sum(off) / len(p)

    def skill(rows: NDArray[np.intp]) -> float:
        constant = y[rows].var()
        return 1 - float(((p[rows] - y[rows]) ** 2).mean() / constant) if constant else 0.0

    rng = np.random.default_rng(seed)
    skills = [skill(rng.integers(len(p), size=len(p))) for _ in range(DRAWS)]
    chance = [error((rng.random(len(p)) < p).astype(float)) for _ in range(DRAWS)]
    return {
        "n": len(p),
        "base_rate": float(y.mean()),
        "bins": [
            {
                "n": len(part),
                "mean_predicted": float(p[part].mean()),
                "observed": float(y[part].mean()),
            }
            for part in parts
        ],
        "brier": float(((p - y) ** 2).mean()),
        "skill": skill(np.arange(len(p))),
        "skill_ci": np.percentile(skills, [2.5, 97.5]).tolist(),
        "ece": error(y),
        "ece_chance": [float(np.mean(chance)), float(np.percentile(chance, 95))],
    }
