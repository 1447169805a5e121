"""What a request and a response are: the same for the service, `predict` and MLflow."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, create_model

from .features import derive
from .settings import Params
from .toolkit.profiling.schema import Schema, example_of, record_model
from .toolkit.project.settings import Project
from .toolkit.serving.api import Answered, Api, stamp
from .toolkit.tables.predictor import Predictor, label_text

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .toolkit.serving.limits import Limits
    from .toolkit.serving.metrics import Metrics

PATHS = ("/predict", "/predict/batch")


def respond(predictor: Predictor, outputs: NDArray[np.float64]) -> list[dict[str, Any]]:
    """What a caller is told of each row.

    Parameters
    ----------
    predictor : Predictor
        The model; its metadata has the threshold and the rest that training decided.
    outputs : ndarray of shape (n, classes) or (n, 1)
        Probabilities, or values.
    """
    if predictor.schema.target.task == "regression":
        return _values(predictor, outputs.reshape(-1))
    classes, threshold = predictor.metadata["classes"], predictor.metadata["threshold"]
    labels = [label_text(value) for value in classes]
    floor = predictor.metadata["confidence_floor"]
    responses = []
    for row in outputs.tolist():
        highest = max(row)
        chosen = row.index(highest)
        if threshold is not None:  # the positive class is the second of two
            chosen = 1 if row[1] >= threshold else 0
        responses.append(
            {
                "prediction": classes[chosen],
                "probabilities": dict(zip(labels, row, strict=True)),
                "threshold": threshold,
                "needs_review": highest < floor,
            }
        )
    return responses


def _values(predictor: Predictor, values: NDArray[np.float64]) -> list[dict[str, Any]]:
    offsets, target = predictor.metadata["interval"], predictor.schema.target
    low = -np.inf if target.min is None else target.min
    high = np.inf if target.max is None else target.max
    # A value that training has never seen is a guess: a person should look at it.
    unsure = (values < low) | (values > high)
    return [
        {
            "prediction": value,
            "value": value,
            "interval": [value + offset for offset in offsets] if offsets else None,
            "needs_review": review,
        }
        for value, review in zip(values.tolist(), unsure.tolist(), strict=True)
    ]


def response_model(schema: Schema) -> type[BaseModel]:
    """The documented shape of one response, but for the version and the time."""
    shared: dict[str, Any] = {
        "needs_review": (bool, Field(description="Too uncertain to act on without a person")),
        "warnings": (list[str], Field(description="What was unknown or filled in")),
    }
    if schema.target.task == "regression":
        return create_model(
            "Result",
            prediction=(float, ...),
            value=(float, ...),
            interval=(list[float] | None, Field(description="Holds the truth 9 times in 10")),
            **shared,
        )
    return create_model(
        "Result",
        prediction=(str | int | bool | float, ...),
        probabilities=(dict[str, float], Field(description="By class; they sum to 1")),
        threshold=(float | None, Field(description="Probability from which it is positive")),
        **shared,
    )


def add_routes(app: "FastAPI", predictor: Predictor, limits: "Limits", metrics: "Metrics") -> None:
    """Add `POST /predict` and `POST /predict/batch` for the columns of the loaded model."""
    # FastAPI is imported by the process that serves, and by no other.
    from .toolkit.serving.json_route import add_json_route

    record, result = record_model(predictor.schema), response_model(predictor.schema)
    example = example_of(predictor.schema)
    records = (list[record], Field(min_length=1, max_length=limits.max_batch))  # type: ignore[valid-type]
    batch = create_model("Batch", records=records)
    one = create_model("Prediction", __base__=(result, Answered))
    many = create_model("Predictions", __base__=Answered, predictions=(list[result], ...))  # type: ignore[valid-type]

    def predicted(rows: list[BaseModel]) -> list[dict[str, Any]]:
        responses = predictor.predict_records([row.model_dump(by_alias=True) for row in rows])
        for response in responses:
            if "value" in response:
                metrics.observe_value(response["value"], response["needs_review"])
            else:
                metrics.observe_class(label_text(response["prediction"]), response["needs_review"])
        return responses

    async def predict(body: Any) -> dict[str, Any]:
        return stamp(predicted([body])[0], predictor.version)

    def predict_batch(body: Any) -> dict[str, Any]:
        return stamp({"predictions": predicted(body.records)}, predictor.version)

    add_json_route(app, PATHS[0], predict, record, one, example, "Predict one record")
    many_examples = {"records": [example]}
    add_json_route(app, PATHS[1], predict_batch, batch, many, many_examples, "Predict many records")


def value_range(predictor: Predictor) -> tuple[float, float] | None:
    """The range of a numeric target in training, for the histogram of predicted values."""
    target = predictor.schema.target
    return None if target.min is None or target.max is None else (target.min, target.max)


load = partial(Predictor.load, derive=derive, respond=respond)
API = Api(load, add_routes, PATHS, value_range)


def predict_file(project: Project, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Score a CSV or Parquet file with the model that is served."""
    from .toolkit.batch.tables import predict_file

    return predict_file(project, load, source, output)
