"""The finer look: are two images one picture, or only of one kind?

Images of one kind share a scene: a fixed camera's, the outline of a cell, a white ground. What they
share says nothing, so it is taken away, block by block, before what is left is compared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float32]

SIDE = 64
BLOCK = 8
# Grey levels of 255. Blocks that differ less from what images share say nothing.
FAINTEST = 0.2
# What JPEG of quality 75 changes in one pixel of an even part; it averages out in the 64.
COMPRESSION = 1.5
# Of the correlation that is expected of a copy: in the median block, and in four of five; then of a crop.
MEDIAN, FIFTH = 0.99, 0.97
CROPPED_MEDIAN, CROPPED_FIFTH = 0.95, 0.88
LEAST_EXPECTED = 0.2
# A crop is believed if it shows most of the copy, and its blocks say something.
LARGEST_SHIFT = 0.015
SMALLEST_CROP = 0.75
INFORMATIVE = 40
# By how much both are shrunk, blur in pixels, steps: coarse ones find the place, fine ones settle it.
STEPS = ((2, 1.0, 5), (1, 0.7, 3))


@dataclass(frozen=True)
class Pairs:
    """Pairs of images to look at, all of shape (n, 64, 64), grey from 0 to 255.

    Attributes
    ----------
    copies : ndarray
        Turned as the originals are.
    originals : ndarray
    kinds : (ndarray, ndarray)
        What the copy, and what the original, shares with images of its kind.
    sides : ndarray of shape (n,)
        The shorter side in pixels of the smaller file of each pair.
    """

    copies: Floats
    originals: Floats
    kinds: tuple[Floats, Floats]
    sides: NDArray[np.floating]


def same(pairs: Pairs, zoom: Floats) -> NDArray[np.bool_]:
    """Whether each copy shows its original, or a part of it.

    Parameters
    ----------
    pairs : Pairs
    zoom : ndarray of shape (n, 2, 3)
        Where a copy is looked for first: from its coordinates to the original's, both -1 to 1.

    Returns
    -------
    ndarray of shape (n,), bool
    """
    found = align(pairs.copies, pairs.originals, zoom)
    shown, inside = sample(pairs.originals, found)
    common = (pairs.kinds[0], sample(pairs.kinds[1], found)[0])
    weights = _blocks(inside.astype(np.float32)).mean(axis=2) > 0.99
    one, other = _left(_detail(pairs.copies), common), _left(_detail(shown), common)
    strength = np.sqrt(np.maximum((one**2).mean(axis=2), (other**2).mean(axis=2)))
    norm = np.sqrt((one**2).mean(axis=2) * (other**2).mean(axis=2))
    likeness = (one * other).mean(axis=2) / np.maximum(norm, 1e-6)
    error = np.minimum(COMPRESSION * SIDE / pairs.sides, 1)[:, None]
    expected = strength**2 / (strength**2 + error**2 + 1e-9)
    likeness /= np.maximum(expected, LEAST_EXPECTED)
    told = weights & (strength > FAINTEST)
    likeness[~told] = np.nan
    empty = ~told.any(axis=1)
    likeness[empty] = -1
    fifth, median = np.nanquantile(likeness, [0.2, 0.5], axis=1)
    whole = np.abs(found - _whole(len(found))).max(axis=(1, 2)) < LARGEST_SHIFT
    scales = np.linalg.svd(found[:, :, :2], compute_uv=False)
    cropped = (scales.min(axis=1) > SMALLEST_CROP) & (scales.max(axis=1) < 1 + LARGEST_SHIFT)
    cropped &= (weights.mean(axis=1) > 0.9) & (told.sum(axis=1) >= INFORMATIVE)
    whole &= (median >= MEDIAN) & (fifth >= FIFTH)
    return np.asarray(whole | cropped & (median >= CROPPED_MEDIAN) & (fifth >= CROPPED_FIFTH))


def _whole(count: int) -> Floats:
    return np.repeat(np.eye(2, 3, dtype=np.float32)[None], count, axis=0)


def _detail(images: Floats) -> Floats:
    """Without light and slow shades, smoothed as much as resampling does."""
    smooth = gaussian_filter(images, (0, 0.5, 0.5))
    return np.asarray(smooth - gaussian_filter(smooth, (0, 2, 2)))


def _blocks(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Shape (n, 64, 64) to (n, blocks, pixels of a block)."""
    many = SIDE // BLOCK
    cut = images.reshape(len(images), many, BLOCK, many, BLOCK).transpose(0, 1, 3, 2, 4)
    return cut.reshape(len(images), many * many, BLOCK * BLOCK)


