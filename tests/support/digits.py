"""Small real images for the tests: scikit-learn's handwritten digits, one folder a class.

Run in a project's environment, which has scikit-learn: `python digits.py FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from projects import Project

COUNT = 400


def write(project: Project) -> tuple[str, ...]:
    """Write them into a project's data/raw; return the settings with which they are used."""
    project.run("python", __file__, str(project.path / "data/raw"))
    return ("--set", "data.source=folder", "--set", "cv.folds=3", "--set", "network.epochs=10")


def main(folder: Path) -> None:
    """Write `<digit>/<number>.png` of 8 by 8 pixels."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number in range(COUNT):
        path = folder / str(digits.target[number]) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * (255 / 16)).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
