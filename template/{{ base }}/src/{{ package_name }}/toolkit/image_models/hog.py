"""Histograms of oriented gradients: shape without colour or absolute brightness.

Dalal and Triggs (2005), "Histograms of Oriented Gradients for Human Detection", CVPR. Numpy only,
since the service computes them too.
"""

import numpy as np
from numpy.typing import NDArray

BINS = 9
CELLS = 8
CLIP = 0.2


def cell_of(side: int) -> int:
    """Pixels along a cell's edge, so that an image has at most `CELLS` by `CELLS` of them."""
    return max(4, side // CELLS)


def hog(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe a square grey image.

    Parameters
    ----------
    grey : ndarray of shape (side, side), uint8

    Returns
    -------
    ndarray of shape ((cells - 1)^2 * 4 * 9,), float32
        Gradient directions (unsigned, 9 bins) by cell, in overlapping blocks of 2 x 2 cells, each
        normalised to length 1, clipped at 0.2 and normalised again.
    """
    root = np.sqrt(grey.astype(np.float32) / 255)
    dy, dx = np.gradient(root)
    strength = np.hypot(dx, dy)
    place = (np.arctan2(dy, dx) % np.pi) * (BINS / np.pi) - 0.5
    low = np.floor(place).astype(np.int64)
    upper = (place - low) * strength
    cell = cell_of(len(grey))
    count = len(grey) // cell
    edge = count * cell
    cells = np.zeros((count, count, BINS), dtype=np.float32)
    for bins, weight in ((low % BINS, strength - upper), ((low + 1) % BINS, upper)):
        for direction in range(BINS):
            votes = np.where(bins == direction, weight, 0)[:edge, :edge]
            sums = votes.reshape(count, cell, count, cell).sum(axis=(1, 3))
            cells[:, :, direction] += sums
    blocks = np.concatenate(
        [cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2
    ).reshape(-1, 4 * BINS)
    clipped = np.minimum(_unit(blocks), CLIP)
    return _unit(clipped).astype(np.float32).ravel()


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(rows / np.sqrt((rows**2).sum(axis=1, keepdims=True) + 1e-6))
