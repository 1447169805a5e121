"""Where a model looks: how its prediction changes as one part of the image after another is covered.

Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", section 3; it
needs nothing of the model but its predictions, so it fits every candidate.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PARTS = 8
COVER = 2  # a cover spans this many parts, so that it hides something


def occlusion(
    image: Image.Image,
    code: int,
    predict: Callable[[list[Image.Image]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """How much the probability of a class falls when each part is covered in the mean colour.

    Parameters
    ----------
    image : PIL image
        Upright RGB.
    code : int
        The class.
    predict : callable
        From images to probabilities (n, classes).

    Returns
    -------
    ndarray of shape (8, 8), float64
        Positive where covering makes the class less likely: there the model looks.
    """
    red, green, blue = np.asarray(image).reshape(-1, 3).mean(axis=0).astype(int).tolist()
    xs = np.linspace(0, image.width, PARTS + 1).round().astype(int)
    ys = np.linspace(0, image.height, PARTS + 1).round().astype(int)
    steps = PARTS - COVER + 1
    covered = []
    for row in range(steps):
        for column in range(steps):
            copy = image.copy()
            left, right = int(xs[column]), int(xs[column + COVER])
            copy.paste((red, green, blue), (left, int(ys[row]), right, int(ys[row + COVER])))
            covered.append(copy)
    falls = predict([image])[0, code] - predict(covered)[:, code]
    total, hits = np.zeros((PARTS, PARTS)), np.zeros((PARTS, PARTS))
    for fall, place in zip(falls, range(steps * steps), strict=True):
        row, column = divmod(place, steps)
        total[row : row + COVER, column : column + COVER] += fall
        hits[row : row + COVER, column : column + COVER] += 1
    return total / hits
