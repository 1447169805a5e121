"""The sample: 1,797 handwritten digits of 8 by 8 pixels, as folders of PNG files."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from ..project.files import write_bytes

ABOUT = {
    "problem": (
        "Which digit is it? The model reads a handwritten digit from a form or a cheque; one it is "
        "unsure of goes to a person."
    ),
    "approach": (
        "Scanned digits of 43 people are written out as one folder of PNG files a class. The "
        "candidates differ in what they see of an image: its pixels, its edges, what a small network "
        "learns from these images, or what a network pretrained on photographs has learned."
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
