"""Pictures and forms that nobody's camera wrote: refused or answered, and without the inside."""

import io
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cv.settings import Params
from fastapi.testclient import TestClient
from PIL import Image
from promised import check_promises
from small_images import application, save_bundle
from toolkit.images import decoding
from toolkit.serving.limits import Limits

INSIDE = re.compile(r"Traceback|site-packages|\.py\b|/tmp/|/root/|/home/")
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8))


def saved(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PICTURE.save(buffer, kind, **options)
    return buffer.getvalue()


PICTURES = [
    saved("PNG"), saved("JPEG"), saved("JPEG", progressive=True), saved("WEBP"), saved("BMP"),
    saved("PNG", exif=b"Exif\0\0" + bytes(20)), saved("WEBP", lossless=True),
]  # fmt: skip
HEADS = [
    b'form-data; name="file"; filename="x.png"', b'form-data; name="file"; filename="../../etc/passwd"',
    b'form-data; name="file"', b'form-data; name="file"; filename*=utf-8\'\'%ff', b'form-data; name=""',
    b'form-data; name="file"; filename=""', b"form-data", b'form-data; name="f\xc3\xa9"; filename="\xff"',
]  # fmt: skip
KINDS = [
    b"multipart/form-data; boundary=a", b"multipart/form-data; boundary=a; charset=undefined",
    b"multipart/form-data; boundary=a; charset=idna", b"multipart/form-data", b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=" + b"a" * 300, b"multipart/form-data; boundary=\xe9", b"image/png",
]  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    app = application(save_bundle(tmp_path_factory.mktemp("bright")), Limits(max_body_mb=0.5))
    return TestClient(app, raise_server_exceptions=False)


def flipped(random_: random.Random) -> bytes:
    """A picture with flipped bits, cut short, or grown into another one."""
    content = bytearray(random_.choice(PICTURES))
    for _ in range(random_.randint(0, 8)):
        content[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
    match random_.randrange(6):
        case 0:
            del content[random_.randrange(len(content)) :]
        case 1:
            content += random_.choice(PICTURES) + b"PK\x03\x04<script>"
        case 2:
            content[16:24] = random_.randbytes(8)  # where formats have their sizes
    return bytes(content)


@pytest.mark.parametrize(
    "uploads", [600, pytest.param(10_000, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_no_upload_is_a_failure_or_a_look_inside(client: Any, uploads: int) -> None:
    random_ = random.Random(0)
    statuses = set()
    for _ in range(uploads):
        content = flipped(random_)
        if random_.random() < 0.2:
            content = b"data:image/png;base64," + random_.choice([b"\xc3\xa9", b"AAA", content])
        head, kind = HEADS[0], KINDS[0]
        if random_.random() < 0.4:
            head, kind = random_.choice(HEADS), random_.choice(KINDS)
        body = b"--a\r\nContent-Disposition: " + head + b"\r\n\r\n" + content + b"\r\n--a--\r\n"
        if random_.random() < 0.1:
            body = body[: random_.randrange(len(body))]
        response = client.post("/predict", content=body, headers={"Content-Type": kind})
        statuses.add(response.status_code)
        assert response.status_code in (200, 413, 415, 422), (kind, body, response.text)
        assert not INSIDE.search(response.text), (kind, body, response.text)
    assert statuses == {200, 413, 415, 422}


def test_scans_beyond_what_encoders_write_are_not_decoded(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 100 kB with 400 scans of 24 megapixels takes 20 seconds to decode."""
    whole = saved("JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    many = whole[:-2] + whole[last:-2] * 400 + whole[-2:]
    response = client.post("/predict", files={"file": many})
    assert response.status_code == 422
    assert "more than 32 scans" in response.text
    # Neither a film behind the picture nor what its tags hold is a scan.
    for content in (whole + b"\xff\xda" * 99, saved("JPEG", exif=b"Exif\0\0" + b"\xff\xda" * 99)):
        assert client.post("/predict", files={"file": content}).status_code == 200
    monkeypatch.setattr(decoding, "MOST_SCANS", 9)  # one less than an encoder writes
    assert client.post("/predict", files={"file": whole}).status_code == 422


@pytest.mark.parametrize(
    "examples", [40, pytest.param(300, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_what_openapi_promises_is_kept(tmp_path: Path, examples: int) -> None:
    app = application(save_bundle(tmp_path), Limits(**Params().serving.model_dump()))
    random_ = random.Random(0)

    def mended(case: Any) -> None:
        case.body = {"file": random_.choice(PICTURES)}  # JSON Schema cannot say what a picture is

    seen = check_promises(app, examples, mended)
    assert {200} < seen["POST /predict"] <= {200, 415, 422}
