"""Scores apart: of images whose label is certain, and of those whose label is not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.evaluation import Evaluation
from ..evaluation.intervals import bootstrap
from ..images.dataset import ImageDataset

SHOWN = ("accuracy", "balanced_accuracy", "roc_auc", "average_precision")


def by_certainty(
    dataset: ImageDataset, evaluation: Evaluation, predictions: NDArray[np.float64]
) -> list[dict[str, Any]] | None:
    """Scores of both kinds of test images; None where all labels are taken as certain.

    Parameters
    ----------
    dataset : ImageDataset
        The test images.
    evaluation : Evaluation
    predictions : ndarray of shape (n, classes)
        Probabilities.
    """
    sure = dataset.weights == 1
    if sure.all() or not sure.any():
        return None
    found = []
    for name, rows in (("certain", np.flatnonzero(sure)), ("uncertain", np.flatnonzero(~sure))):

        def score(picked: NDArray[np.intp], rows: NDArray[np.intp] = rows) -> dict[str, float]:
            scores = evaluation.score(predictions, rows[picked])
            return {each: scores[each] for each in SHOWN if each in scores}

        units = evaluation.units.take(rows)
        intervals = bootstrap(score, len(rows), groups=units.codes, seed=evaluation.seed)
        found.append(
            {
                "labels": name,
                "n": len(rows),
                "scores": score(np.arange(len(rows))),
                "intervals": intervals,
            }
        )
    return found
