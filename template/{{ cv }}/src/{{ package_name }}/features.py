"""What a model sees of a picture. Add a way of seeing here, and a rung that uses it in `rungs`.

Each way is a class with a `spec` (JSON that a bundle keeps), `extract` (one picture to one row,
in the dtype it is cached in) and `inputs` (cached rows to the float32 matrix the model takes).
Pillow, numpy and ONNX Runtime only: the service computes the same.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from .toolkit.project.errors import UserError
from .toolkit.images.hog import hog
from .toolkit.images.decoding import squeezed

PIXELS = 16
BACKBONE = "backbone.onnx"


class View(Protocol):
    """A way of seeing a picture."""

    spec: dict[str, Any]

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """One upright RGB picture to one row of shape (d,)."""

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Cached rows (n, d) to what the model takes, float32 (n, d)."""


class Pixels:
    """The brightness of each point of a small picture: what one would try first."""

    def __init__(self, mode: str, side: int = PIXELS) -> None:
        self.spec: dict[str, Any] = {"kind": "pixels", "mode": mode, "side": side}

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """Points in rows, channels innermost, from 0 to 255."""
        return np.asarray(squeezed(image, self.spec["side"], self.spec["mode"])).ravel()

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The same from 0 to 1."""
        return rows.astype(np.float32) / np.float32(255)


class Hog:
    """Directions of edges, by region."""

    def __init__(self, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "hog", "side": side}

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """See `hog`."""
        return hog(np.asarray(squeezed(image, self.spec["side"], "L")))

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """As they are."""
        return np.asarray(rows, dtype=np.float32)


class Raw:
    """The picture itself, for a network that finds its own features."""

    def __init__(self, mode: str, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "raw", "mode": mode, "side": side}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a row."""
        return (1 if self.spec["mode"] == "L" else 3, self.spec["side"], self.spec["side"])

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """Channels outermost, from 0 to 255."""
        picture = np.asarray(squeezed(image, self.spec["side"], self.spec["mode"]))
        channels = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
        return np.ascontiguousarray(channels).ravel()

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The same from 0 to 1."""
        return rows.astype(np.float32) / np.float32(255)


class Frozen:
    """What a network trained on ImageNet computes of a picture, just before it names a class."""

    def __init__(self, name: str, file: Path, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "frozen", "backbone": name, "side": side}
        self.file = file
        options = onnxruntime.SessionOptions()
        # One thread a picture: several pictures are worked on at a time.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            file, options, providers=["CPUExecutionProvider"]
        )

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """The pooled features."""
        picture = np.asarray(squeezed(image, self.spec["side"], "RGB"), dtype=np.float32)
        batch = np.ascontiguousarray(picture.transpose(2, 0, 1))[None]
        features = self._session.run(["features"], {"pixels": batch})[0]
        return np.asarray(features[0], dtype=np.float32)

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """As they are."""
        return np.asarray(rows, dtype=np.float32)


def from_spec(spec: dict[str, Any], folder: Path) -> View:
    """The view that a bundle in `folder` was trained with.

    Raises
    ------
    UserError
        If this version of the project does not know the view.
    """
    kind = spec["kind"]
    if kind == "pixels":
        return Pixels(spec["mode"], spec["side"])
    if kind == "hog":
        return Hog(spec["side"])
    if kind == "raw":
        return Raw(spec["mode"], spec["side"])
    if kind == "frozen":
        return Frozen(spec["backbone"], folder / BACKBONE, spec["side"])
    raise UserError(f"The model sees pictures as {kind!r}, which features.py does not know.")
