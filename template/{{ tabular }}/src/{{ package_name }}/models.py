"""The candidate models, simplest first. Add, remove or reorder them here.

Each takes the encoder that a fold has fitted, which knows the names of the columns and which of them
are codes without an order, and returns an unfitted estimator.
"""

import warnings
from collections.abc import Collection, Sequence
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
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .toolkit.tables.boosters import make_boosters
from .toolkit.tables.encoder import Encoder
from .toolkit.tables.epochs import settle_epochs
from .toolkit.tables.rule_of_thumb import rule_of_thumb
from .toolkit.tables.standard_target import on_standard_target
from .toolkit.tables.steps import Groups, without_each
from .toolkit.tables.tuning import Search
from .toolkit.training.comparison import Candidate, drop_skipped

# The number of epochs was settled: that they end is no failure.
warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")

RULE = "rule"
NETWORK, TUNED = "dense network", "tuned LightGBM"
LINEAR = {True: "logistic regression", False: "ridge regression"}  # for classes, for numbers
TREE, FOREST = "decision tree", "random forest"
BOOSTING, LIGHTGBM = "histogram gradient boosting", "LightGBM"
MOST_NEWTON = 1000  # features
WEIGHTED = "classes weighed alike"
# These can learn what single days were like, so they show what a random split would have promised.
FLEXIBLE = (LIGHTGBM, BOOSTING, FOREST, TREE)


def make_candidates(
    task: str,
    rows: int,
    rule: str | None,
    skip: list[str],
    seed: int,
    search: Search | None = None,
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
    search : Search, optional
        Of `search_space`; without one no candidate is tuned.

    Raises
    ------
    UserError
        If `skip` names no candidate, or leaves fewer than two.
    """
    classes = task != "regression"
    leaf = max(5, min(100, rows // 500))
    linear = LINEAR[classes]
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
            lambda encoder: linear_model(encoder, task),
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
        Candidate(
            NETWORK,
            "One hidden layer finds interactions that vary smoothly; its epochs are settled in each fold.",
            lambda encoder, epochs=20: dense_network(encoder, task, rows, seed, epochs),
            settle=settle_epochs,
        ),
        Candidate(
            TUNED,
            "The booster with settings searched for inside each fold, on 20,000 of its rows.",
            lambda encoder, **settings: tuned_booster(classes, seed, **settings),
            settle=search,
        ),
    ]
    skip = skip if search or TUNED in skip else [*skip, TUNED]
    return drop_skipped(candidates if classes else on_standard_target(candidates), skip)


def make_steps(task: str, groups: Groups) -> list[Candidate]:
    """The linear model without features, and without each group of them; see `toolkit/tables/steps.py`."""
    steps = without_each(groups, lambda encoder, out: linear_model(encoder, task, out))
    return on_standard_target(steps) if task == "regression" else steps


def make_weighted() -> Candidate:
    """The linear model with both classes weighed alike; see `toolkit/tables/class_weights.py`."""
    return Candidate(
        WEIGHTED,
        "Measures whether weights decide better than a threshold.",
        lambda encoder: linear_model(encoder, "binary", weights="balanced"),
    )


def linear_model(
    encoder: Encoder, task: str, without: Collection[str] = (), weights: str | None = None
) -> Any:
    """A linear model over one-hot codes and scaled numbers, of all columns but some.

    A code such as 3 for the third carrier has no order, so that it gets a weight of its own; numbers
    are scaled, since the penalty treats all weights alike.
    """
    # On the flights Newton's method is exact after four steps, where L-BFGS stops after 158, having taken
    # four times as long, with single probabilities off by 0.2. Its matrix has the square of the features.
    few = task == "binary" and encoder.one_hot_width_ <= MOST_NEWTON
    solver = "newton-cholesky" if few else "lbfgs"
    logistic = LogisticRegression(solver=solver, max_iter=300, class_weight=weights)
    model = Ridge(alpha=1.0) if task == "regression" else logistic
    return on_scaled_columns(encoder, model, without)


def on_scaled_columns(encoder: Encoder, model: Any, without: Collection[str] = ()) -> Pipeline:
    """A model behind one-hot codes and scaled numbers, of all columns but some."""
    used = [i for i, source in enumerate(encoder.sources_) if source not in without]
    codes = [i for i in used if i in encoder.categorical_]
    numbers = [i for i in used if i not in codes]
    columns = ColumnTransformer(
        [
            ("codes", OneHotEncoder(handle_unknown="ignore"), codes),
            ("numbers", StandardScaler(), numbers),
        ]
    )
    # In float32, 1974 less a mean of 1974.2 has three digits, and shares that cancel have none.
    doubles = CastTransformer(dtype=np.float64)
    return Pipeline([("doubles", doubles), ("columns", columns), ("model", model)])


def dense_network(encoder: Encoder, task: str, rows: int, seed: int, epochs: int) -> Any:
    """One hidden layer of 32 units on one-hot codes and scaled numbers.

    It learns for as many epochs as `settle_epochs` found, and is not stopped before.
    """
    network = (MLPRegressor if task == "regression" else MLPClassifier)(
        hidden_layer_sizes=(32,),
        alpha=1e-3,
        batch_size=max(8, min(500, rows // 50)),
        max_iter=epochs,
        n_iter_no_change=epochs,
        tol=0,
        random_state=seed,
    )
    return on_scaled_columns(encoder, network)


def search_space(rows: int) -> dict[str, tuple[float, float]]:
    """What is searched for `TUNED`: the lowest and the highest, drawn evenly by their logarithm."""
    return {
        "learning_rate": (0.01, 0.3),
        "num_leaves": (4, 127),
        "min_child_samples": (5, max(20, min(1000, rows // 20))),
        "colsample_bytree": (0.1, 0.9),
    }


def tuned_booster(classes: bool, seed: int, **settings: Any) -> Any:
    """LightGBM with settings that were searched for, alike on any machine: sums do not depend on the threads."""
    return (LGBMClassifier if classes else LGBMRegressor)(
        n_estimators=150,
        n_jobs=1,  # threads that wait for one another take twice as long on the rows of a search
        deterministic=True,
        force_row_wise=True,
        random_state=seed,
        verbose=-1,
        **settings,
    )


def mean_of(voters: Sequence[Any], classes: bool) -> Any:
    """A vote in which each model counts alike: the mean of their probabilities, or of their values."""
    named = [(f"voter {i}", voter) for i, voter in enumerate(voters)]
    if classes:
        return VotingClassifier(named, voting="soft", flatten_transform=False)
    return VotingRegressor(named)
