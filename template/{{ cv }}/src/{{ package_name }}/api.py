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
from .toolkit.training.decisions import doubt

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .toolkit.serving.api import InBrowser
    from .toolkit.serving.limits import Limits
    from .toolkit.serving.metrics import Metrics

PATHS = ("/predict", "/explain")


class Prediction(Answered):
    """The response to one image."""

    prediction: str
    probabilities: dict[str, float] = Field(description="By class; they sum to 1")
    threshold: float | None = Field(
        description="With two classes: the probability from which the second is predicted"
    )
    needs_review: bool = Field(
        description="Among the predictions in most doubt; off where a look at them does not pay"
    )
    warnings: list[str] = Field(description="About the file, such as an end that is missing")


class Explanation(Answered):
    """Where the model looks."""

    explained: str = Field(description="The class whose probability it is")
    value: float
    map: list[list[float]] = Field(
        description="Rows of 8 by 8 parts: how far the probability falls where one is covered"
    )


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
    review = predictor.metadata["review"]
    responses = []
    for row in outputs.tolist():
        chosen = row.index(max(row))
        if threshold is not None:  # the positive class is the second of two
            chosen = 1 if row[1] >= threshold else 0
        responses.append(
            {
                "prediction": classes[chosen],
                "probabilities": dict(zip(classes, row, strict=True)),
                "threshold": threshold,
                "needs_review": review["on"] and doubt(row, review["costs"]) > review["cutoff"],
            }
        )
    return responses


def add_routes(app: "FastAPI", predictor: Predictor, limits: "Limits", metrics: "Metrics") -> None:
    """Add `POST /predict` and `POST /explain` for the classes of the loaded model."""
    # FastAPI is imported by the process that serves, and by no other.
    from .toolkit.serving.image_route import add_image_route

    def predict(content: bytes) -> dict[str, Any]:
        response = predictor.predict_bytes(content)
        metrics.observe_class(response["prediction"], response["needs_review"])
        return stamp(response, predictor.version)

    def explain(content: bytes) -> dict[str, Any]:
        return stamp(predictor.explain_bytes(content), predictor.version)

    example = predictor.metadata["example"]
    add_image_route(app, PATHS[0], predict, Prediction, example, "Classify one image")
    summary = "Say where in an image the model looks"
    add_image_route(app, PATHS[1], explain, Explanation, example, summary)


def in_browser() -> "InBrowser":
    """What puts the model into the site's try-it page."""
    from .toolkit.site import images

    return images


load = partial(Predictor.load, from_spec=from_spec, respond=respond)
API = Api(load, add_routes, PATHS, in_browser=in_browser)


def predict_file(project: Project, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Score a folder of images, or one image, with the model that is served."""
    from .toolkit.batch.images import predict_folder

    return predict_folder(project, load, source, output)


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The images of the test set as `bench` sends them: content type and body of each."""
    from .toolkit.batch.images import bench_requests

    return bench_requests(project)
