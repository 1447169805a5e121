"""The sample: 1,797 handwritten digits of 8 by 8 points, as folders of PNG files."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from .files import write_bytes

SOURCE = "scikit-learn's handwritten digits (Alpaydin and Kaynak, 1998, CC BY 4.0)"


def write(folder: Path) -> None:
    """Write `<digit>/<number>.png`; what is there already is left."""
    digits = load_digits()
    for number, (points, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(digit) / f"{number:04d}.png"
        if not path.exists():
            write_bytes(path, _png(points))


def _png(points: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((points * (255 / 16)).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
