"""Pictures that are the same, or nearly: they must not be on both sides of a split."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .reading import Picture

HASH_BITS = 3
BANDS = 4
# Mean difference of the 16 x 16 thumbnails, of 1. Hashes of tiny pictures collide by chance.
LARGEST_DIFFERENCE = 0.02
BLOCK = 1024


def near_duplicates(pictures: list[Picture]) -> list[tuple[int, int]]:
    """Pairs of positions whose pictures look the same.

    Two pictures are near-duplicates if their difference hashes have at most 3 of 64 bits apart
    and their thumbnails differ by at most 0.02 on average. Of four bands of 16 bits, one must
    then be equal, so only pictures that share a band are compared.
    """
    hashes = np.array([picture.hash for picture in pictures], dtype=np.uint64)
    found: set[tuple[int, int]] = set()
    width = 64 // BANDS
    for band in range(BANDS):
        keys = (hashes >> np.uint64(band * width)) & np.uint64((1 << width) - 1)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) != 0])
        for bucket in np.split(order, starts[1:]):
            for i, j in _close(hashes, bucket):
                pair = (min(i, j), max(i, j))
                if pair not in found and _alike(pictures[i], pictures[j]):
                    found.add(pair)
    return sorted(found)


def _close(hashes: NDArray[np.uint64], bucket: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(bucket), BLOCK):
        rows = bucket[start : start + BLOCK]
        apart = np.bitwise_count(hashes[rows][:, None] ^ hashes[bucket][None, :])
        for i, j in np.argwhere(apart <= HASH_BITS):
            if start + i < j:
                yield int(rows[i]), int(bucket[j])


def _alike(one: Picture, other: Picture) -> bool:
    if one.sha256 == other.sha256:
        return True
    return bool(np.abs(one.thumb - other.thumb).mean() <= LARGEST_DIFFERENCE)


def groups_of(count: int, pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """A group number for each of `count` rows: rows joined by a chain of pairs share one."""
    parent = np.arange(count)

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return np.array([root(row) for row in range(count)])
