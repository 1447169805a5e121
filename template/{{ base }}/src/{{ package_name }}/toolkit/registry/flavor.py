"""What MLflow calls to load a registered bundle: `mlflow.pyfunc.load_model` answers as `predict` does.

A bundle needs the project's own features and responses, which are code and not files of the bundle.
MLflow knows a loader by its module's name alone, and this module is the toolkit's, which imports
nothing of the project's. So the name of the project's own loader is written into the registered model
as a value (`model_config` of the file MLmodel), and what is named there is imported. A pickled
function would need no name, but would run whatever a store holds and break with the next version
of Python.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from ..profiling.contract import columns_from_frame
from ..profiling.schema import Schema
from ..tables.predictor import Predictor, label_text

LOADER = "loader"  # key of the model's configuration
MLFLOW_TYPES = {"number": "double", "boolean": "boolean", "date": "datetime"}


class Answering:
    """A bundle behind MLflow's interface for any model."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """One row of answers for each row of the columns of the schema."""
        columns = columns_from_frame(self.predictor.schema, model_input)
        rows = []
        for answer in self.predictor.predict_columns(columns):
            row = {"prediction": answer["prediction"]}
            if "probabilities" in answer:
                row["prediction"] = label_text(answer["prediction"])
                row |= {f"probability_{name}": p for name, p in answer["probabilities"].items()}
            rows.append(row)
        return pd.DataFrame(rows)


def signature_of(schema: Schema) -> Any:
    """The MLflow signature of a bundle: columns by name and kind, optional where they may be absent."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec
    from mlflow.types import Schema as Columns

    inputs: list[Any] = [
        ColSpec(MLFLOW_TYPES.get(column.kind, "string"), column.name, not column.optional)
        for column in schema.columns
    ]
    classes = [label_text(label) for label in schema.target.classes or ()]
    outputs: list[Any] = [ColSpec("string" if classes else "double", "prediction")]
    outputs += [ColSpec("double", f"probability_{name}") for name in classes]
    return ModelSignature(Columns(inputs), Columns(outputs))


def _load_pyfunc(path: str, model_config: dict[str, Any]) -> Answering:
    module, _, name = model_config[LOADER].partition(":")
    load: Callable[[Path], Predictor] = getattr(import_module(module), name)
    return Answering(load(Path(path)))
