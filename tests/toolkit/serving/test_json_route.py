"""The plain model of a body is what answers; the other one reads only what it refuses."""

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from toolkit.serving.json_route import JsonEndpoint


class Plain(BaseModel):
    n: float = Field(strict=True)


class Lenient(BaseModel):
    n: float


def test_what_is_nearly_always_sent_is_read_by_the_plain_model():
    endpoint = JsonEndpoint(Lenient, lambda body: body.n, in_loop=True, plain=Plain)
    assert type(endpoint.read(b'{"n": 1}')) is Plain
    assert type(endpoint.read(b'{"n": "1"}')) is Lenient
    assert endpoint(b'{"n": "1"}') == endpoint(b'{"n": 1}') == b"1.0"
    with pytest.raises(RequestValidationError) as refused:
        endpoint.read(b'{"n": "a"}')
    # Said once, and as the lenient model says it.
    assert [error["type"] for error in refused.value.errors()] == ["float_parsing"]
