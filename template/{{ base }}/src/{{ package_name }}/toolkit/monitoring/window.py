"""Rows that the monitor compares: inputs, what was answered, and the truth where it is known."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..profiling.contract import Problem
from ..profiling.schema import Schema
from ..tables.predictor import label_text

COLUMNS = ("inputs", "prediction", "score", "truth", "latency_ms")


@dataclass(frozen=True)
class Window:
    """Rows with their answers; every attribute has n rows, or is None where nothing is known.

    Attributes
    ----------
    schema : Schema
        Of the model that answered.
    inputs : DataFrame
        Columns of the schema, typed as it says; one that was not given is missing in every row.
    prediction : Series
        Class labels as text, or values.
    score : Series of float
        Probability of the positive class (binary) or of the predicted one (multiclass), or the
        value.
    truth : Series, optional
        Class labels as text, or values; missing where no label has come.
    latency_ms : Series of float, optional
        How long each answer took, in milliseconds.
    problems : list of Problem
        Values that the schema refuses (only a file can hold them; the service lets none in).
    unknown : list of str
        Columns that the model does not know.
    absent : list of str
        Columns that nobody gave.
    """

    schema: Schema
    inputs: pd.DataFrame
    prediction: "pd.Series[Any]"
    score: "pd.Series[float]"
    truth: "pd.Series[Any] | None" = None
    latency_ms: "pd.Series[float] | None" = None
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def times(self) -> "pd.Series[Any] | None":
        """When each row happened, if the schema names a time that the rows carry."""
        name = self.schema.time
        if name is None or name not in self.inputs or self.inputs[name].isna().all():
            return None
        return self.inputs[name]

    @property
    def days(self) -> "pd.Series[Any] | None":
        """The day of each row as a whole number, or None without a time in every row."""
        if self.times is None or self.times.isna().any():
            return None
        return pd.Series(self.times.to_numpy().astype("datetime64[D]").astype(np.int64))

    def take(self, rows: NDArray[Any]) -> Self:
        """Some of the rows, by position or by mask."""
        positions = np.flatnonzero(rows) if rows.dtype == bool else rows
        columns = {name: getattr(self, name) for name in COLUMNS}
        taken = {
            name: values.iloc[positions].reset_index(drop=True)
            for name, values in columns.items()
            if values is not None
        }
        return replace(self, **taken, problems=[])

    def labelled(self) -> Self:
        """The rows whose truth is known."""
        if self.truth is None:
            return self.take(np.zeros(len(self), dtype=bool))
        return self.take(self.truth.notna().to_numpy())

    def views(self) -> pd.DataFrame:
        """What is compared of each column: numbers and categories.

        The split's own time always moves, so its hour and weekday are compared instead; of a text,
        the number of words.
        """
        found: dict[str, Any] = {}
        for column in self.schema.columns:
            values = self.inputs[column.name]
            if column.kind == "number":
                found[column.name] = values
            elif column.kind == "date" and column.name == self.schema.time:
                found[f"{column.name}.hour"] = values.dt.hour + values.dt.minute / 60
                found[f"{column.name}.weekday"] = _texts(values.dt.day_name())
            elif column.kind == "date":
                days = values.to_numpy().astype("datetime64[s]").astype(np.float64) / 86_400
                found[column.name] = pd.Series(np.where(values.isna(), np.nan, days))
            elif column.kind == "text":
                found[f"{column.name}.words"] = values.map(
                    lambda text: np.nan if text is None else float(len(str(text).split()))
                ).astype(np.float64)
            else:
                found[column.name] = _texts(values)
        return pd.DataFrame(found)

    def answers(self) -> pd.DataFrame:
        """What is compared of the answers: the score, and the predicted class where there is one."""
        if self.schema.target.task == "regression":
            return pd.DataFrame({"value": self.score})
        return pd.DataFrame({"probability": self.score, "class": _texts(self.prediction)})


def of_answers(schema: Schema, inputs: pd.DataFrame, answers: pd.DataFrame, **rest: Any) -> Window:
    """The window of typed inputs and what a model answered to them.

    Parameters
    ----------
    schema : Schema
    inputs : DataFrame of n rows
        Typed columns of the schema.
    answers : DataFrame of n rows
        `prediction`, and `value` or the `probability:` of each class, as `journal.read` has them.
    **rest
        Further attributes of `Window`.
    """
    answers = answers.reset_index(drop=True)
    prediction = answers["prediction"]
    if schema.target.task == "regression":
        score, prediction = answers["value"], prediction.astype(np.float64)
    else:
        prediction = pd.Series([text_of(value) for value in prediction], dtype=object)
        if schema.target.task == "binary":
            score = answers[f"probability:{text_of(schema.target.positive)}"]
        else:
            score = answers.filter(regex="^probability:").astype(np.float64).max(axis=1)
    inputs = inputs.reset_index(drop=True)
    return Window(schema, inputs, prediction, score.astype(np.float64), **rest)


def text_of(label: Any) -> str:
    """A class label as the journal and the answers write it."""
    return label_text(bool(label) if isinstance(label, np.bool_) else label)


def truth_of(schema: Schema, labels: "pd.Series[Any]") -> "pd.Series[Any]":
    """Labels as a window carries them: texts of classes, or numbers; missing stays missing."""
    if schema.target.task == "regression":
        return labels.astype(np.float64).reset_index(drop=True)
    texts = [None if value is None or value != value else text_of(value) for value in labels]
    return pd.Series(texts, dtype=object)


def _texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """As objects: pandas' own string type has another missing value."""
    plain = [
        None if missing else str(value)
        for value, missing in zip(values.tolist(), values.isna(), strict=True)
    ]
    return pd.Series(plain, dtype=object)
