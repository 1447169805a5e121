"""The routes that are this role's: one record, or many."""

from functools import partial
from typing import Annotated, Any, cast

from fastapi import Body, FastAPI
from pydantic import BaseModel, Field, create_model

from ..schema import Schema, record_model
from .answer import Answered, stamp
from .errors import REFUSALS
from .json_route import JsonRoute
from .limits import Limits
from .metrics import Metrics
from .predictor import Predictor, label_text

PATHS = ("/predict", "/predict/batch")


def value_range(predictor: Predictor) -> tuple[float, float] | None:
    """Range of a numeric target in training, for the histogram of predicted values."""
    target = predictor.schema.target
    return None if target.min is None or target.max is None else (target.min, target.max)


def add(app: FastAPI, predictor: Predictor, limits: Limits, metrics: Metrics) -> None:
    """Give `app` `POST /predict` and `POST /predict/batch` for the columns of the loaded model."""
    schema = predictor.schema
    record = record_model(schema)
    bounds = Field(min_length=1, max_length=limits.max_batch)
    batch = create_model("Batch", records=(_list_of(record), bounds))
    result = _result_model(schema)
    one_answer = create_model("Prediction", __base__=(result, Answered))
    many_answers = create_model(
        "Predictions", __base__=Answered, predictions=(_list_of(result), ...)
    )
    example = _example(record)

    def predicted(records: list[BaseModel]) -> list[dict[str, Any]]:
        answers = predictor.predict_records([each.model_dump(by_alias=True) for each in records])
        for answer in answers:
            if "value" in answer:
                metrics.observe_value(answer["value"], answer["needs_review"])
            else:
                metrics.observe_class(label_text(answer["prediction"]), answer["needs_review"])
        return answers

    async def predict(body: Any) -> dict[str, Any]:
        return stamp(predicted([body])[0], predictor.version)

    def predict_batch(body: Any) -> dict[str, Any]:
        return stamp({"predictions": predicted(body.records)}, predictor.version)

    # The models are known only now that a bundle is loaded, so the annotations are set here.
    predict.__annotations__["body"] = _body(record, example)
    predict_batch.__annotations__["body"] = _body(batch, {"records": [example]})
    declare = partial(
        app.router.add_api_route,
        methods=["POST"],
        responses=REFUSALS,
        route_class_override=JsonRoute,
    )
    one, many = PATHS
    declare(one, predict, response_model=one_answer, summary="Predict one record")
    declare(many, predict_batch, response_model=many_answers, summary="Predict many records")


def _result_model(schema: Schema) -> type[BaseModel]:
    """The documented shape of one answer."""
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


def _body(model: Any, example: dict[str, Any]) -> Any:
    return Annotated[model, Body(openapi_examples={"example": {"value": example}})]


def _list_of(model: Any) -> Any:
    return list[model]


def _example(record: type[BaseModel]) -> dict[str, Any]:
    extra = cast(dict[str, Any], record.model_config["json_schema_extra"])
    return cast(dict[str, Any], extra["examples"][0])
