"""What a request and a response are: the same for the service, `predict` and MLflow."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, create_model

from .features import derive
from .settings import Params
from .toolkit.profiling.schema import Schema, batch_model, example_of, record_model, typed_columns
from .toolkit.project.settings import Project
from .toolkit.serving.api import Answered, Api, stamp
from .toolkit.tables.predictor import Predictor, label_text
from .toolkit.training.decisions import bounds_of, doubt

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .toolkit.serving.api import InBrowser
    from .toolkit.serving.limits import Limits
    from .toolkit.serving.metrics import Metrics

PATHS = ("/predict", "/predict/batch", "/explain")


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
    review = predictor.metadata["review"]
    responses = []
    for row in outputs.tolist():
        # With a threshold, the positive class is the second of two.
        chosen = row.index(max(row)) if threshold is None else row[1] >= threshold
        responses.append(
            {
                "prediction": classes[chosen],
                "probabilities": dict(zip(labels, row, strict=True)),
                "threshold": threshold,
                "needs_review": review["on"] and doubt(row, review["costs"]) > review["cutoff"],
            }
        )
    return responses


def _values(predictor: Predictor, values: NDArray[np.float64]) -> list[dict[str, Any]]:
    review = predictor.metadata["review"]
    low, high = bounds_of(values, predictor.metadata["interval"])
    return [
        {
            "prediction": value,
            "value": value,
            "interval": [least, most],
            "needs_review": review["on"] and most - least > review["cutoff"],
        }
        for value, least, most in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def response_model(schema: Schema) -> type[BaseModel]:
    """The documented shape of one response, but for the version and the time."""
    shared: dict[str, Any] = {
        "needs_review": (
            bool,
            Field(
                description="Among the predictions in most doubt; off where a look at them does not pay"
            ),
        ),
        "warnings": (list[str], Field(description="What training had not seen, or was filled in")),
    }
    if schema.target.task == "regression":
        return create_model(
            "Result",
            prediction=(float, ...),
            value=(float, ...),
            interval=(list[float], Field(description="Shall hold the truth 9 times in 10")),
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

    schema = predictor.schema
    record, result, example = record_model(schema), response_model(schema), example_of(schema)
    # What callers nearly always send, checked in a third of the time; the rest is read as before.
    plain = record_model(schema, plain=True)
    one = create_model("Prediction", __base__=(result, Answered))
    why = create_model(
        "Explanation",
        __base__=Answered,
        explained=(str, Field(description="The class whose probability it is, or the target")),
        base=(float, Field(description="The mean over what the columns usually hold")),
        value=(float, Field(description="For this record")),
        contributions=(
            dict[str, float],
            Field(description="By column; base and they add up to value"),
        ),
    )
    many = create_model("Predictions", __base__=Answered, predictions=(list[result], ...))  # type: ignore[valid-type]

    def count(responses: list[dict[str, Any]]) -> None:
        for response in responses:
            if response["warnings"]:
                metrics.observe_warnings(response["warnings"])
        if schema.target.task == "regression":
            for response in responses:
                metrics.observe_value(response["value"], response["needs_review"])
        else:
            kinds: dict[tuple[Any, bool], int] = {}
            for row in responses:
                kind = row["prediction"], row["needs_review"]
                kinds[kind] = kinds.get(kind, 0) + 1  # a Counter takes 10 microseconds for one row
            for (prediction, needs_review), number in kinds.items():
                metrics.observe_class(label_text(prediction), needs_review, number)

    def predict(body: Any) -> dict[str, Any]:
        responses = predictor.predict_records([body])
        count(responses)
        return stamp(responses[0], predictor.version)

    def predict_batch(body: Any) -> dict[str, Any]:
        if body.columns is not None:
            responses = predictor.predict_columns(
                typed_columns(schema, body.columns.listed(schema))
            )
        else:
            responses = predictor.predict_records(body.records)
        count(responses)
        return stamp({"predictions": responses}, predictor.version)

    def explain(body: Any) -> dict[str, Any]:
        given = {column.name: [body.__dict__[f"c{i}"]] for i, column in enumerate(schema.columns)}
        return stamp(predictor.explain(typed_columns(schema, given)), predictor.version)

    summary = "Predict one record"
    add_json_route(app, PATHS[0], predict, record, one, example, summary, in_loop=True, plain=plain)
    batch, plainly = batch_model(record, limits.max_batch), batch_model(plain, limits.max_batch)
    summary, examples = (
        "Predict many records, as a list or column by column",
        {"records": [example]},
    )
    add_json_route(app, PATHS[1], predict_batch, batch, many, examples, summary, plain=plainly)
    if predictor.explainable:
        summary = "Say what each column adds to a prediction"
        add_json_route(app, PATHS[2], explain, record, why, example, summary, plain=plain)


def value_range(predictor: Predictor) -> tuple[float, float] | None:
    """The range of a numeric target in training, for the histogram of predicted values."""
    target = predictor.schema.target
    return None if target.min is None or target.max is None else (target.min, target.max)


def in_browser() -> "InBrowser":
    """What puts the model into the site's try-it page."""
    from .toolkit.site import tables

    return tables


load = partial(Predictor.load, derive=derive, respond=respond)
API = Api(load, add_routes, PATHS, value_range, in_browser)


def predict_file(project: Project, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Score a CSV or Parquet file with the model that is served."""
    from .toolkit.batch.tables import predict_file

    return predict_file(project, load, source, output)


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The rows of the test set as `bench` sends them: content type and body of each."""
    from .toolkit.batch.tables import bench_requests

    return bench_requests(project)
