"""Arithmetic of columns that gives the target: sums, differences, products, ratios, thresholds."""

from itertools import combinations
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from .finding import Finding

ROWS = 2_000
MOST_COLUMNS = 40  # pairs grow with the square
EXACT = 0.9999  # R2 on rows the formula was not fitted to
MIXED = 0.003  # share of neighbours of different class still called a threshold
DAY = 86_400.0
LARGEST = 1e70  # squares of products of larger values overflow


def target_arithmetic(
    columns: dict[str, Any], kinds: dict[str, str], y: Any, task: str, target: str, seed: int
) -> Finding:
    """Try linear, product, ratio and threshold formulas on up to 2,000 complete rows.

    Dates count in days, so that an end less a start is a difference like any other.
    """
    names, x = _numbers(columns, kinds)
    complete = ~np.isnan(x).any(axis=1) if len(names) else np.zeros(len(y), dtype=bool)
    if len(names) < 2 or complete.sum() < 60:
        why = "under two numeric columns" if len(names) < 2 else "under 60 complete rows"
        return Finding("target-arithmetic", "passed", f"Nothing to combine: {why}.")
    rows = np.flatnonzero(complete)
    rows = np.random.default_rng(seed).permutation(rows)[:ROWS]
    x, y = x[rows], y[rows]
    formula = _of_number(names, x, y) if task == "regression" else _of_class(names, x, y)
    if formula is None:
        return Finding(
            "target-arithmetic",
            "passed",
            f"No sum, difference, product or ratio of the {len(names)} numeric columns gives the "
            f"target (up to {len(rows):,} rows tried).",
        )
    used, sentence = formula
    return Finding(
        "target-arithmetic",
        "failed",
        f"{target!r} {sentence}",
        used,
        "Add the columns that are known only with the outcome to `data.drop`.",
    )


def _numbers(columns: dict[str, Any], kinds: dict[str, str]) -> tuple[list[str], Any]:
    names, arrays = [], []
    for name, array in columns.items():
        if kinds[name] == "date":
            days = array.astype("datetime64[s]").astype(float) / DAY
            days[np.isnat(array)] = np.nan
            array = days
        elif kinds[name] != "number":
            continue
        present = array[~np.isnan(array)]
        if len(present) < len(array) / 2 or np.abs(present).max() > LARGEST:
            continue
        if present.min() < present.max():
            names.append(name)
            arrays.append(array)
    x = np.stack(arrays, axis=1) if arrays else np.zeros((0, 0))
    return names[:MOST_COLUMNS], x[:, :MOST_COLUMNS]


def _of_number(names: list[str], x: Any, y: Any) -> tuple[list[str], str] | None:
    kept, score = _fewest(x, y)
    if kept:
        used = [names[i] for i in kept]
        return used, f"is a weighted sum of {_listed(used)} (R2 {score:.6f} on rows not fitted)."
    positive = [i for i in range(x.shape[1]) if (x[:, i] > 0).all()]
    if (y > 0).all() and positive:
        kept, score = _fewest(np.log(x[:, positive]), np.log(y))
        if kept:
            used = [names[positive[i]] for i in kept]
            return used, f"is a product or ratio of powers of {_listed(used)} (R2 {score:.6f})."
    for symbol, i, j, z in _pairs(x):
        with np.errstate(over="ignore", invalid="ignore"):  # of a ratio of 1e200, say
            alike = symbol in "*/" and np.std(z) > 0 and abs(np.corrcoef(z, y)[0, 1]) ** 2
        if alike > EXACT:
            used = [names[i], names[j]]
            return used, f"is {names[i]!r} {symbol} {names[j]!r}, up to scale."
    return None


def _fewest(x: Any, y: Any) -> tuple[list[int], float]:
    """Return the fewest columns whose weighted sum gives y, or none."""
    kept = [i for i in range(x.shape[1]) if np.isfinite(x[:, i]).all()]
    score = _holdout_r2(x[:, kept], y) if kept else 0.0
    if score <= EXACT or len(y) < 4 * len(kept):
        return [], score
    while len(kept) > 1:
        scores = [_holdout_r2(x[:, [k for k in kept if k != i]], y) for i in kept]
        best = int(np.argmax(scores))
        if scores[best] <= EXACT:
            break
        score = scores[best]
        del kept[best]
    return kept, score


