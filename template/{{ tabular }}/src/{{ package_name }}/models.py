"""The candidate models, simplest first. Add, remove or reorder them here.

Each takes the encoder that a fold has fitted, which knows the names of the columns and which of them
are codes without an order, and returns an unfitted estimator.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .toolkit.tables.boosters import make_boosters
from .toolkit.tables.encoder import Encoder
from .toolkit.tables.rule_of_thumb import rule_of_thumb
from .toolkit.training.comparison import Candidate, drop_skipped

RULE = "rule"
TREE, FOREST = "decision tree", "random forest"
BOOSTING, LIGHTGBM = "histogram gradient boosting", "LightGBM"
# These can learn what single days were like, so they show what a random split would have promised.
FLEXIBLE = (LIGHTGBM, BOOSTING, FOREST, TREE)


def make_candidates(
    task: str, rows: int, rule: str | None, skip: list[str], seed: int
) -> list[Candidate]:
    """The ladder for a task.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    rows : int
        Training rows; a leaf of a tree holds a share of them.
    rule : str or None
        The encoded feature that the rule of thumb looks at; None lets the fold pick the best one.
    skip : list of str
        Names of candidates to leave out.
    seed : int
        Makes every candidate repeatable.

    Raises
    ------
    UserError
        If `skip` names no candidate, or leaves fewer than two.
    """
    classes = task != "regression"
    leaf = max(5, min(100, rows // 500))
    linear = "logistic regression" if classes else "ridge regression"
    by = rule or "the single most telling feature"
    candidates = [
        Candidate(
            "majority" if classes else "mean",
            "Ignores the features: what every other model must beat.",
            lambda encoder: DummyClassifier(strategy="prior") if classes else DummyRegressor(),
        ),
        Candidate(
            RULE,
            f"A lookup table by {by}: what a person could do by hand.",
            lambda encoder: rule_of_thumb(encoder, rule, classes, leaf, seed),
        ),
        Candidate(
            linear,
            "Every feature adds its share; fast, calibrated, easy to defend.",
            lambda encoder: linear_model(encoder, classes),
        ),
        Candidate(
            TREE,
            "Questions one can read aloud; finds interactions.",
            lambda encoder: (DecisionTreeClassifier if classes else DecisionTreeRegressor)(
                min_samples_leaf=5 * leaf, random_state=seed
            ),
        ),
        Candidate(
            FOREST,
            "Many trees on many samples: less variance.",
            lambda encoder: (RandomForestClassifier if classes else RandomForestRegressor)(
                n_estimators=60,
                min_samples_leaf=max(1, leaf // 2),
                max_samples=0.3 if leaf > 20 else None,
                n_jobs=-1,
                random_state=seed,
            ),
        ),
        Candidate(
            BOOSTING,
            "Trees that correct each other; the strong default for tables.",
            lambda encoder: (
                HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
            )(max_iter=100, min_samples_leaf=leaf, early_stopping=False, random_state=seed),
        ),
        Candidate(
            LIGHTGBM,
            "Leaf-wise boosting: often the best single model.",
            lambda encoder: (LGBMClassifier if classes else LGBMRegressor)(
                n_estimators=100, min_child_samples=leaf, random_state=seed, verbose=-1
            ),
        ),
        *make_boosters(classes, seed),
        Candidate(
            "soft vote",
            "The mean of a linear model, a forest and a booster, whose errors differ.",
            lambda encoder, *voters: mean_of(voters, classes),
            members=(linear, FOREST, LIGHTGBM),
        ),
    ]
    return drop_skipped(candidates, skip)


def linear_model(encoder: Encoder, classes: bool) -> Any:
    """A linear model over one-hot codes and scaled numbers.

    A code such as 3 for the third carrier has no order, so that it gets a weight of its own; numbers
    are scaled, since the penalty treats all weights alike.
    """
    codes = encoder.categorical_
    numbers = [i for i in range(len(encoder.names_)) if i not in codes]
    columns = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), codes),
            ("numbers", StandardScaler(), numbers),
        ]
    )
    model = LogisticRegression(max_iter=300) if classes else Ridge(alpha=1.0)
    # In float32, 1974 less a mean of 1974.2 has three digits, and shares that cancel have none.
    doubles = CastTransformer(dtype=np.float64)
    return Pipeline([("doubles", doubles), ("columns", columns), ("model", model)])


def mean_of(voters: Sequence[Any], classes: bool) -> Any:
    """A vote in which each model counts alike: the mean of their probabilities, or of their values."""
    named = [(f"voter {i}", voter) for i, voter in enumerate(voters)]
    if classes:
        return VotingClassifier(named, voting="soft", flatten_transform=False)
    return VotingRegressor(named)
