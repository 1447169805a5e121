"""Put a trained model where it is served, after comparing its exported form with the trained one."""

import base64
import importlib.util
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..project.files import write_json
from ..training.bundle import check_parity, replacing
from .classifier import CachedClassifier
from .extractors import BACKBONE, PretrainedFeatures
from .feature_cache import FeatureCache
from .predictor import FromSpec, Predictor

# Distributions that a model may be made with, by the module that says whether they are there.
LIBRARIES = {
    "sklearn": "scikit-learn",
    "numpy": "numpy",
    "PIL": "pillow",
    "skl2onnx": "skl2onnx",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
    "skorch": "skorch",
}
PARITY_ROWS = 200


def installed() -> list[str]:
    """The distributions whose versions a bundle keeps."""
    return [name for module, name in LIBRARIES.items() if importlib.util.find_spec(module)]


def write_bundle(
    root: Path,
    model: CachedClassifier,
    metadata: dict[str, Any],
    held_out: FeatureCache,
    from_spec: FromSpec,
    ladder: dict[str, Any],
) -> dict[str, Any]:
    """Write a whole bundle, check it against the trained model, and put it in place.

    Parameters
    ----------
    root : Path
        The project's folder.
    model : CachedClassifier
        Fitted.
    metadata : dict
        What is known of the model; the rest is added.
    held_out : FeatureCache
        Images on which both forms of the model are compared; their classes are not looked at.
    from_spec : callable
        Makes the extractor from its spec and the bundle's folder.
    ladder : dict
        The comparison that the model comes from, put in place with it.

    Returns
    -------
    dict
        The bundle's metadata.

    Raises
    ------
    UserError
        If the exported model differs from the trained one; the earlier bundle then stays in place.
    """
    extractor = model.extractor
    metadata |= {"example": data_url(model.cache.image(0), 96, Image.Resampling.BILINEAR)}
    metadata |= {"format": "onnx", "view": extractor.spec}
    with replacing(root, ladder=ladder) as work:
        if isinstance(extractor, PretrainedFeatures):
            shutil.copyfile(extractor.file, work / BACKBONE)
        model.write_onnx(work / "model.onnx")
        write_json(work / "metadata.json", metadata)
        metadata["parity"] = _parity(Predictor.load(work, from_spec), model, held_out)
        write_json(work / "metadata.json", metadata)
    return metadata


def _parity(
    predictor: Predictor, model: CachedClassifier, held_out: FeatureCache
) -> dict[str, Any]:
    picked = held_out.dataset.positions[:PARITY_ROWS]
    served = np.concatenate([predictor.outputs([held_out.image(int(i))]) for i in picked])
    expected = np.zeros_like(served)
    rows = np.asarray(held_out.features(model.extractor)[picked])
    expected[:, model.classes_] = model.predict_rows(rows)
    return {"rows": len(picked), "largest_difference": check_parity(expected, served)}


def data_url(image: Image.Image, side: int, how: Image.Resampling) -> str:
    """A copy of at most `side` by `side` pixels as a PNG in a data URL."""
    small = image.copy()
    small.thumbnail((side, side), how)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
