"""What a feature extractor is, and those of networks; the project's own are in its `features.py`."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from ..images.decoding import resized

BACKBONE = "backbone.onnx"


class FeatureExtractor(Protocol):
    """From an image to what a model is given of it; the same in training and in the service.

    Attributes
    ----------
    spec : dict
        What the extractor is made from again, as JSON: the bundle keeps it, and the cache of
        features is named after it. `kind` names the extractor.
    """

    spec: dict[str, Any]

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """One upright RGB image to one row of shape (d,), in the dtype it is cached in."""

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Cached rows (n, d) to what the model takes, float32 (n, d)."""


class RawPixels:
    """The image itself, for a network that finds its own features.

    Parameters
    ----------
    mode : {"L", "RGB"}
    side : int
        Pixels.
    """

    def __init__(self, mode: str, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "raw", "mode": mode, "side": side}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a row."""
        return (1 if self.spec["mode"] == "L" else 3, self.spec["side"], self.spec["side"])

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """Channels outermost, uint8 from 0 to 255."""
        pixels = np.asarray(resized(image, self.spec["side"], self.spec["mode"]))
        channels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(channels).ravel()

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """The same from 0 to 1."""
        return rows.astype(np.float32) / np.float32(255)


class PretrainedFeatures:
    """What a network trained on ImageNet computes of an image, just before it names a class.

    Parameters
    ----------
    name : str
        Of the network.
    file : Path
        Its ONNX graph, from `pixels` of shape (n, 3, side, side), 0 to 255, to `features` (n, d).
    side : int
        Pixels.
    """

    def __init__(self, name: str, file: Path, side: int) -> None:
        self.spec: dict[str, Any] = {"kind": "frozen", "backbone": name, "side": side}
        self.file = file
        self._session = open_session(file)

    def extract(self, image: Image.Image) -> NDArray[Any]:
        """The pooled features, float32."""
        pixels = np.asarray(resized(image, self.spec["side"], "RGB"), dtype=np.float32)
        batch = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
        features = self._session.run(["features"], {"pixels": batch})[0]
        return np.asarray(features[0], dtype=np.float32)

    def inputs(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """As they are."""
        return np.asarray(rows, dtype=np.float32)


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """A graph, ready to run in one thread: several images are worked on at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
