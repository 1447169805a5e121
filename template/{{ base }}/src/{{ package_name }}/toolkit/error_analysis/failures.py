"""Where the model fails: slices of the rows, the worst cases, and who bears the errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, selection_rate
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, precision_score, recall_score

from ..evaluation.slices import SMALLEST_SLICE, bins_of
from ..tables.dataset import Table
from ..tables.encoder import Encoder
from ..tables.predictor import Predictor

WORST = 20


def worst_cases(
    table: Table,
    loss: NDArray[np.float64],
    predictions: NDArray[np.float64],
    decisions: NDArray[Any],
) -> list[dict[str, Any]]:
    """The rows with the largest error, with their fields.

    Parameters
    ----------
    table : Table
        The test rows.
    loss : ndarray of shape (n,)
        Error of each row.
    predictions : ndarray of shape (n, classes) or (n,)
        Probabilities, or values.
    decisions : ndarray of shape (n,)
        Class codes, or values.
    """
    labels, cases = table.schema.target.classes, []
    for row in np.argsort(-loss, kind="stable")[:WORST].tolist():
        truth = table.y[row]
        case: dict[str, Any] = {"row": row}
        if labels is None:
            case |= {
                "truth": float(truth),
                "prediction": float(predictions[row]),
                "error": float(loss[row]),
            }
        else:
            case |= {
                "truth": str(labels[truth]),
                "prediction": str(labels[decisions[row]]),
                "confidence": float(predictions[row].max()),
                "truth_probability": float(predictions[row][truth]),
            }
        fields = {name: _plain(table.x[name].iloc[row]) for name in table.x}
        cases.append({**case, "values": fields})
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
    predictor: Predictor,
    loss: Callable[[NDArray[Any], NDArray[np.float64]], NDArray[np.float64]],
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

    def mean_loss(given: dict[str, NDArray[Any]]) -> float:
        outputs = predictor.matrix_outputs(encoder.transform(given))
        return float(np.mean(loss(y, outputs if table.is_classes else outputs.ravel())))

    base, ranked = mean_loss(columns), []
    for name, values in columns.items():
        drops = [
            mean_loss({**columns, name: values[rng.permutation(len(values))]}) - base
            for _ in range(repeats)
        ]
        ranked.append({"column": name, "mean": float(np.mean(drops)), "std": float(np.std(drops))})
    return sorted(ranked, key=lambda entry: -entry["mean"])


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ")
    return value if isinstance(value, str) else float(value)
