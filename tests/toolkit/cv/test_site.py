"""The site of the cv role: images resized, described and answered in JavaScript as in Python."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe import violations
from chromium import browser
from cv.api import API
from cv.features import Hog, Pixels
from cv.settings import PROJECT
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from small_images import CLASSES, drawn, png, save_bundle
from static import finish, served
from toolkit.image_models.extractors import RawPixels
from toolkit.image_models.occlusion import occlusion
from toolkit.images.decoding import resized
from toolkit.project.errors import UserError
from toolkit.project.files import read_json, write_json
from toolkit.site import build
from toolkit.site.page import ask_in_node
from toolkit.site.runtime import HERE, run

SIZES = [(300, 300), (37, 120), (5, 3), (700, 90), (16, 16), (64, 31)]


def frozen_bundle(folder: Path) -> None:
    """Two graphs: a backbone that takes means by channel, and a model of them."""
    mean = helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"])
    flat = helper.make_node("Flatten", ["pooled"], ["features"])
    shapes = [("pixels", [None, 3, 12, 12]), ("features", [None, 3])]
    given, found = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes)
    graph = helper.make_graph([mean, flat], "backbone", [given], [found])
    options = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8}
    backbone = helper.make_model(graph, **options)
    (folder / "backbone.onnx").write_bytes(backbone.SerializeToString())
    weights = np.float32([[0.01, 0, -0.01], [0, 0.02, -0.02], [-0.01, 0, 0.01]])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    shapes = [("x", [None, 3]), ("probabilities", [None, 3])]
    given, found = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes)
    graph = helper.make_graph(nodes, "m", [given], [found], [numpy_helper.from_array(weights, "w")])
    (folder / "model.onnx").write_bytes(helper.make_model(graph, **options).SerializeToString())
    metadata = read_json(folder / "metadata.json", "train")
    metadata["view"] = {"kind": "frozen", "backbone": "means", "side": 12}
    metadata["classes"] = list(CLASSES)
    metadata["threshold"], metadata["review"]["costs"] = None, None
    write_json(folder / "metadata.json", metadata)


def finished(root: Path, frozen: bool = False, notice: str = "") -> Any:
    """A project after its run."""
    finish(root)
    folder, rng = save_bundle(root / "models" / "current"), np.random.default_rng(0)
    if frozen:
        frozen_bundle(folder)
    entries = []
    for row in range(30):
        image = drawn(CLASSES[row % 3], rng, side=24 + row)
        if row % 2:
            image = Image.blend(image, Image.new("RGB", image.size, "white"), 0.7)
        (root / "data" / "raw").mkdir(parents=True, exist_ok=True)
        (root / "data" / "raw" / f"{row}.png").write_bytes(png(image))
        entries.append({"file": f"data/raw/{row}.png", "class": CLASSES[row % 3]})
    classes = read_json(folder / "metadata.json", "train")["classes"]
    write_json(root / "data" / "test.json", {"classes": classes, "pictures": entries})
    about = {"notice": notice} if notice else {}
    write_json(root / "reports" / "data.json", {"about": about, "source": "shapes (CC0)"})
    return replace(PROJECT, root=root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = finished(tmp_path_factory.mktemp("site"))
    build.build(project, API, lambda line: None)
    return project


def in_node(script: str, images: list[Image.Image], folder: Path) -> Any:
    """What a script makes of `images`; it may use what images.js exports."""
    write_json(
        folder / "images.json",
        [[*image.size, base64.b64encode(image.tobytes()).decode()] for image in images],
    )
    (folder / "ask.mjs").write_text(
        f'import * as site from "{HERE.as_uri()}/images.js";\n'
        'import { readFileSync } from "node:fs";\n'
        f'const images = JSON.parse(readFileSync("{folder}/images.json")).map(([width, height, data]) => (\n'
        '  { width, height, channels: 3, data: Buffer.from(data, "base64") }));\n'
        f"process.stdout.write(JSON.stringify({script}));\n"
    )
    return json.loads(run("node", str(folder / "ask.mjs")))


def noise() -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [
        Image.fromarray(rng.integers(0, 256, (high, wide, 3), dtype=np.uint8))
        for wide, high in SIZES
    ]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("side", [16, 48, 224])
def test_a_resize_is_pillows(mode: str, side: int, tmp_path: Path) -> None:
    of = "image" if mode == "RGB" else "site.grey(image)"
    script = f"images.map((image) => [...site.resized({of}, {side}, {side}).data])"
    found = in_node(script, noise(), tmp_path)
    for image, pixels in zip(noise(), found, strict=True):
        levels = np.abs(np.asarray(resized(image, side, mode)).ravel().astype(int) - pixels)
        # Of what is far higher than wide, Pillow 13 takes the columns first, which rounds otherwise.
        assert levels.max() <= (image.height > 2 * image.width)


@pytest.mark.parametrize("extractor", [Hog(48), Hog(64), Pixels("L"), RawPixels("RGB", 8)])
def test_features_are_those_of_the_service(extractor: Any, tmp_path: Path) -> None:
    view = json.dumps(extractor.spec)
    script = (
        f"await Promise.all(images.map(async (image) => "
        f"[...await new site.Model(null, {{ view: {view} }}).described(image)]))"
    )
    found = in_node(script, noise(), tmp_path)
    expected = [extractor.inputs(extractor.extract(image)[None])[0] for image in noise()]
    apart = [
        np.abs(np.array(one) - other).max() for one, other in zip(found, expected, strict=True)
    ]
    assert max(np.delete(apart, SIZES.index((37, 120)))) <= 1e-5
    assert max(apart) <= 0.03


def test_the_page_answers_alike(project: Any) -> None:
    result = read_json(project.root / "reports" / "site.json", "site")
    assert result["rows"] == 30
    assert result["explained"] == 2
    assert result["largest_difference"] < 1e-6
    assert result["explanation_difference"] < 1e-6


def test_features_of_a_network_are_answered_alike_and_large_images_too(tmp_path: Path) -> None:
    project = finished(tmp_path, frozen=True)
    assert build.build(project, API, lambda line: None)["largest_difference"] < 1e-6
    wide = drawn("disc", np.random.default_rng(2), side=1100).resize((1100, 700))
    record = {"width": 1100, "height": 700, "channels": 3, "start": 0, "end": 3 * 1100 * 700}
    told = ask_in_node(tmp_path / "site" / "try", [record], 1, wide.tobytes())
    expected: Any = API.load(tmp_path / "models" / "current")
    shares = expected.outputs([wide])[0]
    heat = occlusion(wide, int(shares.argmax()), expected.outputs)
    assert np.abs(np.array(told["explanations"][0]["map"]) - heat).max() < 1e-6


def test_no_image_of_the_owner_is_in_the_page(project: Any) -> None:
    form = (project.root / "site" / "try" / "form.json").read_text("utf-8")
    assert "Drawn examples" in form
    bundled = read_json(project.root / "models/current/metadata.json", "train")["example"]
    for content in [bundled, *[png_text(path) for path in (project.root / "data/raw").iterdir()]]:
        assert content.rpartition(",")[2] not in form


def png_text(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_of_the_sample_listed_test_images_are_shown_with_their_licence(tmp_path: Path) -> None:
    project, lines = finished(tmp_path, notice="CC0"), list[str]()
    build.build(project, API, lines.append)
    assert any("Test images of shapes (CC0)" in line for line in lines)
    examples = read_json(tmp_path / "site/try/form.json", "site")["model"]["examples"]
    assert list(examples) == ["bright", "dark", "uncertain"]
    tests = {png_text(path) for path in (tmp_path / "data/raw").iterdir()}
    assert {each["file"].rpartition(",")[2] for each in examples.values()} <= tests


def test_features_of_ones_own_have_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, lines = finished(tmp_path), list[str]()
    monkeypatch.setattr("toolkit.site.images.KINDS", ("hog",))
    build.build(project, API, lines.append)
    assert "does not know the 'pixels' features" in lines[0]
    assert not (tmp_path / "site" / "try").exists()


def test_a_page_that_looks_elsewhere_does_not_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = finished(tmp_path)
    good = API.in_browser
    assert good is not None
    page = good()
    files = page.try_it(project, API)
    assert not isinstance(files, str)
    bent = files["model.js"][0].replace(b"COARSE = 3", b"COARSE = 2")
    monkeypatch.setattr(page, "try_it", lambda *_: {**files, "model.js": (bent, "")})
    with pytest.raises(UserError, match="does not answer as the service does"):
        build.build(project, API, lambda line: None)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "transparent"])
def test_in_a_browser_a_file_is_answered_as_offline(
    project: Any, kind: str, tmp_path: Path
) -> None:
    image, buffer = drawn("disc", np.random.default_rng(3), side=90), io.BytesIO()
    if kind == "transparent":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(buffer, "PNG" if kind == "transparent" else kind)
    path = tmp_path / "chosen"
    path.write_bytes(buffer.getvalue())
    predictor: Any = API.load(project.root / "models" / "current")
    expected, told = (
        predictor.predict_bytes(path.read_bytes()),
        predictor.explain_bytes(path.read_bytes()),
    )
    exact = 1e-6 if kind == "PNG" else 2e-3
    with (
        served(project.root / "site") as address,
        browser().Page(tmp_path / "profile", f"{address}/try/index.html?predict") as page,
    ):
        page.wait("!!document.querySelector('.bars')")
        page.drop(path)
        shown = "JSON.parse([...document.querySelectorAll('#shown pre')].at(-1).textContent)"
        share = expected["probabilities"]["bright"]
        page.wait(f"Math.abs({shown}.probabilities.bright - {share}) <= {exact}")
        page.ask("document.querySelector('#why').click()")
        page.wait("!!document.querySelector('.seen canvas, .seen img')")
        assert violations(page) == []
        assert np.abs(np.array(page.ask("state.explanation.map")) - told["map"]).max() <= exact
