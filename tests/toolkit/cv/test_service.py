"""The service of a small model, built here: the second class is what is bright."""

import asyncio
import base64
import csv
import io
import json
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cv.api import load, predict_file
from cv.settings import PROJECT, Params
from fastapi.testclient import TestClient
from PIL import Image
from running import running
from small_images import BRIGHT, DARK, application, png, save_bundle
from toolkit.benchmark.load import request_of as load_of
from toolkit.project.errors import UserError
from toolkit.serving.limits import Limits


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("bright"))


@pytest.fixture(scope="module")
def client(bundle: Path) -> TestClient:
    app = application(bundle, Limits(max_body_mb=0.5))
    return TestClient(app, raise_server_exceptions=False)


def send(client: TestClient, content: bytes, name: str = "x.png") -> Any:
    return client.post("/predict", files={"file": (name, content)})


def probability(mean: float) -> float:
    return float(1 / (1 + np.exp(2 - 4 * mean)))


def test_one_image_is_answered_with_everything_promised(client: TestClient) -> None:
    response = send(client, png(BRIGHT))
    answer = response.json()
    assert response.status_code == 200, response.text
    assert answer["prediction"] == "bright"
    assert answer["probabilities"]["bright"] == pytest.approx(probability(1), abs=1e-6)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    assert answer["threshold"] == 0.3
    assert answer["needs_review"] is False
    assert answer["model_version"] == "v1"
    assert answer["prediction_timestamp"].endswith(("Z", "+00:00"))


def test_the_threshold_decides_and_the_floor_asks_for_a_person(client: TestClient) -> None:
    grey = Image.new("RGB", (9, 9), (110,) * 3)
    answer = send(client, png(grey)).json()
    assert 0.3 < answer["probabilities"]["bright"] < 0.5
    assert answer["prediction"] == "bright"
    assert answer["needs_review"] is True


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"just text", 415, "not a PNG"),
        (b"GIF88a" + bytes(50), 415, "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a PNG"),
        (png(BRIGHT)[:-30], 422, "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(100), 422, "damaged"),
        (png(Image.new("RGB", (1001, 1000))), 413, "1,001 x 1,000"),
        (bytes(600_000), 413, "0.5 MiB"),
    ],
)
def test_what_is_not_an_image_is_refused_for_what_it_is(
    client: TestClient, content: bytes, status: int, words: str
) -> None:
    response = send(client, content)
    assert response.status_code == status, response.text
    assert words in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"files": {"other": b"x"}}, 422),
        ({"data": {"file": "hello"}, "files": {"other": b"x"}}, 415),
        ({"json": {"file": "x"}}, 415),
        ({"content": png(BRIGHT), "headers": {"Content-Type": "image/png"}}, 415),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 422),
        ({"files": [("file", png(BRIGHT)), ("file", png(DARK))]}, 422),
        ({}, 415),
    ],
)
def test_a_request_of_another_form_is_refused(
    client: TestClient, sent: dict[str, Any], status: int
) -> None:
    response = client.post("/predict", **sent)
    assert response.status_code == status, response.text


def test_no_damage_is_a_failure_of_the_service(client: TestClient) -> None:
    rng = np.random.default_rng(0)
    whole = png(Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)))
    for _ in range(150):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        content[rng.integers(0, len(content))] = rng.integers(0, 256)
        assert send(client, bytes(content)).status_code in {200, 413, 415, 422}