def _left(detail: Floats, kinds: tuple[Floats, Floats]) -> NDArray[np.floating]:
    """What is left of each block once common images, and their shifts by a little, are regressed out."""
    parts = [np.ones_like(detail)]
    for shared in map(_detail, kinds):
        parts += [shared, *np.gradient(shared, axis=(1, 2))]
    terms = np.stack([_blocks(part) for part in parts], axis=-1)
    turned = terms.transpose(0, 1, 3, 2)
    values = _blocks(detail)[..., None]
    ridge = np.eye(len(parts), dtype=np.float32)
    fit = np.linalg.solve(turned @ terms + ridge, turned @ values)
    return np.asarray((values - terms @ fit)[..., 0])


def shrunk(images: Floats, side: int) -> Floats:
    """Means over cells, `side` by `side` of them to an image."""
    many = images.shape[1] // side
    return images.reshape(len(images), side, many, side, many).mean(axis=(2, 4))


def sample(images: Floats, places: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Each image as seen through an affine map, bilinear, and which pixels lie inside it.

    Parameters
    ----------
    images : ndarray of shape (n, side, side)
    places : ndarray of shape (n, 2, 3)
        From the coordinates of the result, -1 to 1, to those of the image.
    """
    count, side, _ = images.shape
    x, y = np.meshgrid(*[(np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1] * 2)
    flat = np.stack([x.ravel(), y.ravel(), np.ones(side * side, dtype=np.float32)])
    at = (places.astype(np.float32) @ flat + 1) * (side / 2) - 0.5
    inside = ((at > -0.6) & (at < side - 0.4)).all(axis=1)
    at = np.clip(at, 0, side - 1.001)
    corner = at.astype(np.int32)
    right, down = at[:, 0] - corner[:, 0], at[:, 1] - corner[:, 1]
    index, pixels = corner[:, 1] * side + corner[:, 0], images.reshape(count, -1)
    upper_left, upper_right, lower_left, lower_right = (
        np.take_along_axis(pixels, index + step, axis=1) for step in (0, 1, side, side + 1)
    )
    upper = upper_left + (upper_right - upper_left) * right
    lower = lower_left + (lower_right - lower_left) * right
    shape = (count, side, side)
    return (upper + (lower - upper) * down).reshape(shape), inside.reshape(shape)


def align(copies: Floats, originals: Floats, places: Floats) -> Floats:
    """Move `places` until each original, seen through it, fits its copy.

    Gauss-Newton on the six numbers of an affine map, with the light of the copy fitted too (Lucas and
    Kanade 1981, "An Iterative Image Registration Technique", IJCAI).
    """
    for factor, blur, steps in STEPS:
        side = SIDE // factor
        x, y = np.meshgrid(*[(np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1] * 2)
        wanted, given = (
            gaussian_filter(shrunk(images, side), (0, blur, blur)) for images in (copies, originals)
        )
        for _ in range(steps):
            seen, inside = sample(given, places)
            weight = inside.astype(np.float32)
            total = np.maximum(weight.sum(axis=(1, 2), keepdims=True), 1)
            centred, target = (
                (image - (image * weight).sum(axis=(1, 2), keepdims=True) / total) * weight
                for image in (seen, wanted)
            )
            power = np.maximum((centred**2).sum(axis=(1, 2), keepdims=True), 1e-6)
            gain = np.clip((centred * target).sum(axis=(1, 2), keepdims=True) / power, 0.3, 3)
            down, right = np.gradient(seen, 2 / side, axis=(1, 2))
            right, down = right * gain * weight, down * gain * weight
            slopes = np.stack([right * x, right * y, right, down * x, down * y, down], axis=1)
            slopes = slopes.reshape(len(copies), 6, -1)
            curve = slopes @ slopes.transpose(0, 2, 1)
            damping = 1e-3 * np.trace(curve, axis1=1, axis2=2) / 6 + 1e-6
            error = (target - gain * centred).reshape(len(copies), -1, 1)
            step = np.linalg.solve(curve + damping[:, None, None] * np.eye(6), slopes @ error)
            move = np.clip(step[:, :, 0], -0.1, 0.1).reshape(-1, 2, 3).astype(np.float32)
            turn, shift = places[:, :, :2], places[:, :, 2:]
            places = np.concatenate(
                [
                    turn @ (np.eye(2, dtype=np.float32) + move[:, :, :2]),
                    shift + turn @ move[:, :, 2:],
                ],
                axis=2,
            )
    return places
