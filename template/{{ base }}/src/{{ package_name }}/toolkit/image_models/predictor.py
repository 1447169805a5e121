"""The exported model: the same prediction for an upload, in a folder or in training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from PIL import Image

from ..images.decoding import decode
from ..project.errors import UserError
from ..project.files import read_json, restore_folder
from .extractors import FeatureExtractor, open_session

FromSpec = Callable[[dict[str, Any], Path], FeatureExtractor]
Respond = Callable[["Predictor", NDArray[np.float64]], list[dict[str, Any]]]

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
    extractor : FeatureExtractor
        What the model is given of an image.
    session : onnxruntime.InferenceSession
        From float32 `x` of shape (n, d) to `probabilities` of shape (n, classes).
    respond : callable, optional
        From the probabilities to what a caller is told, one dict an image; only `predict_bytes`
        needs it.
    """

    def __init__(
        self,
        metadata: dict[str, Any],
        extractor: FeatureExtractor,
        session: Any,
        respond: Respond | None = None,
    ) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.classes: list[str] = metadata["classes"]
        self.max_megapixels = float(metadata["schema"]["image"]["max_megapixels"])
        self.extractor = extractor
        self._session = session
        self._respond = respond

    @classmethod
    def load(cls, folder: Path, from_spec: FromSpec, respond: Respond | None = None) -> Self:
        """Read the bundle at `folder`.

        Parameters
        ----------
        folder : Path
        from_spec : callable
            Makes the extractor from its spec and the bundle's folder.
        respond : callable, optional
            What a caller is told.

        Raises
        ------
        UserError
            If there is no bundle, or one that cannot be used.
        """
        restore_folder(folder)
        metadata = read_json(folder / "metadata.json", "train")
        try:
            session = open_session(folder / "model.onnx")
            return cls(metadata, from_spec(metadata["view"], folder), session, respond)
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
            What `respond` says of it.

        Raises
        ------
        NotAnImageError, TooManyPixelsError, DamagedImageError
        """
        assert self._respond is not None
        return self._respond(self, self.outputs([decode(content, self.max_megapixels)]))[0]

    def outputs(self, images: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Probabilities of upright RGB images, shape (n, classes)."""
        return self.row_outputs(np.stack([self.extractor.extract(image) for image in images]))

    def row_outputs(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of rows that the extractor made, shape (n, classes)."""
        given = self.extractor.inputs(rows)
        return np.asarray(self._session.run(["probabilities"], {"x": given})[0], dtype=np.float64)
