"""The exported model: the same prediction for an upload, in a folder or in training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from PIL import Image

from ..images.decoding import decode_and_warn
from ..images.parallel import map_in_order
from ..project.errors import UserError
from ..project.files import restore_folder
from ..project.telemetry import traced
from ..training.bundle import verified_metadata
from .extractors import FeatureExtractor, open_session
from .occlusion import occlusion

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
        self._run = traced("model", session.run)
        self._extract = traced("encode", extractor.extract)
        self._decode = traced("decode", decode_and_warn)
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
        metadata = verified_metadata(folder)
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
            What `respond` says of it, and `warnings` about the file.

        Raises
        ------
        NotAnImageError, TooManyPixelsError, DamagedImageError
        """
        assert self._respond is not None
        image, warnings = self._decode(content, self.max_megapixels)
        row = self._extract(image)[None]
        return {**self._respond(self, self.row_outputs(row))[0], "warnings": warnings}

    def explain_bytes(self, content: bytes) -> dict[str, Any]:
        """Where in one file the model looks; with two classes, what makes it the positive one.

        Returns
        -------
        dict
            `explained` (the class), `value` (its probability) and `map`: by row and column of 8 by 8
            parts, how far that falls where the part is covered.

        Raises
        ------
        NotAnImageError, TooManyPixelsError, DamagedImageError
        """
        image, _ = self._decode(content, self.max_megapixels)
        shares = self.outputs([image])[0]
        code = 1 if len(self.classes) == 2 else int(shares.argmax())
        heat = occlusion(image, code, self.outputs).tolist()
        return {"explained": self.classes[code], "value": float(shares[code]), "map": heat}

    def outputs(self, images: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Probabilities of upright RGB images, shape (n, classes)."""
        return self.row_outputs(np.stack(list(map_in_order(self._extract, images))))

    def row_outputs(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of rows that the extractor made, shape (n, classes)."""
        given = self.extractor.inputs(rows)
        return np.asarray(self._run(["probabilities"], {"x": given})[0], dtype=np.float64)