def _holdout_r2(x: Any, y: Any) -> float:
    """R2 of a weighted sum on the second half of the rows, fitted to the first.

    The worst few rows are left aside on both halves: one mistyped cell does not hide a formula.
    """
    half = len(y) // 2
    scale = np.maximum(np.abs(x).max(axis=0), 1e-300)
    design = np.column_stack([x / scale, np.ones(len(x))])
    fitted = np.arange(half)
    for keep in (int(half * 0.98), 0):
        weights, *_ = np.linalg.lstsq(design[fitted], y[fitted], rcond=None)
        errors = np.abs(y[:half] - design[:half] @ weights)
        fitted = np.argsort(errors)[:keep]
    rest = y[half:]
    errors = np.sort((rest - design[half:] @ weights) ** 2)[: int(len(rest) * 0.98)]
    middle = np.sort((rest - np.median(rest)) ** 2)[: int(len(rest) * 0.98)]
    return 1 - float(errors.sum() / middle.sum()) if middle.sum() > 0 else 0.0


def _pairs(x: Any) -> Any:
    for i, j in combinations(range(x.shape[1]), 2):
        a, b = x[:, i], x[:, j]
        yield "-", i, j, a - b
        yield "+", i, j, a + b
        yield "*", i, j, a * b
        if (b != 0).all():
            yield "/", i, j, a / b
        if (a != 0).all():
            yield "/", j, i, b / a


def _of_class(names: list[str], x: Any, y: Any) -> tuple[list[str], str] | None:
    """Look for a formula along which the classes follow each other without mixing."""
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < 20:
        return None
    alone = [_mixing(x[:, i], y, len(classes)) for i in range(x.shape[1])]
    if min(alone) <= 0.02:
        return None  # one column does it: the check of single features says so
    best = min(
        ((_mixing(z, y, len(classes)), symbol, i, j) for symbol, i, j, z in _pairs(x)),
        key=lambda found: found[0],
    )
    if best[0] <= MIXED:
        _, symbol, i, j = best
        return [names[i], names[j]], (
            f"is {names[i]!r} {symbol} {names[j]!r} cut at a threshold: along it "
            f"{100 * (1 - best[0]):.1f} % of neighbouring rows have the class the cut gives them."
        )
    return _linear_threshold(names, x, y) if len(classes) == 2 else None


def _mixing(z: Any, y: Any, classes: int) -> float:
    """Share of neighbours along z with different classes, beyond the cuts themselves."""
    ordered = y[np.argsort(z, kind="stable")]
    return float((np.count_nonzero(np.diff(ordered)) - (classes - 1)) / len(y))


def _linear_threshold(names: list[str], x: Any, y: Any) -> tuple[list[str], str] | None:
    """A threshold on a sum of three or four columns, by logistic regression with little penalty.

    The sum must sort all rows, and do so on rows it was not fitted to; well separated groups do
    that too, but leave a gap where a threshold has rows on either side of it.
    """
    half = len(y) // 2
    x = StandardScaler().fit_transform(x)

    def fit(kept: list[int], rows: slice, judged: slice) -> tuple[Any, float]:
        model = LogisticRegression(C=1e6, max_iter=1000).fit(x[rows][:, kept], y[rows])
        hits = model.predict(x[judged][:, kept]) == y[judged]
        recalls = [float(hits[y[judged] == label].mean()) for label in np.unique(y)]
        return model, min(recalls)

    first, second, every = slice(None, half), slice(half, None), slice(None)
    if len(set(y[first])) < 2 or len(set(y[second])) < 2:
        return None
    model, score = fit(list(range(x.shape[1])), first, second)
    if score < 0.9:
        return None
    for size in (3, 4):
        kept = sorted(int(i) for i in np.argsort(-np.abs(model.coef_[0]))[:size])
        _, unseen = fit(kept, first, second)
        whole, score = fit(kept, every, every)
        z = x[:, kept] @ whole.coef_[0]
        gap = np.quantile(z[y == y.max()], 0.01) - np.quantile(z[y == y.min()], 0.99)
        if unseen >= 0.95 and score >= 0.995 and gap < 0.2 * z.std():
            used = [names[i] for i in kept]
            return used, (
                f"is a weighted sum of {_listed(used)} cut at a threshold ({unseen:.1%} of either "
                "class on rows not fitted)."
            )
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))
