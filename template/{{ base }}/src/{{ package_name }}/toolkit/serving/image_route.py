"""A route that takes one image, as a file of a form or as the data URL in a field."""

import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from ..images.decoding import (
    NOT_AN_IMAGE,
    READ,
    DamagedImageError,
    NotAnImageError,
    TooManyPixelsError,
)
from ..project.telemetry import traced
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
    respond = traced("predict", endpoint)
    at_once = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def predict(request: Request) -> dict[str, Any]:
        try:
            async with _form(request) as form, at_once:
                # Read only now: until its turn comes, a large file lies on the disk.
                return await anyio.to_thread.run_sync(respond, await _upload(form))
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
        "description": f"A {READ} file; or its data URL as a text field",
    }
    schema = {"type": "object", "properties": {"file": field}, "required": ["file"]}
    examples = {"example": {"summary": "An image", "value": {"file": example}}}
    return {"required": True, "content": {MULTIPART: {"schema": schema, "examples": examples}}}


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    """The fields of the request; removed when the block ends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise HTTPException(415, f"Send the image as the field `file` of {MULTIPART}.")
    try:
        form = await request.form(max_files=1, max_fields=8)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise _invalid("multipart_invalid", f"Invalid form: {error.detail}") from None
    except (LookupError, UnicodeError):  # a charset that there is not, or that the text is not in
        raise _invalid("multipart_invalid", "Invalid form: its text cannot be read") from None
    try:
        yield form
    finally:
        await form.close()


async def _upload(form: FormData) -> bytes:
    """The bytes of the field `file`."""
    given = form.get("file")
    if given is None:
        raise _invalid("missing", "Field required")
    content = await given.read() if isinstance(given, UploadFile) else _from_data_url(given)
    if not content:
        raise _invalid("too_short", "The file is empty")
    return content


def _from_data_url(text: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise HTTPException(415, NOT_AN_IMAGE)
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise HTTPException(415, NOT_AN_IMAGE) from None


def _invalid(kind: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", "file"), "msg": message}])
