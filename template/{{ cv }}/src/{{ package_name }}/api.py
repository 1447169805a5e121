"""What a request and a response are: the same for the service and `predict`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .features import from_spec
from .settings import Params
from .toolkit.image_models.predictor import Predictor
from .toolkit.project.settings import Project
from .toolkit.serving.api import Answered, Api, stamp

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .toolkit.serving.limits import Limits
    from .toolkit.serving.metrics import Metrics

PATHS = ("/predict",)


class Prediction(Answered):
    """The response to one image."""

    prediction: str
    probabilities: dict[str, float] = Field(description="By class; they sum to 1")
    threshold: float | None = Field(
        description="With two classes: the probability from which the second is predicted"
    )
    needs_review: bool = Field(description="Too uncertain to act on without a person")


def respond(predictor: Predictor, outputs: NDArray[np.float64]) -> list[dict[str, Any]]:
    """What a caller is told of each image.

    Parameters
    ----------
    predictor : Predictor
        The model; its metadata has the threshold and the rest that training decided.
    outputs : ndarray of shape (n, classes)
        Probabilities.
    """
    classes, threshold = predictor.classes, predictor.metadata["threshold"]
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
                "probabilities": dict(zip(classes, row, strict=True)),
                "threshold": threshold,
                "needs_review": highest < floor,
            }
        )
    return responses


def add_routes(app: "FastAPI", predictor: Predictor, limits: "Limits", metrics: "Metrics") -> None:
    """Add `POST /predict` for the classes of the loaded model."""
    # FastAPI is imported by the process that serves, and by no other.
    from .toolkit.serving.image_route import add_image_route

    def predict(content: bytes) -> dict[str, Any]:
        response = predictor.predict_bytes(content)
        metrics.observe_class(response["prediction"], response["needs_review"])
        return stamp(response, predictor.version)

    example = predictor.metadata["example"]
    add_image_route(app, PATHS[0], predict, Prediction, example, "Classify one image")


load = partial(Predictor.load, from_spec=from_spec, respond=respond)
API = Api(load, add_routes, PATHS)


def predict_file(project: Project, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Score a folder of images, or one image, with the model that is served."""
    from .toolkit.batch.images import predict_folder

    return predict_folder(project, load, source, output)
