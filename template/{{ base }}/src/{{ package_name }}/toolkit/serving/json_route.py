"""A route that hands the body's bytes to pydantic and sends the answer's bytes."""

import inspect
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool

from .errors import REFUSALS

_JSON = "application/json"


class JsonRoute(APIRoute):
    """FastAPI's route, with one step from bytes to model instead of three.

    FastAPI parses JSON to Python, validates that, then validates and serialises the answer; here
    pydantic's own parser reads the bytes, which also refuses lone surrogates and deep nesting.
    OpenAPI and the 422 body stay FastAPI's. As there, an `async def` endpoint runs in the event
    loop and a plain one, parsing included, in a thread.

    Raises
    ------
    TypeError
        When declared, if the endpoint takes anything but one body, since it would be ignored.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers a request."""
        taken = self.dependant.body_params
        if len(taken) != 1 or len(inspect.signature(self.endpoint).parameters) != 1:
            raise TypeError(f"{self.path}: a JsonRoute takes one body and nothing else.")
        model: Any = taken[0].field_info.annotation
        body = TypeAdapter[Any](model)
        endpoint = self.endpoint
        in_loop = inspect.iscoroutinefunction(endpoint)

        def answer(content: bytes) -> bytes:
            return to_json(endpoint(_parse(body, content)), inf_nan_mode="null")

        async def handle(request: Request) -> Response:
            _require_json(request)
            content = await request.body()
            if in_loop:
                answered = await endpoint(_parse(body, content))
                return Response(to_json(answered, inf_nan_mode="null"), 200, None, _JSON)
            return Response(await run_in_threadpool(answer, content), 200, None, _JSON)

        return handle


def add_json_route(
    app: FastAPI,
    path: str,
    endpoint: Callable[[Any], Any],
    body: type[BaseModel],
    response: type[BaseModel],
    example: dict[str, Any],
    summary: str,
) -> None:
    """Add a `JsonRoute` whose models are known only now that a bundle is loaded.

    Parameters
    ----------
    app : FastAPI
    path : str
    endpoint : callable
        Takes one argument called `body`.
    body, response : type of BaseModel
        What is read, and what is documented to come back.
    example : dict
        A valid body.
    summary : str
        What the API page calls it.
    """
    endpoint.__annotations__["body"] = documented_body(body, example)
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        response_model=response,
        responses=REFUSALS,
        route_class_override=JsonRoute,
        summary=summary,
    )


def documented_body(body: type[BaseModel], example: dict[str, Any]) -> Any:
    """The annotation of an argument that is the request's body, with an example."""
    return Annotated[body, Body(openapi_examples={"example": {"value": example}})]


def _require_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise HTTPException(415, "Send JSON, with the header `Content-Type: application/json`.")


def _parse(body: TypeAdapter[Any], content: bytes) -> Any:
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError as error:
        broken = {"type": "json_invalid", "loc": ("body",), "msg": f"Invalid JSON: {error}"}
        raise RequestValidationError([broken]) from None
    try:
        return body.validate_python(value)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        for problem in problems:
            problem["loc"] = ("body", *problem["loc"])
        raise RequestValidationError(problems) from None
