"""A rule of thumb as an estimator: one feature, cut into a few cells (Holte 1993, "Very Simple
Classification Rules Perform Well on Most Commonly Used Datasets", Machine Learning 11)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..project.errors import UserError
from .encoder import Encoder

CELLS = 24


def rule_of_thumb(
    encoder: Encoder, column: str | None, classes: bool, leaf: int, seed: int
) -> Pipeline:
    """An unfitted table of at most 24 cells over one encoded feature.

    Parameters
    ----------
    encoder : Encoder
        Fitted; it knows the names of the features.
    column : str or None
        The feature; None lets the training rows pick the one with the largest F statistic.
    classes : bool
        Whether a class is predicted, or a number.
    leaf : int
        Rows that a cell holds at least.
    seed : int

    Raises
    ------
    UserError
        If there is no such feature.
    """
    if column is None:
        select: Any = SelectKBest(_f_of_class if classes else _f_of_number, k=1)
    elif column in encoder.names_:
        position = encoder.names_.index(column)
        select = ColumnTransformer([("rule", "passthrough", [position])])
    else:
        raise UserError(
            f"`ladder.rule` is {column!r}, which is not a feature. Features: "
            f"{', '.join(encoder.names_)}. Use null to let the fold pick one."
        )
    tree = DecisionTreeClassifier if classes else DecisionTreeRegressor
    cells = tree(max_leaf_nodes=CELLS, min_samples_leaf=leaf, random_state=seed)
    return Pipeline([("column", select), ("cells", cells)])


def _f_of_class(x: Any, y: Any) -> Any:
    return _f_of_varied(f_classif, x, y)


def _f_of_number(x: Any, y: Any) -> Any:
    return _f_of_varied(f_regression, x, y)


def _f_of_varied(score: Callable[..., Any], x: Any, y: Any) -> Any:
    """F of each column, 0 where a column is constant on these rows (0 / 0 otherwise)."""
    x = np.asarray(x, dtype=np.float64)  # squares of large float32 values overflow
    varied = x.min(axis=0) < x.max(axis=0)
    scores = np.zeros(x.shape[1])
    if varied.any():
        with np.errstate(all="ignore"):  # a column that is the target itself has an infinite F
            scores[varied] = np.nan_to_num(score(x[:, varied], y)[0])
    return scores
