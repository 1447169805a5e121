"""Where the model fails: slices of the rows, the worst cases, and who bears the errors."""

from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_score, recall_score

from .encoding import Encoder
from .table import Table

SMALLEST_SLICE = 30
WORST = 20
MOST_VALUES = 12


def bins_of(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A readable group for every row of one typed column, shape (n,).

    Categories keep their commonest values, numbers fall into quarters, dates into months (or
    hours, where all rows lie in one month).
    """
    if column.dtype == object:
        names = column.fillna("(missing)").astype(str)
        common = names.value_counts().index[:MOST_VALUES]
        return names.where(names.isin(common), "(other)")
    if column.dtype.kind == "M":
        months = column.dt.strftime("%Y-%m").fillna("(missing)")
        return months if months.nunique() > 1 else column.dt.strftime("%H h").fillna("(missing)")
    if column.nunique() <= 6:
        return column.map(lambda v: "(missing)" if pd.isna(v) else f"{v:g}")
    quarters = pd.qcut(column, 4, duplicates="drop")
    names = quarters.map(lambda i: f"{i.left:.4g} to {i.right:.4g}", na_action="ignore")
    return names.astype(object).fillna("(missing)")


def slices(
    table: Table, loss: NDArray[np.float64], unit: str, most: int = 20
) -> list[dict[str, Any]]:
    """Groups of rows on which the model errs more, or less, than on the whole.

    Parameters
    ----------
    table : Table
        The test rows.
    loss : ndarray of shape (n,)
        Error of each row, lower is better.
    unit : str
        What `loss` is, for the report.
    most : int
        How many slices to keep, the largest gaps first.

    Returns
    -------
    list of dict
        Column, value, size, mean error, its 95 % interval and the gap to all other rows. Only
        slices whose interval excludes the overall mean count as findings.
    """
    overall = float(np.mean(loss))
    found: list[dict[str, Any]] = []
    for name in table.x:
        if table.x[name].dtype == object and table.x[name].nunique() > 0.5 * len(table.x):
            continue  # free text: no row shares a value with another
        groups = bins_of(table.x[name]).to_numpy()
        for value in pd.unique(groups):
            inside = loss[groups == value]
            if not SMALLEST_SLICE <= len(inside) < len(loss):
                continue
            half = 1.96 * float(np.std(inside, ddof=1)) / np.sqrt(len(inside))
            score = float(np.mean(inside))
            found.append(
                {
                    "column": name,
                    "value": str(value),
                    "n": len(inside),
                    "metric": unit,
                    "score": score,
                    "ci": [score - half, score + half],
                    "gap": score - overall,
                    "finding": bool(abs(score - overall) > half),
                }
            )
    return sorted(found, key=lambda s: (s["finding"], s["gap"]), reverse=True)[:most]


def worst_cases(
    table: Table, loss: NDArray[np.float64], shown: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows with the largest error, with their fields.

    Parameters
    ----------
    table : Table
        The test rows.
    loss : ndarray of shape (n,)
        Error of each row.
    shown : list of dict, length n
        Truth, prediction and confidence or error of each row.
    """
    cases = []
    for row in np.argsort(-loss, kind="stable")[:WORST]:
        fields = {name: _plain(table.x[name].iloc[row]) for name in table.x}
        cases.append({"row": int(row), **shown[row], "values": fields})
    return cases


def fairness(
    table: Table, sensitive: list[str], y: NDArray[Any], predicted: NDArray[Any]
) -> list[dict[str, Any]]:
    """Scores by group of each sensitive column, and how far groups are apart (fairlearn).

    For a binary target: share called positive (demographic parity), recall (equal opportunity),
    precision and accuracy. For others: accuracy or mean absolute error.
    """
    task = table.schema.target.task
    if task == "binary":
        scores: dict[str, Any] = {
            "selection_rate": selection_rate,
            "recall": lambda a, b: recall_score(a, b, zero_division=0.0),
            "precision": lambda a, b: precision_score(a, b, zero_division=0.0),
            "accuracy": accuracy_score,
        }
    elif task == "multiclass":
        scores = {"accuracy": accuracy_score}
    else:
        scores = {"mae": lambda a, b: np.mean(np.abs(a - b)), "bias": lambda a, b: np.mean(b - a)}
    sections = []
    for name in sensitive:
        column = table.x[name] if name in table.x else table.raw[name].astype(object)
        groups = bins_of(column.reset_index(drop=True))
        frame = MetricFrame(
            metrics={"n": count, **scores}, y_true=y, y_pred=predicted, sensitive_features=groups
        )
        by_group = frame.by_group
        large = by_group[by_group["n"] >= SMALLEST_SLICE]
        sections.append(
            {
                "column": name,
                "groups": [
                    {"value": str(value), "n": int(row["n"]), **{s: float(row[s]) for s in scores}}
                    for value, row in by_group.sort_values("n", ascending=False).iterrows()
                ],
                "differences": {
                    s: float(large[s].max() - large[s].min()) for s in scores if len(large) > 1
                },
                "smallest_compared": SMALLEST_SLICE,
            }
        )
    return sections


def importance(
    table: Table,
    encoder: Encoder,
    mean_loss: Any,
    answer: Any,
    seed: int,
    rows: int = 4000,
    repeats: int = 3,
) -> list[dict[str, Any]]:
    """Permutation importance: how much the mean error grows when a column is shuffled.

    (Breiman 2001, "Random Forests", section 10; columns are shuffled before encoding, so all
    features made of one column count together.)
    """
    rng = np.random.default_rng(seed)
    picked = rng.permutation(len(table.y))[:rows]
    columns = {name: values[picked] for name, values in table.columns.items()}
    y = table.y[picked]
    base = mean_loss(y, answer(encoder.transform(columns)))
    ranked = []
    for name, values in columns.items():
        drops = []
        for _ in range(repeats):
            shuffled = {**columns, name: values[rng.permutation(len(values))]}
            drops.append(mean_loss(y, answer(encoder.transform(shuffled))) - base)
        ranked.append({"column": name, "mean": float(np.mean(drops)), "std": float(np.std(drops))})
    return sorted(ranked, key=lambda entry: -entry["mean"])


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ")
    return value if isinstance(value, str) else float(value)
