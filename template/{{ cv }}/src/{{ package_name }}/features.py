"""What a model is given of an image: the file to edit first, since features gain more than models do.

A feature extractor of your own is a class here with three parts: `spec` (what it is made from again,
as JSON), `extract` (one image to one row, in the dtype that is cached) and `inputs` (cached rows to
the float32 matrix the model takes). Name it in `from_spec`, and add a candidate that uses it in
`models.py`. Keep to numpy, Pillow and ONNX Runtime: the service computes the same.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .toolkit.image_models.extractors import (
    BACKBONE,
    FeatureExtractor,
    PretrainedFeatures,
    RawPixels,
)
from .toolkit.image_models.hog import hog
from .toolkit.images.decoding import resized
from .toolkit.project.errors import UserError

SIDE = 16


class Pixels:
    """The pixels of a small copy of the image: what one would try first."""

    def __init__(self, mode: str, side: int = SIDE) -> None:
        self.spec: dict[str, Any] = {"kind": "pixels", "mode": mode, "side": side}

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """Row by row, channels innermost, uint8 from 0 to 255."""
        return np.asarray(resized(image, self.spec["side"], self.spec["mode"])).ravel()

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The same from 0 to 1."""
        return rows.astype(np.float32) / np.float32(255)


class Hog:
    """Directions of edges, by region: shape without colour or absolute brightness."""

    def __init__(self, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "hog", "side": side}

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """Histograms of oriented gradients, float32 from 0 to 1."""
        return hog(np.asarray(resized(image, self.spec["side"], "L")))

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """As they are."""
        return np.asarray(rows, dtype=np.float32)


def from_spec(spec: dict[str, Any], folder: Path) -> FeatureExtractor:
    """The extractor that the model in `folder` was trained with.

    Raises
    ------
    UserError
        If this version of the project does not know it.
    """
    kind = spec["kind"]
    if kind == "pixels":
        return Pixels(spec["mode"], spec["side"])
    if kind == "hog":
        return Hog(spec["side"])
    if kind == "raw":
        return RawPixels(spec["mode"], spec["side"])
    if kind == "frozen":
        return PretrainedFeatures(spec["backbone"], folder / BACKBONE, spec["side"])
    raise UserError(f"The model was trained on {kind!r} features, which features.py does not know.")
