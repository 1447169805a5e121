"""Where the model errs: class by class, by what the files are like, and image by image."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import confusion_matrix

from ..image_models.bundle import data_url
from ..image_models.feature_cache import FeatureCache
from ..image_models.occlusion import occlusion
from ..image_models.predictor import Predictor
from ..images.dataset import ImageDataset

WORST = 20
EXPLAINED = 6
THUMBNAIL = 128
# Shown in figures, which lie in one folder; no other file holds a part of an image.
SHOWN = ("picture", "heat")
MOST_CLASSES, SAMPLES = 8, 4


def per_class(
    y: NDArray[np.int64], decisions: NDArray[np.int64], classes: list[str]
) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class; null where a class was never predicted or met.

    Parameters
    ----------
    y, decisions : ndarray of shape (n,)
        Class codes: the true ones, and those after the threshold.
    classes : list of str
    """
    counts = confusion_matrix(y, decisions, labels=np.arange(len(classes)))
    rows = []
    for code, name in enumerate(classes):
        hits, met, told = counts[code, code], counts[code].sum(), counts[:, code].sum()
        rows.append(
            {
                "class": name,
                "n": int(met),
                "precision": float(hits / told) if told else None,
                "recall": float(hits / met) if met else None,
                "f1": float(2 * hits / (met + told)) if met + told else None,
            }
        )
    return rows


def traits(dataset: ImageDataset) -> pd.DataFrame:
    """What errors are grouped by: the class, and what the file is like."""
    frame = pd.DataFrame([entry["traits"] for entry in dataset.entries])
    frame = frame.astype({name: object for name in frame if frame[name].dtype.kind not in "fi"})
    frame.insert(0, "class", pd.Series([e["class"] for e in dataset.entries], dtype=object))
    return frame


def worst_cases(
    cache: FeatureCache,
    loss: NDArray[np.float64],
    predictions: NDArray[np.float64],
    decisions: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """The images with the largest error, each with a small copy.

    Parameters
    ----------
    cache : FeatureCache
        The test images.
    loss : ndarray of shape (n,)
        Error of each image.
    predictions : ndarray of shape (n, classes)
        Probabilities.
    decisions : ndarray of shape (n,)
        Class codes.
    """
    dataset, cases = cache.dataset, []
    for row in np.argsort(-loss, kind="stable")[:WORST].tolist():
        entry = dataset.entries[row]
        rounded = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in entry["traits"].items()
        }
        cases.append(
            {
                "row": row,
                "truth": entry["class"],
                "prediction": dataset.classes[decisions[row]],
                "confidence": float(predictions[row].max()),
                "truth_probability": float(predictions[row, dataset.y[row]]),
                "values": {"file": entry["file"], **rounded},
                "picture": _thumbnail(cache.image(row)),
            }
        )
    return cases


def explanations(
    cache: FeatureCache,
    predictor: Predictor,
    predictions: NDArray[np.float64],
    decisions: NDArray[np.int64],
    worst: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Where the model looks, in correct predictions and in some of the worst mistakes.

    With two classes the maps are of the positive one: what of it the model saw, and in a miss did not.

    Parameters
    ----------
    cache : FeatureCache
        The test images.
    predictor : Predictor
    predictions : ndarray of shape (n, classes)
        Probabilities.
    decisions : ndarray of shape (n,)
        Class codes.
    worst : list of dict
        From `worst_cases`.
    """
    y, classes = cache.dataset.y, cache.dataset.classes
    two = len(classes) == 2
    found = []
    for row in _explained(y, predictions, decisions, [case["row"] for case in worst]):
        image, code = cache.image(row), 1 if two else int(decisions[row])
        heat = occlusion(image, code, predictor.outputs)
        found.append(
            {
                "row": row,
                "truth": classes[y[row]],
                "prediction": classes[decisions[row]],
                "explained": classes[code],
                "confidence": float(predictions[row, code]),
                "picture": _thumbnail(image),
                "heat": [[round(float(value), 4) for value in line] for line in heat],
            }
        )
    return found


def _explained(
    y: NDArray[np.int64],
    predictions: NDArray[np.float64],
    decisions: NDArray[np.int64],
    worst: list[int],
) -> list[int]:
    right = np.flatnonzero(decisions == y)
    sure = right[np.argsort(-predictions[right, y[right]], kind="stable")]
    if predictions.shape[1] == 2:
        # Hits as they mostly are: where a model is very sure, covering one part changes nothing.
        hits = sure[y[sure] == 1]
        middle = max(0, len(hits) // 2 - EXPLAINED // 4)
        hits = hits[middle : middle + EXPLAINED // 2].tolist()
        misses = [row for row in worst if y[row] == 1 != decisions[row]][: EXPLAINED // 2]
        alarms = [row for row in worst if y[row] == 0 != decisions[row]]
        return [*hits, *misses, *alarms][:EXPLAINED]
    firsts = [int(sure[y[sure] == code][0]) for code in np.unique(y[sure])]
    wrong = [row for row in worst if y[row] != decisions[row]][: EXPLAINED // 2]
    return [*wrong, *firsts[: EXPLAINED - len(wrong)]]


def samples(cache: FeatureCache, seed: int) -> list[dict[str, Any]]:
    """Images of each class, drawn at random, of eight classes at most, the commonest first.

    Those of the test set are shown, as among the mistakes: a report that is published shows no row that
    the model was trained on. Each has its `truth`, how many images (`n`) are of that class, and its
    `picture`.
    """
    dataset, rng = cache.dataset, np.random.default_rng(seed)
    counts = np.bincount(dataset.y, minlength=len(dataset.classes))
    return [
        {
            "truth": dataset.classes[code],
            "n": int(counts[code]),
            "file": dataset.entries[row]["file"],
            "picture": _thumbnail(cache.image(row)),
        }
        for code in np.argsort(-counts, kind="stable")[:MOST_CLASSES]
        for row in rng.permutation(np.flatnonzero(dataset.y == code))[:SAMPLES].tolist()
    ]


def without_images(metrics: dict[str, Any]) -> dict[str, Any]:
    """Measurements without the parts of images that figures are drawn from."""
    kept = {}
    for name in ("worst", "explanations", "samples"):
        kept[name] = [
            {key: value for key, value in case.items() if key not in SHOWN}
            for case in metrics[name]
        ]
    return {**metrics, **kept}


def _thumbnail(image: Image.Image) -> str:
    return data_url(image, THUMBNAIL, Image.Resampling.LANCZOS)
