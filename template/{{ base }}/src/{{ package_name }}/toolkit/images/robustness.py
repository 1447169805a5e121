"""How far the score falls when pictures are disturbed as cameras and networks disturb them.

After Hendrycks and Dietterich (2019), "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations"; strengths are relative to the picture's size.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

Disturb = Callable[[Image.Image, np.random.Generator], Image.Image]
MOST = 400


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


def _lit(factor: float) -> Disturb:
    return lambda image, _: ImageEnhance.Brightness(image).enhance(factor)


def _compressed(quality: int) -> Disturb:
    def disturb(image: Image.Image, _: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return disturb


CORRUPTIONS: list[tuple[str, str, Disturb]] = [
    ("blur", "radius 4 % of the side", _blurred(0.04)),
    ("blur", "radius 10 % of the side", _blurred(0.10)),
    ("noise", "deviation 10 %", _noisy(0.10)),
    ("noise", "deviation 25 %", _noisy(0.25)),
    ("rotation", "10 degrees", _turned(10)),
    ("rotation", "25 degrees", _turned(25)),
    ("brightness", "60 %", _lit(0.6)),
    ("brightness", "150 %", _lit(1.5)),
    ("JPEG", "quality 30", _compressed(30)),
    ("JPEG", "quality 8", _compressed(8)),
]


def table(
    images: list[Image.Image],
    y: NDArray[np.int64],
    answer: Callable[[list[Image.Image]], NDArray[np.float64]],
    seed: int,
) -> list[dict[str, Any]]:
    """Accuracy under each corruption, and the drop from the pictures as they are.

    Parameters
    ----------
    images : list of PIL images, length n
        Upright RGB.
    y : ndarray of shape (n,)
        Class codes.
    answer : callable
        From pictures to probabilities (n, classes).
    seed : int
        Of the noise and of the direction of turns.

    Returns
    -------
    list of dict
        `corruption`, `severity`, `accuracy`, `drop` and `ci` of the drop (95 %, paired by
        picture).
    """
    clean = np.argmax(answer(images), axis=1) == y
    rows = []
    for name, severity, disturb in CORRUPTIONS:
        rng = np.random.default_rng(seed)
        right = np.argmax(answer([disturb(image, rng) for image in images]), axis=1) == y
        lost = clean.astype(float) - right
        half = 1.96 * float(lost.std(ddof=1)) / np.sqrt(len(lost))
        rows.append(
            {
                "corruption": name,
                "severity": severity,
                "n": len(images),
                "accuracy": float(right.mean()),
                "drop": float(lost.mean()),
                "ci": [float(lost.mean() - half), float(lost.mean() + half)],
            }
        )
    return rows


def disturb_all(images: list[Image.Image], row: dict[str, Any], seed: int) -> list[Image.Image]:
    """The pictures as a row of `table` saw them."""
    named = {(name, severity): disturb for name, severity, disturb in CORRUPTIONS}
    rng = np.random.default_rng(seed)
    return [named[row["corruption"], row["severity"]](image, rng) for image in images]
