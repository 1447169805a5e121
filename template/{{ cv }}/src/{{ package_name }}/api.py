"""The routes that are this role's: one picture, sent as a file."""

import base64
import binascii
import os
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from .toolkit.images.decoding import DamagedImageError, NotAnImageError, TooManyPixelsError
from .toolkit.serving.answer import Answered, stamp
from .toolkit.serving.errors import REFUSALS
from .toolkit.serving.limits import Limits
from .toolkit.serving.metrics import Metrics
from .toolkit.images.predictor import Predictor

PATHS = ("/predict",)
MULTIPART = "multipart/form-data"
NOT_AN_IMAGE = "This is no PNG, JPEG, WebP or BMP picture."


class Prediction(Answered):
    """The answer to one picture."""

    prediction: str
    probabilities: dict[str, float] = Field(description="By class; they sum to 1")
    threshold: float | None = Field(
        description="With two classes: the probability from which the second is answered"
    )
    needs_review: bool = Field(description="Too uncertain to act on without a person")


def value_range(predictor: Predictor) -> tuple[float, float] | None:
    """No role of pictures answers a number."""
    return None


def add(app: FastAPI, predictor: Predictor, limits: Limits, metrics: Metrics) -> None:
    """Give `app` `POST /predict` for the classes of the loaded model."""
    # Decoding a large picture takes tens of megabytes: no more at a time than there are cores.
    at_once = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def predict(request: Request) -> dict[str, Any]:
        content = await _upload(request)
        try:
            answer = await anyio.to_thread.run_sync(
                predictor.predict_bytes, content, limiter=at_once
            )
        except NotAnImageError as error:
            raise HTTPException(415, str(error)) from None
        except TooManyPixelsError as error:
            raise HTTPException(413, str(error)) from None
        except DamagedImageError as error:
            raise _invalid("image_damaged", str(error)) from None
        metrics.observe_class(answer["prediction"], answer["needs_review"])
        return stamp(answer, predictor.version)

    app.router.add_api_route(
        PATHS[0],
        predict,
        methods=["POST"],
        response_model=Prediction,
        responses={**REFUSALS, 422: {"description": "No `file`, or a damaged picture"}},
        summary="Classify one picture",
        openapi_extra={"requestBody": _body(predictor.metadata["example"])},
    )


def _body(example: str) -> dict[str, Any]:
    field = {
        "type": "string",
        "format": "binary",
        "title": "Picture",
        "description": "A PNG, JPEG, WebP or BMP file; or its data URL as a text field",
    }
    schema = {"type": "object", "properties": {"file": field}, "required": ["file"]}
    examples = {"example": {"summary": "A training picture", "value": {"file": example}}}
    return {"required": True, "content": {MULTIPART: {"schema": schema, "examples": examples}}}


async def _upload(request: Request) -> bytes:
    """The bytes of the field `file`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        raise HTTPException(415, f"Send the picture as the field `file` of {MULTIPART}.")
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
