"""Where the model fails: slices of the rows, the worst cases, and who bears the errors."""

from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_score, recall_score

from ..encoding import Encoder
from ..table import Table
from .slices import SMALLEST_SLICE, bins_of

WORST = 20


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
