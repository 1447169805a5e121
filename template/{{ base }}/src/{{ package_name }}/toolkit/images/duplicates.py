"""Images that look the same, or belong together: they must not be on both sides of a split."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..project.errors import UserError
from .scanning import ImageFile

HASH_BITS = 3
BANDS = 4
# Mean difference of the 16 x 16 thumbnails, of 1. Hashes of tiny images collide by chance.
LARGEST_DIFFERENCE = 0.02
BLOCK = 1024


def near_duplicates(images: list[ImageFile]) -> list[tuple[int, int]]:
    """Pairs of positions whose images look the same.

    Two images are near-duplicates if their difference hashes differ in at most 3 of 64 bits and
    their thumbnails by at most 0.02 on average. Of four bands of 16 bits, one must then be equal,
    so only images that share a band are compared.
    """
    hashes = np.array([image.hash for image in images], dtype=np.uint64)
    found: set[tuple[int, int]] = set()
    width = 64 // BANDS
    for band in range(BANDS):
        keys = (hashes >> np.uint64(band * width)) & np.uint64((1 << width) - 1)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        for bucket in np.split(order, starts[1:]):
            for i, j in _close(hashes, bucket):
                pair = (min(i, j), max(i, j))
                if pair not in found and _alike(images[i], images[j]):
                    found.add(pair)
    return sorted(found)


def _close(hashes: NDArray[np.uint64], bucket: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(bucket), BLOCK):
        rows = bucket[start : start + BLOCK]
        apart = np.bitwise_count(hashes[rows][:, None] ^ hashes[bucket][None, :])
        for i, j in np.argwhere(apart <= HASH_BITS):
            if start + i < j:
                yield int(rows[i]), int(bucket[j])


def _alike(one: ImageFile, other: ImageFile) -> bool:
    if one.sha256 == other.sha256:
        return True
    return bool(np.abs(one.thumb - other.thumb).mean() <= LARGEST_DIFFERENCE)


def connected(count: int, pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """A group number for each of `count` rows: the first row that a chain of pairs joins it with."""
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    _, first = np.unique(groups, return_index=True)
    return np.asarray(first[groups])


def group_images(
    images: list[ImageFile], pairs: list[tuple[int, int]], pattern: str | None, folder: str
) -> NDArray[np.intp]:
    """A group number for each image: near-duplicates share one, and names that say so.

    Parameters
    ----------
    images : list of ImageFile, length n
    pairs : list of (int, int)
        Near-duplicates.
    pattern : str or None
        A regular expression; images whose names have the same match (of its first group, if it
        has one) belong together.
    folder : str
        What the names that `pattern` is matched against are relative to.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    UserError
        If the pattern is not a regular expression, or does not match every name.
    """
    joined = list(pairs)
    if pattern is not None:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise UserError(f"`data.group` is not a regular expression: {error}.") from error
        first: dict[str, int] = {}
        for i, image in enumerate(images):
            name = image.file.removeprefix(f"{folder}/")
            match = expression.search(name)
            if match is None:
                raise UserError(f"`data.group`: {pattern!r} does not match {name!r}.")
            key = match.group(1 if expression.groups else 0)
            joined.append((first.setdefault(key, i), i))
    return connected(len(images), joined)
