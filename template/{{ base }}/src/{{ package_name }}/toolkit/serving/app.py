"""The HTTP application of every role: health, model, metrics, pages, limits and errors."""

import logging
import time
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel

from ..project.errors import UserError
from ..project.settings import Project
from .api import Api, Predictor
from .errors import REFUSALS, add_handlers
from .front import put_in_front
from .limits import Limits, is_open
from .metrics import Metrics
from .pages import add_pages

logger = logging.getLogger(__name__)
_STARTED = time.monotonic()


class Health(BaseModel):
    """Whether the process is well; `degraded` is up without a model, or without the newest."""

    status: Literal["healthy", "degraded"]
    model_loaded: bool
    uptime_seconds: float
    detail: str | None = None


class Ready(BaseModel):
    """Whether predictions can be asked for."""

    status: Literal["ready"] = "ready"


def create_app(project: Project, api: Api, folder: Path, limits: Limits) -> FastAPI:
    """Build the application around the model bundle in `folder`.

    Without a usable bundle the service starts all the same, says so under `/health`, and answers
    503 where a model is needed.

    Parameters
    ----------
    project : Project
    api : Api
        What it answers.
    folder : Path
        The bundle that `train` writes.
    limits : Limits
        Bounds and the API keys.
    """
    try:
        predictor = api.load(folder)
    except UserError as error:
        logger.error("no model: %s", error)
        predictor = None
    return build_app(project, api, predictor, folder, limits)


def build_app(
    project: Project, api: Api, predictor: Predictor | None, folder: Path, limits: Limits
) -> FastAPI:
    """Build the application around a loaded model; see `create_app`."""
    version = predictor.version if predictor else ""
    app = FastAPI(
        title=project.name,
        version=version or "no model",
        description=project.description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would send callers to whatever host they named
    )
    known = {"/", "/health", "/ready", "/metrics", "/model", "/docs", "/openapi.json"}
    value_range = api.value_range(predictor) if predictor else None
    reports = folder.parent.parent / "reports"
    metrics = Metrics(known.union(api.paths), version, value_range, beside=reports)
    app.state.metrics, app.state.problem = metrics, None
    # Routes are matched in order, so the one that is asked most comes first.
    if predictor:
        api.add_routes(app, predictor, limits, metrics)
    else:
        _refuse_predictions(app, api.paths)
    _add_own_routes(app, predictor, metrics)
    add_pages(app)
    add_handlers(app)
    if limits.api_keys:
        _document_key(app)
    put_in_front(app, limits, metrics, version)
    return app


def _add_own_routes(app: FastAPI, predictor: Predictor | None, metrics: Metrics) -> None:
    @app.get("/health", summary="Is the process up", response_model_exclude_none=True)
    async def health() -> Health:
        problem = app.state.problem
        return Health(
            status="healthy" if predictor and problem is None else "degraded",
            model_loaded=predictor is not None,
            uptime_seconds=round(time.monotonic() - _STARTED, 3),
            detail=problem,
        )

    @app.get("/ready", responses={503: REFUSALS[503]}, summary="Is a model loaded")
    async def ready() -> Ready:
        _require(predictor)
        return Ready()

    for path, probe in (("/health", health), ("/ready", ready)):
        app.head(path, include_in_schema=False)(probe)

    @app.get("/model", responses=REFUSALS, summary="What the model is")
    async def model() -> dict[str, Any]:
        return _require(predictor).metadata

    @app.get("/metrics", summary="Prometheus metrics", response_class=Response)
    def exposition() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _require(predictor: Predictor | None) -> Predictor:
    if predictor is None:
        detail = "No model is loaded. Run `train`; the service takes the model up by itself."
        raise HTTPException(503, detail, {"Retry-After": "30"})
    return predictor


def _refuse_predictions(app: FastAPI, paths: tuple[str, ...]) -> None:
    for path in paths:

        @app.post(path, responses={503: REFUSALS[503]}, summary="No model is loaded")
        async def refuse() -> None:
            _require(None)


def _document_key(app: FastAPI) -> None:
    """Say in OpenAPI which operations want the key, so that `/docs` can send it."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        schema = describe()
        scheme = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
        schema.setdefault("components", {})["securitySchemes"] = {"ApiKey": scheme}
        for path, operations in schema["paths"].items():
            if not is_open(path):
                for operation in operations.values():
                    operation["security"] = [{"ApiKey": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
