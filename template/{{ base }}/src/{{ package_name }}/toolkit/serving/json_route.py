"""A route that hands the body's bytes to pydantic and sends the answer's bytes."""

import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Body, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.concurrency import run_in_threadpool

from ..project.telemetry import traced
from .errors import REFUSALS

JSON = "application/json"


class JsonEndpoint:
    """From a body's bytes to the answer's bytes.

    FastAPI parses JSON to Python, validates that, then validates and serialises the answer; here
    pydantic's own parser reads the bytes, which also refuses lone surrogates and deep nesting.

    Parameters
    ----------
    model : type
        What the body is.
    endpoint : callable
        From a validated body to an answer that JSON can hold.
    in_loop : bool
        Whether it answers sooner than a thread could be woken, and so runs in the event loop.
    plain : type, optional
        A stricter model of the body, tried first because it is faster.
    """

    def __init__(
        self, model: Any, endpoint: Callable[[Any], Any], in_loop: bool, plain: Any = None
    ) -> None:
        self._validate = TypeAdapter[Any](model).validator.validate_python
        self._plain = TypeAdapter[Any](plain).validator.validate_json if plain else None
        self._read = traced("validate", self.read)
        self._endpoint = traced("predict", endpoint)
        self.in_loop = in_loop

    def __call__(self, content: bytes) -> bytes:
        """Answer a body; raises as `read` does."""
        return to_json(self._endpoint(self._read(content)), inf_nan_mode="null")

    def read(self, content: bytes) -> Any:
        """The validated body.

        Raises
        ------
        RequestValidationError
            If it is no valid body.
        """
        # Straight from the bytes: 5 microseconds a record instead of 11 by way of Python's dicts. What is
        # ignored is not looked at there, and may hold what is no JSON.
        if self._plain and b"NaN" not in content and b"Infinity" not in content:
            with suppress(ValidationError):
                return self._plain(content)
        try:
            return self._validate(from_json(content, allow_inf_nan=False))
        except ValidationError as error:
            problems = error.errors(include_url=False)
            for problem in problems:
                problem["loc"] = ("body", *problem["loc"])
            raise RequestValidationError(problems) from None
        except ValueError as error:
            broken = {"type": "json_invalid", "loc": ("body",), "msg": f"Invalid JSON: {error}"}
            raise RequestValidationError([broken]) from None


class JsonRoute(APIRoute):
    """FastAPI's route around a `JsonEndpoint`; OpenAPI and the body of a 422 stay FastAPI's."""

    answer: JsonEndpoint  # of the class, since FastAPI asks for the handler while it is built

    @property
    def direct(self) -> JsonEndpoint | None:
        """What may answer without FastAPI: an endpoint in the event loop that depends on nothing."""
        return self.answer if self.answer.in_loop and not self.dependencies else None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers a request."""

        async def handle(request: Request) -> Response:
            require_json(request)
            content = await request.body()
            if self.answer.in_loop:
                return Response(self.answer(content), 200, None, JSON)
            return Response(await run_in_threadpool(self.answer, content), 200, None, JSON)

        return handle


def add_json_route(
    app: FastAPI,
    path: str,
    endpoint: Callable[[Any], Any],
    body: type[BaseModel],
    response: type[BaseModel],
    example: dict[str, Any],
    summary: str,
    in_loop: bool = False,
    plain: type[BaseModel] | None = None,
) -> None:
    """Add a `JsonRoute` whose models are known only now that a bundle is loaded.

    Parameters
    ----------
    app : FastAPI
    path : str
    endpoint : callable
        From a validated body to what JSON can hold. It takes this one argument: what FastAPI would
        inject besides (a dependency, a header) has no way in.
    body, response : type of BaseModel
        What is read, and what is documented to come back.
    example : dict
        A valid body.
    summary : str
        What the API page calls it.
    in_loop : bool
        Whether it answers sooner than a thread could be woken; see `JsonEndpoint`.
    plain : type of BaseModel, optional
        A stricter and faster model of the body, tried first.

    Raises
    ------
    TypeError
        If the endpoint takes anything but one body, which would be ignored.
    """
    if len(inspect.signature(endpoint).parameters) != 1 or inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{path}: a JSON endpoint is a plain function of one body, nothing else.")

    # What FastAPI reads the request from; a docstring would be told to callers.
    def documented(body: Any) -> None: ...

    documented.__annotations__["body"] = documented_body(body, example)
    answer = JsonEndpoint(body, endpoint, in_loop, plain)
    app.router.add_api_route(
        path,
        documented,
        methods=["POST"],
        response_model=response,
        responses=REFUSALS,
        route_class_override=type("Route", (JsonRoute,), {"answer": answer}),
        summary=summary,
        name=endpoint.__name__,
    )


def documented_body(body: type[BaseModel], example: dict[str, Any]) -> Any:
    """The annotation of an argument that is the request's body, with an example."""
    return Annotated[body, Body(openapi_examples={"example": {"value": example}})]


def require_json(request: Request) -> None:
    """Refuse a body that is not said to be JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise HTTPException(415, "Send JSON, with the header `Content-Type: application/json`.")
