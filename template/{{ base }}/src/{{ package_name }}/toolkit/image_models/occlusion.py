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
COARSE = 3  # by as many pixels an image is blurred: each is wider than a cover
LARGEST = 512  # pixels along an edge; of a larger image a smaller copy is covered


def occlusion(
    image: Image.Image,
    code: int,
    predict: Callable[[list[Image.Image]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """How much the probability of a class falls when each part is covered by a blurred copy of it.

    A cover in one colour has edges of its own, which a model may take for a crack (Fong and Vedaldi
    2017, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV). The site's
    page does the same in `site/images.js`.

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
    if (longest := max(image.size)) > LARGEST:
        width, height = (max(1, edge * LARGEST // longest) for edge in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    blurred = image.resize((COARSE, COARSE), Image.Resampling.BILINEAR)
    blurred = blurred.resize(image.size, Image.Resampling.BILINEAR)
    xs = np.linspace(0, image.width, PARTS + 1).round().astype(int)
    ys = np.linspace(0, image.height, PARTS + 1).round().astype(int)
    steps = PARTS - COVER + 1
    covered = []
    for row in range(steps):
        for column in range(steps):
            copy = image.copy()
            left, right = int(xs[column]), int(xs[column + COVER])
            box = (left, int(ys[row]), right, int(ys[row + COVER]))
            copy.paste(blurred.crop(box), box)
            covered.append(copy)
    falls = predict([image])[0, code] - predict(covered)[:, code]
    total, hits = np.zeros((PARTS, PARTS)), np.zeros((PARTS, PARTS))
    for fall, place in zip(falls, range(steps * steps), strict=True):
        row, column = divmod(place, steps)
        total[row : row + COVER, column : column + COVER] += fall
        hits[row : row + COVER, column : column + COVER] += 1
    return total / hits
