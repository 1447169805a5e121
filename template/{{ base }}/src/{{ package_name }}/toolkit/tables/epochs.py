"""How long a network learns, found on rows held out as the split holds rows out."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from ..project.errors import UserError
from ..training.comparison import CandidateUnavailable, Inner, Scoring

MOST = 30
PATIENCE = 3  # epochs without a better score


def settle_epochs(
    build: Callable[..., Any], x: Any, y: NDArray[Any], inner: Inner, scoring: Scoring
) -> dict[str, Any]:
    """The number of epochs with the best score on the last inner fold; see `Candidate.settle`.

    Not scikit-learn's `early_stopping`, which holds random rows out: with rows of the same days or
    groups on both sides it learns for too long. The last inner fold is the latest in time, or whole
    groups.

    Parameters
    ----------
    build : callable
        Gives a pipeline that ends in scikit-learn's MLP.

    Returns
    -------
    dict
        `epochs`.
    """
    try:
        rows, held = inner(np.arange(len(y)))[-1]
        return {"epochs": _best_epoch(build(), x, y, rows, held, scoring)}
    except (UserError, ValueError) as error:  # a class or a moment too few
        raise CandidateUnavailable(f"No number of epochs could be found: {error}") from error


def _best_epoch(model: Any, x: Any, y: NDArray[Any], rows: Any, held: Any, scoring: Scoring) -> int:
    scaler, truth = None, y[rows]
    if isinstance(model, TransformedTargetRegressor):
        model, scaler = model.regressor, StandardScaler().fit(truth[:, None])
        truth = scaler.transform(truth[:, None]).ravel()
    prepare, network = model[:-1], model[-1]
    learned, given = prepare.fit_transform(x[rows]), prepare.transform(x[held])
    classes = {"classes": np.unique(truth)} if is_classifier(network) else {}
    scores: list[float] = []
    while len(scores) < MOST and len(scores) - 1 - np.argmax(scores or [0]) < PATIENCE:
        network.partial_fit(learned, truth, **classes)
        predicted = scoring.predict(network, given)
        if scaler is not None:
            predicted = scaler.inverse_transform(predicted[:, None]).ravel()
        scores.append(scoring.score(scoring.metric, predicted, y[held]))
    return int(np.argmax(scores)) + 1
