"""How far balanced accuracy falls when images are corrupted as cameras and compression corrupt them.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations"; severities are relative to the size of the image.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from ..evaluation.intervals import Units, bootstrap
from ..image_models.classifier import CachedClassifier
from ..image_models.feature_cache import FeatureCache

Disturb = Callable[[Image.Image, np.random.Generator], Image.Image]
Predict = Callable[[list[Image.Image]], NDArray[np.float64]]
Decide = Callable[[NDArray[np.float64]], NDArray[Any]]
MOST = 300


def _blurred(share: float) -> Disturb:
    return lambda image, _: image.filter(ImageFilter.GaussianBlur(share * min(image.size)))


def _noisy(strength: float) -> Disturb:
    def disturb(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        values = np.asarray(image, dtype=np.float32)
        noise = rng.normal(0, 255 * strength, values.shape[:2])[:, :, None]
        return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))

    return disturb


def _turned(degrees: float) -> Disturb:
    def disturb(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        corner = tuple(int(v) for v in np.asarray(image)[0, 0])
        angle = degrees * rng.choice([-1, 1])
        return image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=corner)

    return disturb


def _shifted(share: float) -> Disturb:
    def disturb(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """What moves in at the edge repeats the edge."""
        far = max(1, round(share * min(image.size)))
        down, right = (int(each) for each in rng.choice([-far, far], 2))
        values = np.pad(np.asarray(image), ((far, far), (far, far), (0, 0)), mode="edge")
        height, width = image.height, image.width
        return Image.fromarray(values[far + down :, far + right :][:height, :width])

    return disturb


def _lit(factor: float) -> Disturb:
    return lambda image, _: ImageEnhance.Brightness(image).enhance(factor)


def _compressed(quality: int) -> Disturb:
    def disturb(image: Image.Image, _: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return disturb


CORRUPTIONS: list[tuple[str, str, Disturb]] = [
    ("blur", "radius 1% of the side", _blurred(0.01)),
    ("blur", "radius 4% of the side", _blurred(0.04)),
    ("noise", "deviation 10%", _noisy(0.10)),
    ("noise", "deviation 25%", _noisy(0.25)),
    ("rotation", "10 degrees", _turned(10)),
    ("shift", "4% of the side", _shifted(0.04)),
    ("shift", "10% of the side", _shifted(0.10)),
    ("exposure", "60%", _lit(0.6)),
    ("exposure", "150%", _lit(1.5)),
    ("JPEG", "quality 8", _compressed(8)),
]


def measure(cache: FeatureCache, predict: Predict, decide: Decide, seed: int) -> dict[str, Any]:
    """Balanced accuracy under each corruption, and the drop from the images as they are.

    Balanced, since a threshold set by costs may trade accuracy for recall: then a model that is
    disturbed until it decides all alike can gain accuracy, and of balanced accuracy it has 1 / classes.

    Parameters
    ----------
    cache : FeatureCache
        The test images; at most 300 of them are used.
    predict : callable
        From images to probabilities (n, classes).
    decide : callable
        From probabilities to class codes (n,), as the service decides them.
    seed : int
        Of the sample, the noise and the direction of rotations.

    Returns
    -------
    dict
        `rows`, one a corruption (`corruption`, `severity`, `n`, `balanced_accuracy`, `drop` and the
        95% interval `ci` of the drop, paired by image), the `worst` of them, and no `answer` to it
        yet. What was split is resampled for the interval.
    """
    images, y, units = _sample(cache, seed)
    clean = decide(predict(images)) == y
    rows = []
    for name, severity, _ in CORRUPTIONS:
        row: dict[str, Any] = {"corruption": name, "severity": severity, "n": len(images)}
        right = decide(predict(corrupt(images, row, seed))) == y
        row |= {"balanced_accuracy": _balanced(y, right)} | _difference(
            "drop", y, clean, right, units
        )
        rows.append(row)
    return {"rows": rows, "worst": max(rows, key=lambda row: row["drop"]), "answer": None}


def measure_augmented(
    name: str,
    model: CachedClassifier,
    cache: FeatureCache,
    predict: Predict,
    decide: Decide,
    worst: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """What a model that was trained on disturbed images makes of the worst corruption.

    Parameters
    ----------
    name : str
        Of the candidate.
    model : CachedClassifier
        Fitted on training images.
    cache : FeatureCache
        The test images.
    predict, decide : callable
        As in `measure`, of the chosen model.
    worst : dict
        The row of `measure` with the largest drop.
    seed : int
        As in `measure`.

    Returns
    -------
    dict
        `rung`, its `balanced_accuracy` under the corruption and `undisturbed`, and its `gain` over the
        chosen model under the corruption, with the 95% interval `ci`.
    """
    images, y, units = _sample(cache, seed)
    disturbed = corrupt(images, worst, seed)

    def right(given: list[Image.Image]) -> NDArray[np.bool_]:
        rows = np.stack([model.extractor.extract(image) for image in given])
        return model.classes_[decide(model.predict_rows(rows))] == y

    there, chosen = right(disturbed), decide(predict(disturbed)) == y
    return {
        "rung": name,
        "balanced_accuracy": _balanced(y, there),
        "undisturbed": _balanced(y, right(images)),
        **_difference("gain", y, there, chosen, units),
    }


def _balanced(y: NDArray[np.int64], right: NDArray[np.bool_]) -> float:
    """The mean recall of the classes that are there."""
    rows = np.bincount(y)
    return float((np.bincount(y, right)[rows > 0] / rows[rows > 0]).mean())


def _difference(
    name: str, y: NDArray[np.int64], one: NDArray[np.bool_], other: NDArray[np.bool_], units: Units
) -> dict[str, Any]:
    """How much balanced accuracy lies between two models or inputs, with its interval."""

    def score(rows: NDArray[np.intp]) -> dict[str, float]:
        return {name: _balanced(y[rows], one[rows]) - _balanced(y[rows], other[rows])}

    bounds = bootstrap(score, len(y), groups=units.codes)
    return score(np.arange(len(y))) | {"ci": bounds.get(name)}


def corrupt(images: list[Image.Image], row: dict[str, Any], seed: int) -> list[Image.Image]:
    """The images under the corruption and severity that `row` names."""
    named = {(name, severity): disturb for name, severity, disturb in CORRUPTIONS}
    disturb, rng = named[row["corruption"], row["severity"]], np.random.default_rng(seed)
    return [disturb(image, rng) for image in images]


def _sample(cache: FeatureCache, seed: int) -> tuple[list[Image.Image], NDArray[np.int64], Units]:
    picked = np.random.default_rng(seed).permutation(len(cache.dataset))[:MOST]
    units = cache.dataset.units.take(picked)
    return [cache.image(int(i)) for i in picked], cache.dataset.y[picked], units
