"""Columns that decide the target alone."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..profiling.targets import TargetProfile
from .finding import Finding

# The best honest single columns of well-known tables reach 0.95 (petal width) or 0.97.
NEARLY_DECIDES = 0.98
DECIDES = 0.995
ROWS_FOR_CERTAINTY = 100
SCORES = {
    "binary": "ROC AUC",
    "multiclass": "share of the majority's errors avoided",
    "regression": "R2",
}
DROP = "If it is not known when a prediction is asked for, add it to `data.drop`."


def single_feature(
    columns: dict[str, Any], kinds: dict[str, str], y: Any, task: str, seed: int
) -> Finding:
    """Score a small tree (a table of rates for categories) on each column alone, in 3 folds."""
    folds = _folds(y, task, seed)
    scores = {name: _score(kinds[name], array, y, task, folds) for name, array in columns.items()}
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    near = [(name, score) for name, score in ranked if score >= NEARLY_DECIDES]
    measure = SCORES[task]
    if not near:
        best, score = ranked[0]
        return Finding(
            "single-feature",
            "passed",
            f"The strongest column alone is {best!r}: {measure} {score:.3f}, under the bound of "
            f"{NEARLY_DECIDES}.",
        )
    certain = near[0][1] >= DECIDES and len(y) >= ROWS_FOR_CERTAINTY
    listed = ", ".join(f"{name!r} ({score:.4f})" for name, score in near[:10])
    verb = "decides" if certain else "nearly decides"
    return Finding(
        "single-feature",
        "failed" if certain else "warning",
        f"One column alone {verb} the target ({measure} in cross-validation): {listed}.",
        [name for name, _ in near],
        "Ask when and from what the column is filled in. " + DROP,
    )


def _folds(y: Any, task: str, seed: int) -> list[tuple[Any, Any]]:
    plain = KFold if task == "regression" else StratifiedKFold
    splitter = plain(3, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros((len(y), 1)), y))


def _score(kind: str, array: Any, y: Any, task: str, folds: list[tuple[Any, Any]]) -> float:
    if kind in ("category", "text"):
        x, _ = pd.factorize(array)
    else:
        x = _unit(array)
    predicted = np.zeros((len(y), _width(y, task)))
    for train, test in folds:
        learn = _rates if kind in ("category", "text") else _tree
        predicted[test] = learn(x[train], y[train], x[test], task, predicted.shape[1])
    if task == "binary":
        return float(roc_auc_score(y, predicted[:, 1]))
    if task == "multiclass":
        base = np.bincount(y).max() / len(y)
        return float((accuracy_score(y, predicted.argmax(axis=1)) - base) / (1 - base))
    score = r2_score(y, predicted[:, 0])
    known = ~np.isnan(x) if x.dtype.kind == "f" else np.zeros(len(x), dtype=bool)
    # A steep monotone function of the target is the target, however few leaves a tree has.
    if known.mean() > 0.9 and len(np.unique(x[known])) > 10:
        score = max(score, float(spearmanr(x[known], y[known]).statistic) ** 2)
    return float(score)


def _unit(array: Any) -> Any:
    """Numbers or moments within -1 to 1, missing kept: a tree's float32 holds no 1e300, no date."""
    x = array
    if array.dtype.kind == "M":
        x = array.astype("datetime64[s]").astype(np.float64)
        x[np.isnat(array)] = np.nan
        x = x - np.nanmin(x) if not np.isnan(x).all() else x
    largest = np.nanmax(np.abs(x)) if not np.isnan(x).all() else 0
    return x / largest if largest > 0 else x


def _width(y: Any, task: str) -> int:
    return 1 if task == "regression" else int(y.max()) + 1


def _rates(x: Any, y: Any, new: Any, task: str, width: int) -> Any:
    """Mean target by category (codes from -1 for missing), drawn to the overall mean."""
    targets = y[:, None].astype(float) if task == "regression" else np.eye(width)[y]
    prior = targets.mean(axis=0)
    size = int(max(x.max(), new.max())) + 2
    counts = np.bincount(x + 1, minlength=size)
    columns = [np.bincount(x + 1, weights=targets[:, k], minlength=size) for k in range(width)]
    sums = np.stack(columns, axis=1)
    return ((sums + prior) / (counts[:, None] + 1))[new + 1]


def _tree(x: Any, y: Any, new: Any, task: str, width: int) -> Any:
    if np.isnan(x).all():
        x, new = np.zeros(len(x)), np.zeros(len(new))
    limits = {"max_leaf_nodes": max(16, 2 * width), "min_samples_leaf": 5, "random_state": 0}
    if task == "regression":
        model = DecisionTreeRegressor(**limits).fit(x[:, None], y)
        return model.predict(new[:, None])[:, None]
    model = DecisionTreeClassifier(**limits).fit(x[:, None], y)
    result = np.zeros((len(new), width))
    result[:, model.classes_] = model.predict_proba(new[:, None])
    return result


def constant_within_target(columns: dict[str, Any], y: Any, target: TargetProfile) -> Finding:
    """Look for a value, or a missing value, that a class always has and the others never do.

    For a number as the target: for columns whose being missing tells it.
    """
    found = []
    for name, array in columns.items():
        if target.classes is None:
            found += _missing_tells_number(name, array, y)
        else:
            found += _one_value_a_class(name, array, y, target)
    if not found:
        what = "missing" if target.classes is None else "single"
        of = "the number" if target.classes is None else "a class"
        return Finding("constant-within-target", "passed", f"No {what} value identifies {of}.")
    return Finding(
        "constant-within-target",
        "failed",
        " ".join(sentence for _, sentence in found[:10]),
        list(dict.fromkeys(name for name, _ in found)),
        "Such a column is usually filled in after the outcome. " + DROP,
    )


def _one_value_a_class(
    name: str, array: Any, y: Any, target: TargetProfile
) -> list[tuple[str, str]]:
    codes, uniques = pd.factorize(array)
    codes = codes + 1  # 0 is missing
    if codes.max() == codes.min():
        return []
    totals = np.bincount(codes)
    sizes = np.bincount(y, minlength=len(target.classes or []))
    found = []
    order = np.argsort(y, kind="stable")
    parts = np.split(codes[order], np.cumsum(sizes)[:-1])
    for label, part in zip(target.classes or [], parts, strict=True):
        others = len(y) - len(part)
        if len(part) < 20 or part.min() != part.max():
            continue
        value = int(part[0])
        elsewhere = int(totals[value]) - len(part)
        if elsewhere < 0.01 * others:
            shown = "missing" if value == 0 else repr(str(uniques[value - 1]))
            found.append(
                (
                    name,
                    f"{name!r} is {shown} in all {len(part):,} rows of class {label!r} and in "
                    f"{elsewhere:,} of {others:,} others.",
                )
            )
    return found


def _missing_tells_number(name: str, array: Any, y: Any) -> list[tuple[str, str]]:
    missing = pd.isna(array)
    if not 0.01 < missing.mean() < 0.99:
        return []
    fitted = np.where(missing, y[missing].mean(), y[~missing].mean())
    score = r2_score(y, fitted)
    if score < NEARLY_DECIDES:
        return []
    return [(name, f"Whether {name!r} is missing gives the target with R2 {score:.4f}.")]
