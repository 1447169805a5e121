"""The exported model: the same answer for an upload, in a folder or in training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from PIL import Image

from ...features import View, from_spec
from ..project.errors import UserError
from ..project.files import read_json, restore_folder
from .decoding import decode

_UNUSABLE = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
)


class Predictor:
    """A model bundle, ready to answer; it needs Pillow, numpy and onnxruntime only.

    Parameters
    ----------
    metadata : dict
        The bundle's `metadata.json`.
    view : View
        How the model sees pictures.
    session : onnxruntime.InferenceSession
        From float32 `x` of shape (n, d) to `probabilities` of shape (n, classes).
    """

    def __init__(self, metadata: dict[str, Any], view: View, session: Any) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.classes: list[str] = metadata["classes"]
        self.max_megapixels = float(metadata["schema"]["image"]["max_megapixels"])
        self.view = view
        self._session = session

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the bundle at `folder`.

        Raises
        ------
        UserError
            If there is no bundle, or one that cannot be used.
        """
        restore_folder(folder)
        metadata = read_json(folder / "metadata.json", "train")
        options = onnxruntime.SessionOptions()
        # One thread a call: several would fight over the cores that other requests use.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                folder / "model.onnx", options, providers=["CPUExecutionProvider"]
            )
            return cls(metadata, from_spec(metadata["view"], folder), session)
        except (KeyError, TypeError, *_UNUSABLE) as error:
            raise UserError(
                f"The model in {folder} cannot be used ({type(error).__name__}: {error}). "
                "Run `train` again."
            ) from error

    def predict_bytes(self, content: bytes) -> dict[str, Any]:
        """Answer one file.

        Returns
        -------
        dict
            `prediction`, `probabilities`, `threshold` (two classes) and `needs_review`.

        Raises
        ------
        NotAnImageError, TooManyPixelsError, DamagedImageError
        """
        return self.predict([decode(content, self.max_megapixels)])[0]

    def predict(self, images: Sequence[Image.Image]) -> list[dict[str, Any]]:
        """Answer upright RGB pictures, as `predict_bytes` does."""
        threshold, floor = self.metadata.get("threshold"), self.metadata["confidence_floor"]
        answers = []
        for row in self.outputs(images).tolist():
            highest = max(row)
            chosen = row.index(highest)
            if threshold is not None:
                chosen = 1 if row[1] >= threshold else 0
            answers.append(
                {
                    "prediction": self.classes[chosen],
                    "probabilities": dict(zip(self.classes, row, strict=True)),
                    "threshold": threshold,
                    "needs_review": highest < floor,
                }
            )
        return answers

    def outputs(self, images: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Probabilities of upright RGB pictures, shape (n, classes)."""
        return self.row_outputs(np.stack([self.view.extract(image) for image in images]))

    def row_outputs(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of rows that the view extracted, shape (n, classes)."""
        given = self.view.inputs(rows)
        return np.asarray(self._session.run(["probabilities"], {"x": given})[0], dtype=np.float64)
