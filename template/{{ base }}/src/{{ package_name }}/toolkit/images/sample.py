"""The sample: 1,797 handwritten digits of 8 by 8 points, as folders of PNG files."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from ..project.files import write_bytes

ABOUT = {
    "problem": (
        "Which digit is it? A form or a cheque holds a handwritten digit; the model reads it, and "
        "one it is unsure of goes to a person."
    ),
    "approach": (
        "Scanned digits of 43 people are written out as one folder of PNG files a class. Each rung "
        "sees a picture in its own way: as points, as edges, as a small network sees it, or as a "
        "network trained on photographs does."
    ),
}
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
