"""A small set of pictures for the tests: bright discs and crosses on dark ground."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("cross", "disc", "stripes")


def drawn(label: str, rng: np.random.Generator, side: int = 24, noise: float = 8) -> Image.Image:
    """One picture of a class, placed and lit at random."""
    image = Image.new("RGB", (side, side), (20, 30, 40))
    pen = ImageDraw.Draw(image)
    x, y = rng.integers(6, side - 10, 2).tolist()
    ink = tuple(rng.integers(150, 255, 3).tolist())
    if label == "disc":
        pen.ellipse((x - 5, y - 5, x + 7, y + 7), fill=ink)
    elif label == "cross":
        pen.line((x - 5, y + 1, x + 7, y + 1), fill=ink, width=3)
        pen.line((x + 1, y - 5, x + 1, y + 7), fill=ink, width=3)
    else:
        for row in range(int(rng.integers(0, 4)), side, 6):
            pen.line((0, row, side, row), fill=ink, width=2)
    grain = rng.normal(0, noise, (side, side, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def write(
    folder: Path, each: int = 20, classes: tuple[str, ...] = CLASSES, noise: float = 8
) -> Path:
    """Write `each` pictures a class into `folder`."""
    rng = np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(each):
            drawn(label, rng, noise=noise).save(folder / label / f"{number:03d}.png")
    return folder


def png(image: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
