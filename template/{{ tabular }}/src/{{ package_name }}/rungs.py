"""The rungs of the ladder, boring first. Add, remove or reorder them here."""

from collections.abc import Callable
from functools import partial
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
)
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .boosters import make_boosters
from .encoding import Encoder
from .errors import UserError
from .ladder import Rung, without


def make_rungs(task: str, rows: int, rule: str | None, skip: list[str], seed: int) -> list[Rung]:
    """The ladder for a task.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    rows : int
        Training rows; leaves hold a share of them.
    rule : str or None
        The encoded feature the rule of thumb looks at; None lets the fold pick the best one.
    skip : list of str
        Names of rungs to leave out.
    seed : int
        Makes every rung repeatable.

    Raises
    ------
    UserError
        If `skip` names a rung that is not on the ladder, or leaves fewer than two.
    """
    classes = task != "regression"
    leaf = max(5, min(100, rows // 500))
    pick = _Pick(classes, leaf, seed)
    rungs = [
        Rung(
            "majority" if classes else "mean",
            "Knows nothing of the row: what every other rung must beat.",
            pick.constant,
        ),
        Rung(
            "rule",
            f"A table by {rule}, as one would write on paper."
            if rule
            else "A table by the single most telling feature, as one would write on paper.",
            partial(pick.rule, rule),
        ),
        Rung(
            "logistic regression" if classes else "ridge regression",
            "Every feature adds its share; fast, calibrated, easy to defend.",
            pick.linear,
        ),
        Rung("decision tree", "Questions one can read aloud; finds interactions.", pick.tree),
        Rung("random forest", "Many trees on many samples: less variance.", pick.forest),
        Rung(
            "histogram gradient boosting",
            "Trees that correct each other; the strong default for tables.",
            pick.boosting,
        ),
        Rung("LightGBM", "Leaf-wise boosting: often the best single model.", pick.lightgbm),
        *make_boosters(classes, seed),
    ]
    rungs.append(
        Rung(
            "soft vote",
            "The mean of a linear model, a forest and a booster, which err differently.",
            members=(rungs[2].name, "random forest", "LightGBM"),
        )
    )
    return without(rungs, skip)


class _Pick:
    """Builds unfitted estimators; one method a rung, classes or values."""

    def __init__(self, classes: bool, leaf: int, seed: int) -> None:
        self.classes = classes
        self.leaf = leaf
        self.seed = seed

    def constant(self, features: Encoder) -> Any:
        return DummyClassifier(strategy="prior") if self.classes else DummyRegressor()

    def rule(self, column: str | None, features: Encoder) -> Any:
        """Holte's 1R (1993): one feature, cut into at most 24 cells."""
        if column is None:
            select: Any = SelectKBest(_f_of_class if self.classes else _f_of_number, k=1)
        elif column in features.names_:
            position = features.names_.index(column)
            select = ColumnTransformer([("rule", "passthrough", [position])])
        else:
            raise UserError(
                f"`ladder.rule` is {column!r}, which is no feature. Features: "
                f"{', '.join(features.names_)}. Use null to let the fold pick one."
            )
        tree = DecisionTreeClassifier if self.classes else DecisionTreeRegressor
        cells = tree(max_leaf_nodes=24, min_samples_leaf=self.leaf, random_state=self.seed)
        return Pipeline([("column", select), ("cells", cells)])

    def linear(self, features: Encoder) -> Any:
        codes = features.categorical_
        numbers = [i for i in range(len(features.names_)) if i not in codes]
        columns = ColumnTransformer(
            [
                ("codes", OneHotEncoder(handle_unknown="ignore"), codes),
                ("numbers", StandardScaler(), numbers),
            ]
        )
        model = LogisticRegression(max_iter=300) if self.classes else Ridge(alpha=1.0)
        # In float32, 1974 less a mean of 1974.2 has three digits, and shares that cancel have none.
        doubles = CastTransformer(dtype=np.float64)
        return Pipeline([("doubles", doubles), ("columns", columns), ("model", model)])

    def tree(self, features: Encoder) -> Any:
        tree = DecisionTreeClassifier if self.classes else DecisionTreeRegressor
        return tree(min_samples_leaf=5 * self.leaf, random_state=self.seed)

    def forest(self, features: Encoder) -> Any:
        forest = RandomForestClassifier if self.classes else RandomForestRegressor
        return forest(
            n_estimators=60,
            min_samples_leaf=max(1, self.leaf // 2),
            max_samples=0.3 if self.leaf > 20 else None,
            n_jobs=-1,
            random_state=self.seed,
        )

    def boosting(self, features: Encoder) -> Any:
        boosting = HistGradientBoostingClassifier if self.classes else HistGradientBoostingRegressor
        return boosting(
            max_iter=100,
            min_samples_leaf=self.leaf,
            early_stopping=False,
            random_state=self.seed,
        )

    def lightgbm(self, features: Encoder) -> Any:
        boosting = LGBMClassifier if self.classes else LGBMRegressor
        return boosting(
            n_estimators=100,
            min_child_samples=self.leaf,
            random_state=self.seed,
            verbose=-1,
        )


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
