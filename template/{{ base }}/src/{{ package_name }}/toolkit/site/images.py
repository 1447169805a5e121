"""The try-it page of a model of images: what the browser needs of it, and whether it answers alike."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ..image_models.bundle import data_url
from ..image_models.extractors import BACKBONE
from ..images.dataset import ImageDataset, read_dataset
from ..images.decoding import decode
from ..project.files import read_json
from ..project.settings import Project
from ..serving.api import Api
from ..training.bundle import served
from .page import Files, ask_in_node, hold, page_files

KINDS = ("pixels", "hog", "raw", "frozen")  # that images.js knows
IMAGES, EXPLAINED, MOST_BYTES = 100, 2, 200_000_000
# Of a probability. The browser's runtime adds in another order: 2e-6 after the sample's network.
BOUND = 1e-4
DRAWN = 96  # pixels


def try_it(project: Project, api: Api) -> Files | str:
    """The files of the page by name, each with what it holds; or why there is none.

    Raises
    ------
    UserError
        If there is no model, or no runtime.
    """
    predictor: Any = api.load(served(project))
    view = predictor.metadata["view"]
    if view["kind"] not in KINDS:
        return f"toolkit/site/images.js does not know the {view['kind']!r} features of features.py"
    dataset = read_dataset(project.root, "test")
    about, source = read_json(project.root / "reports" / "data.json", "data"), ""
    if about.get("about", {}).get("notice"):  # the sample, whose licence lets it be shown
        source, examples = f"Test images of {about['source']}:", tested(dataset, predictor)
    else:
        source, examples = "Drawn examples:", drawn()
    first = next(iter(examples.values()))["file"]
    predictor.metadata |= {"example": first}  # the bundle's own is a training image
    shown = {"examples": examples, "examples_are": source}
    told = {"labels": predictor.classes, "view": view}
    model = {"model.onnx": "the model"}
    if view["kind"] == "frozen":
        model[BACKBONE] = f"{view['backbone']}, a network pretrained on ImageNet"
    files = page_files(project, api, predictor, "images", model, told, shown)
    content, _ = files["form.json"]
    return files | {"form.json": (content, f"the form's examples. {source[:-1]}")}


def tested(dataset: ImageDataset, predictor: Any) -> dict[str, Any]:
    """Test images, as they are: of each class one that is as likely as most, and the one in most doubt.

    Where a model is very sure, covering one part changes nothing.
    """
    rows = _spread(dataset)
    shares = np.array(
        [
            list(predictor.predict_bytes(dataset.path(row).read_bytes())["probabilities"].values())
            for row in rows
        ]
    )
    chosen = {}
    for code, name in reversed([*enumerate(dataset.classes)]):  # the positive class first
        likely = max(1, int((shares[:, code] > 0.5).sum()))
        chosen[name] = rows[np.argsort(-shares[:, code])[likely // 2]]
    chosen["uncertain"] = rows[shares.max(axis=1).argmin()]
    return {
        name: {
            "file": "data:image/png;base64,"
            + base64.b64encode(dataset.path(row).read_bytes()).decode()
        }
        for name, row in chosen.items()
    }


def drawn() -> dict[str, Any]:
    """Shapes, where images are the owner's: none of them is put into a site unasked."""
    found = {}
    for name in ("disc", "cross"):
        image = Image.new("RGB", (DRAWN, DRAWN), (40, 44, 52))
        pen, low, high = ImageDraw.Draw(image), DRAWN // 4, DRAWN * 3 // 4
        if name == "disc":
            pen.ellipse((low, low, high, high), fill=(214, 160, 60))
        else:
            for ends in ((low, low, high, high), (low, high, high, low)):
                pen.line(ends, fill=(90, 170, 220), width=12)
        found[name] = {"file": data_url(image, DRAWN, Image.Resampling.BILINEAR)}
    return found


def compare(project: Project, api: Api, page: Path) -> dict[str, Any]:
    """Hold the page in `page` to the offline answers for up to 100 test images, in node; see `hold`.

    The images are decoded here: a PNG decodes to the same bytes anywhere, a JPEG may differ by a level or
    two of 255 from what a browser makes of it.
    """
    predictor: Any = api.load(served(project))
    dataset, records, pixels = (
        read_dataset(project.root, "test"),
        list[dict[str, int]](),
        bytearray(),
    )
    expected, explained = list[Any](), list[Any]()
    for row in _spread(dataset):
        content = dataset.path(row).read_bytes()
        image = decode(content, predictor.max_megapixels)
        place = {"start": len(pixels), "end": len(pixels) + 3 * image.width * image.height}
        if records and place["end"] > MOST_BYTES:
            break
        records.append({"width": image.width, "height": image.height, "channels": 3, **place})
        pixels += image.tobytes()
        expected.append(predictor.predict_bytes(content))
        if len(explained) < EXPLAINED:
            explained.append(predictor.explain_bytes(content))
    told = ask_in_node(page, records, len(explained), bytes(pixels))
    return hold(told, expected, explained, BOUND)


def _spread(dataset: ImageDataset) -> list[int]:
    """Rows evenly over the dataset: its classes may lie one after the other."""
    return [int(row) for row in np.unique(np.linspace(0, len(dataset) - 1, IMAGES).astype(int))]
