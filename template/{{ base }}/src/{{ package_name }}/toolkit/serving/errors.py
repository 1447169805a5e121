"""Error bodies: which field, which value, which bound; never a traceback or a path."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MOST_ERRORS = 100
LONGEST_TEXT = 200


class Problem(BaseModel):
    """What went wrong, in one sentence."""

    detail: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No `X-API-Key`, or a wrong one"},
    408: {"model": Problem, "description": "The body did not arrive in time"},
    413: {"model": Problem, "description": "The body is too large"},
    415: {"model": Problem, "description": "The body is of another type"},
    429: {"model": Problem, "description": "Too many requests of one caller (see `Retry-After`)"},
    503: {"model": Problem, "description": "Overloaded (see `Retry-After`), or no model"},
}


def add_handlers(app: FastAPI) -> None:
    """Give `app` the error bodies of this module."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        body: dict[str, Any] = {"detail": [_explain(each) for each in problems[:MOST_ERRORS]]}
        if len(problems) > MOST_ERRORS:
            body["omitted"] = len(problems) - MOST_ERRORS
        return JSONResponse(body, 422)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse({"detail": "The service failed; its log says why."}, 500)


def _explain(error: dict[str, Any]) -> dict[str, Any]:
    """One entry of FastAPI's 422 body, in values every JSON reader accepts."""
    shown = {
        "type": error["type"],
        "loc": [_show(part) for part in error["loc"]],
        "msg": _show(error["msg"]),
    }
    value = error.get("input")
    plain = value is None or isinstance(value, str | int | float | bool | date)
    if plain and error["type"] not in ("json_invalid", "missing"):
        shown["input"] = _show(value.isoformat() if isinstance(value, date) else value)
    if context := error.get("ctx"):
        shown["ctx"] = {name: _show(bound) for name, bound in context.items()}
    return shown


def _show(value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        digits = int(value.bit_length() * math.log10(2)) + 1
        return value if digits <= 20 else f"a number of about {digits} digits"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_show(part) for part in value[:50]]
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
