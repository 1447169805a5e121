"""A route that takes one image, as a file of a form or as the data URL in a field."""

import base64
import binascii
import os
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from ..images.decoding import (
    NOT_AN_IMAGE,
    DamagedImageError,
    NotAnImageError,
    TooManyPixelsError,
)
from .errors import REFUSALS

MULTIPART = "multipart/form-data"


def add_image_route(
    app: FastAPI,
    path: str,
    endpoint: Callable[[bytes], dict[str, Any]],
    response: type[BaseModel],
    example: str,
    summary: str,
) -> None:
    """Add a `POST` route for one image.

    Parameters
    ----------
    app : FastAPI
    path : str
    endpoint : callable
        From the bytes of a file to the response; called in a thread, and raises as `decode` does.
    response : type of BaseModel
        What is documented to come back.
    example : str
        A valid image as a data URL.
    summary : str
        What the API page calls it.
    """
    # Decoding a large image takes tens of megabytes: no more at a time than there are cores.
    at_once = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def predict(request: Request) -> dict[str, Any]:
        content = await _upload(request)
        try:
            return await anyio.to_thread.run_sync(endpoint, content, limiter=at_once)
        except NotAnImageError as error:
            raise HTTPException(415, str(error)) from None
        except TooManyPixelsError as error:
            raise HTTPException(413, str(error)) from None
        except DamagedImageError as error:
            raise _invalid("image_damaged", str(error)) from None

    app.router.add_api_route(
        path,
        predict,
        methods=["POST"],
        response_model=response,
        responses={**REFUSALS, 422: {"description": "No `file`, or a damaged image"}},
        summary=summary,
        openapi_extra={"requestBody": _body(example)},
    )


def _body(example: str) -> dict[str, Any]:
    field = {
        "type": "string",
        "format": "binary",
        "title": "Image",
        "description": "A PNG, JPEG, WebP or BMP file; or its data URL as a text field",
    }
    schema = {"type": "object", "properties": {"file": field}, "required": ["file"]}
    examples = {"example": {"summary": "A training image", "value": {"file": example}}}
    return {"required": True, "content": {MULTIPART: {"schema": schema, "examples": examples}}}


async def _upload(request: Request) -> bytes:
    """The bytes of the field `file`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise HTTPException(415, f"Send the image as the field `file` of {MULTIPART}.")
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            given = form.get("file")
            if isinstance(given, UploadFile):
                content = await given.read()
            elif isinstance(given, str):
                content = _from_data_url(given)
            else:
                raise _invalid("missing", "Field required")
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise _invalid("multipart_invalid", f"Invalid form: {error.detail}") from None
    if not content:
        raise _invalid("too_short", "The file is empty")
    return content


def _from_data_url(text: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise HTTPException(415, NOT_AN_IMAGE)
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise HTTPException(415, NOT_AN_IMAGE) from None


def _invalid(kind: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", "file"), "msg": message}])