def test_the_documented_example_is_a_valid_request(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    content = paths["/predict"]["post"]["requestBody"]["content"]["multipart/form-data"]
    value = content["examples"]["example"]["value"]
    as_text = client.post("/predict", data=value, files={"ignored": b""})
    assert as_text.status_code == 200, as_text.text
    as_file = send(client, base64.b64decode(value["file"].partition(",")[2]))
    assert as_file.json()["probabilities"] == as_text.json()["probabilities"]


def test_predictions_and_refusals_are_counted(client: TestClient) -> None:
    send(client, png(BRIGHT))
    send(client, b"just text")
    text = client.get("/metrics").text
    assert 'predictions_total{class="bright"}' in text
    assert 'rejected_inputs_total{status="415"}' in text
    assert "http_request_duration_seconds_bucket" in text


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_image_of_one_pixel_is_an_image(client: TestClient, mode: str) -> None:
    assert send(client, png(Image.new(mode, (1, 1)))).status_code == 200


def test_the_name_of_a_file_says_nothing(client: TestClient) -> None:
    assert send(client, png(BRIGHT), "../../../etc/passwd").status_code == 200
    assert send(client, b"text", "photo.png").status_code == 415


def test_many_at_once_are_all_answered_rightly(bundle: Path) -> None:
    import httpx2

    app = application(bundle, Limits())

    async def ask() -> list[Any]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as many:
            images = [png(Image.new("RGB", (20, 20), (i,) * 3)) for i in range(0, 240, 6)]
            return await asyncio.gather(
                *(many.post("/predict", files={"file": content}) for content in images)
            )

    shares = [answer.json()["probabilities"]["bright"] for answer in asyncio.run(ask())]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(probability(0), abs=1e-6)


def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    folder = save_bundle(tmp_path / "bundle")
    (folder / "model.onnx").write_bytes(b"broken")
    with pytest.raises(UserError, match="Run `train` again"):
        load(folder)


def test_the_service_imports_nothing_of_the_training() -> None:
    script = (
        "import sys; import layers; layers.install(); import cv.api; "
        "from toolkit.serving import app, image_route, server; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "skorch", "sklearn", "pandas", "scipy", "matplotlib", "mlflow", "onnx"}
    assert not heavy & set(done.stdout.split())


def test_a_folder_is_answered_as_the_service_answers(bundle: Path, tmp_path: Path) -> None:
    project = replace(PROJECT, root=tmp_path / "project")
    shutil.copytree(bundle, project.root / "models/current")
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.png").write_bytes(png(DARK))
    (folder / "b.jpg").write_bytes(b"broken")
    (folder / 'deep/eine große 图片, "2".png').write_bytes(png(BRIGHT))
    (folder / "notes.txt").write_text("not read")
    output = tmp_path / "answers.csv"
    result = predict_file(project, Params(), folder, output)
    assert result == {"rows": 3, "bad": 1, "ignored": ["notes.txt"]}
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a.png", "b.jpg", 'deep/eine große 图片, "2".png']
    assert [row["row"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["error"].startswith("This is not a PNG")
    assert not rows[1]["prediction"]
    app = application(bundle, Limits())
    answer = send(TestClient(app), png(BRIGHT)).json()
    assert rows[2]["prediction"] == answer["prediction"]
    for label, share in answer["probabilities"].items():
        assert float(rows[2][f"probability_{label}"]) == pytest.approx(share, abs=1e-6)
    for wrong, words in ((tmp_path / "no", "neither"), (folder / "deep/none", "neither")):
        with pytest.raises(UserError, match=words):
            predict_file(project, Params(), wrong, output)
    with pytest.raises(UserError, match=r"end it in \.csv"):
        predict_file(project, Params(), folder, tmp_path / "answers.txt")


def test_the_page_takes_a_file_by_hand_by_drop_or_by_camera(client: TestClient) -> None:
    page = client.get("/").text
    for word in ("dragover", "paste", "getUserMedia", 'type: "file"'):
        assert word in page


def test_a_large_jpeg_is_decoded_small(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (990, 990), "white").save(buffer, "JPEG")
    assert send(client, buffer.getvalue()).json()["prediction"] == "bright"


def test_a_jpeg_without_its_end_is_answered_with_a_warning(client: TestClient) -> None:
    buffer = io.BytesIO()
    BRIGHT.resize((64, 64)).save(buffer, "JPEG")
    answered = client.post("/predict", files={"file": buffer.getvalue()[:-2]})
    assert answered.status_code == 200
    assert answered.json()["prediction"] == "bright"
    assert "lacks its end" in answered.json()["warnings"][0]
    whole = client.post("/predict", files={"file": buffer.getvalue()}).json()
    assert whole["warnings"] == []
    assert whole["probabilities"] == answered.json()["probabilities"]


def memory(field: str) -> float:
    """MiB of this process (Linux)."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{field}:")[2].split()[0]) / 1024


@pytest.mark.long
def test_many_large_uploads_at_once_take_the_memory_of_a_few(tmp_path: Path) -> None:
    """64 of 24 megapixels: bodies wait on the disk, and no more are decoded than there are cores."""
    path = save_bundle(tmp_path) / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["schema"]["image"]["max_megapixels"] = 30
    path.write_text(json.dumps(metadata))
    noise = np.random.default_rng(0).integers(0, 255, (250, 375, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((6000, 4000))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=97)
    content = buffer.getvalue()
    assert 7e6 < len(content) < 10e6
    del image, buffer
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    form = load_of("/predict", "multipart/form-data; boundary=x", head + content + b"\r\n--x--\r\n")

    def upload(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, timeout=300) as asking:
            asking.sendall(form)
            return asking.recv(4096)[9:12]

    app = application(tmp_path, Limits())
    with running(app) as address, ThreadPoolExecutor(64) as pool:
        assert list(pool.map(upload, [address] * 4)) == [b"200"] * 4
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # so that the peak is counted from here
        assert set(pool.map(upload, [address] * 64)) == {b"200"}
        peak, after = memory("VmHWM") - before, memory("VmRSS") - before
    # 176 and 114 on two cores, the threads that ask included; the bodies alone are 512.
    assert peak < 350
    assert after < 250
