"""What MLflow calls to load a registered bundle: `mlflow.pyfunc.load_model` answers as `predict` does."""

from pathlib import Path
from typing import Any

import pandas as pd

from ..profiling.contract import columns_from_frame
from ..profiling.schema import Schema
from ..tables.predictor import Predictor, label_text

MLFLOW_TYPES = {"number": "double", "boolean": "boolean", "date": "datetime"}


class Answering:
    """A bundle behind MLflow's interface for any model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """One row of answers for each row of the columns of the schema."""
        columns = columns_from_frame(self.predictor.schema, model_input)
        rows = [
            {"prediction": label_text(answer["prediction"]), **probabilities_of(answer)}
            if "probabilities" in answer
            else {"prediction": answer["prediction"]}
            for answer in self.predictor.predict_columns(columns)
        ]
        return pd.DataFrame(rows)


def probabilities_of(answer: dict[str, Any]) -> dict[str, float]:
    """The probabilities of an answer, named as the columns that `predict` writes."""
    return {f"probability_{label}": p for label, p in answer["probabilities"].items()}


def signature_of(schema: Schema) -> Any:
    """The MLflow signature of a bundle: columns by name and kind, optional where they may be absent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns

    inputs: list[Any] = [
        ColSpec(MLFLOW_TYPES.get(column.kind, "string"), column.name, not column.optional)
        for column in schema.columns
    ]
    if schema.target.classes is None:
        return ModelSignature(Columns(inputs), Columns([ColSpec("double", "prediction")]))
    names = [f"probability_{label_text(label)}" for label in schema.target.classes]
    outputs: list[Any] = [ColSpec("string", "prediction")]
    outputs += [ColSpec("double", name) for name in names]
    return ModelSignature(Columns(inputs), Columns(outputs))


def _load_pyfunc(path: str) -> Answering:
    return Answering(Predictor.load(Path(path)))
