"""What a project answers over HTTP, as the application takes it; nothing here imports FastAPI."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .limits import Limits
    from .metrics import Metrics


class Predictor(Protocol):
    """A loaded model bundle."""

    @property
    def version(self) -> str:
        """The model's version."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What `/model` answers."""


@dataclass(frozen=True)
class Api:
    """What a project answers over HTTP.

    Attributes
    ----------
    load : callable
        From a bundle's folder to a `Predictor`.
    add_routes : callable
        Gives the application its routes: takes it, the predictor, the limits and the metrics.
    paths : tuple of str
        The routes that need a model.
    value_range : callable
        The range of a numeric target in training, or None, from the predictor.
    """

    load: Callable[[Path], Predictor]
    add_routes: Callable[["FastAPI", Any, "Limits", "Metrics"], None]
    paths: tuple[str, ...]
    value_range: Callable[[Any], tuple[float, float] | None] = lambda predictor: None


class Answered(BaseModel):
    """Which model answered, and when."""

    model_version: str
    prediction_timestamp: datetime


def stamp(response: dict[str, Any], version: str) -> dict[str, Any]:
    """Return `response` with the model's version and the time in UTC."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {**response, "model_version": version, "prediction_timestamp": now}
