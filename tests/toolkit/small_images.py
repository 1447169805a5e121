"""A small set of images, and a model of two classes: the second is what is bright."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cv import data
from cv.api import API
from cv.settings import PROJECT, Params
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw
from toolkit.image_models.feature_cache import FeatureCache
from toolkit.images.dataset import read_dataset
from toolkit.project.files import write_bytes, write_json
from toolkit.serving.app import create_app
from toolkit.serving.limits import Limits

CLASSES = ("cross", "disc", "stripes")
DARK, BRIGHT = (Image.new("RGB", (12, 12), (level,) * 3) for level in (0, 255))


def drawn(label: str, rng: np.random.Generator, side: int = 24, noise: float = 8) -> Image.Image:
    """One image of a class, placed and lit at random, on dark ground."""
    image = Image.new("RGB", (side, side), (20, 30, 40))
    pen = ImageDraw.Draw(image)
    x, y = rng.integers(6, side - 10, 2).tolist()
    ink = tuple(rng.integers(150, 255, 3).tolist())
    if label == "disc":
        pen.ellipse((x - 5, y - 5, x + 7, y + 7), fill=ink)
    elif label == "cross":
        pen.line((x - 5, y + 1, x + 7, y + 1), fill=ink, width=3)
        pen.line((x + 1, y - 5, x + 1, y + 7), fill=ink, width=3)
    else:
        for row in range(int(rng.integers(0, 4)), side, int(rng.integers(4, 9))):
            pen.line((0, row, side, row), fill=ink, width=int(rng.integers(1, 4)))
    grain = rng.normal(0, noise, (side, side, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def write(
    folder: Path,
    each: int = 20,
    classes: tuple[str, ...] = CLASSES,
    noise: float = 8,
    seed: int = 0,
) -> Path:
    """Write `each` images a class into `folder`."""
    rng = np.random.default_rng(seed)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(each):
            drawn(label, rng, noise=noise).save(folder / label / f"{number:03d}.png")
    return folder


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def params(**sections: Any) -> Params:
    """Settings of a folder of images."""
    sections["data"] = {"source": "folder", **sections.get("data", {})}
    return Params.model_validate(sections)


def run_data(root: Path, settings: Params) -> dict[str, Any]:
    """The data stage of a project at `root`."""
    return data.run(replace(PROJECT, root=root), settings)


def training_images(root: Path) -> FeatureCache:
    """The training images of a project at `root`, after its data stage."""
    run_data(root, params())
    return FeatureCache(read_dataset(root, "train"), 25)


def save_bundle(folder: Path, threshold: float | None = 0.3) -> Path:
    """Write a bundle whose score is 4 * mean - 2."""
    width = 16 * 16 * 3
    weights = np.full((width, 1), 4 / width, dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "b"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    ]
    constants = {"w": weights, "b": np.float32([-2]), "one": np.float32([1])}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    write_bytes(folder / "model.onnx", model.SerializeToString())
    classes = ["dark", "bright"]
    target = {"name": "class", "task": "binary", "classes": classes, "positive": "bright"}
    metadata = {
        "model_version": "v1",
        "format": "onnx",
        "task": "binary",
        "classes": classes,
        "positive": "bright",
        "threshold": threshold,
        "interval": None,
        "review": {
            "on": True,
            "cutoff": 0.5,
            "costs": {"false_positive": 1, "false_negative": 2},
        },
        "view": {"kind": "pixels", "mode": "RGB", "side": 16},
        "example": "data:image/png;base64," + base64.b64encode(png(BRIGHT)).decode(),
        "schema": {
            "target": target,
            "image": {"side": 16, "mode": "RGB", "max_megapixels": 1},
            "columns": [],
        },
    }
    write_json(folder / "metadata.json", metadata)
    return folder


def application(folder: Path, limits: Limits) -> FastAPI:
    """The cv role's service with the bundle in `folder`."""
    return create_app(PROJECT, API, folder, limits)
