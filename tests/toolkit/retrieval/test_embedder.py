"""The embedder that comes in packages, and one behind an endpoint."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from toolkit.retrieval.embedder import FILES, Embedder, EmbedderUnavailable


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Embedder, Path]:
    folder = tmp_path_factory.mktemp("cache")
    return Embedder.get("all-MiniLM-L6-v2", folder, 1), folder


def test_the_packaged_embedder_knows_words_of_one_meaning(minilm: tuple[Embedder, Path]) -> None:
    car, near, far = minilm[0].vectors(["a fast car", "a speedy automobile", "boiled potatoes"])
    assert car.shape == (384,)
    assert np.linalg.norm(car) == pytest.approx(1, abs=1e-5)
    assert car @ near > 0.6 > 0.3 > car @ far


def test_an_embedder_written_into_a_bundle_gives_the_same_vectors(
    minilm: tuple[Embedder, Path], tmp_path: Path
) -> None:
    embedder = minilm[0]
    loaded = Embedder.load(tmp_path, embedder.save(tmp_path))
    asked = "a sentence"
    np.testing.assert_allclose(loaded.vector(asked), embedder.vector(asked), atol=1e-6)


def test_damaged_weights_are_not_used(minilm: tuple[Embedder, Path], tmp_path: Path) -> None:
    spec = minilm[0].save(tmp_path)
    file = tmp_path / "embedder" / "model.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(EmbedderUnavailable, match="damaged"):
        Embedder.load(tmp_path, spec)


def test_weights_that_no_package_brings_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, (_, digest) = next(iter(FILES.items()))
    monkeypatch.setitem(FILES, name, (("no_such_package", ""), digest))
    with pytest.raises(EmbedderUnavailable, match="no-such-package is not installed"):
        Embedder.get("all-MiniLM-L6-v2", tmp_path, 1)


class Endpoint(BaseHTTPRequestHandler):
    """Speaks the part of OpenAI's API that gives embeddings; fails when told to."""

    asked: ClassVar[list[list[str]]] = []
    fails = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body["input"])
        rows = [{"index": n, "embedding": [len(t), 3.0]} for n, t in enumerate(body["input"])]
        content = json.dumps({"data": rows, "model": body["model"], "usage": {}}).encode()
        self.send_response(400 if self.fails else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *told: object) -> None:
        """Nothing."""


def test_an_endpoint_gives_vectors_and_its_faults_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra llm is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setattr(Endpoint, "asked", [])
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1"
        embedder = Embedder.get("endpoint:tiny", tmp_path, None, address)
        found = list(embedder.vectors(["1234", *["x"] * 99]))
        assert [len(texts) for texts in Endpoint.asked] == [64, 36]
        np.testing.assert_allclose(found[0], [0.8, 0.6], rtol=1e-6)
        assert len(found) == 100
        monkeypatch.setattr(Endpoint, "fails", True)
        with pytest.raises(EmbedderUnavailable, match="endpoint failed"):
            embedder.vector("again")
    finally:
        server.shutdown()
        server.server_close()
