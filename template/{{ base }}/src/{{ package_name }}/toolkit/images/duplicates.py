"""Images that are one picture, or belong together: they must not be on both sides of a split.

A first look, cheap, proposes pairs; a finer one (`likeness.py`) decides. The first compares a
descriptor of every image with that of every other, turned and mirrored too, so its time grows with
the square of their number. Measured: docs/decisions/0029 of the template.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..project.errors import UserError
from .likeness import SIDE, Floats, Pairs, same, shrunk
from .scanning import ImageFile
from .settings import Data

BLOCK = 512
HALF = SIDE // 2
AT_ONCE = 64
# Medians of kin that are kept at a time, of 16 kB each.
KEPT = 4096
# Images whose mean is taken for what an image shares with its kind: some of the nearest, since the very
# nearest may be its copies.
KIN, NEAR, KIN_SIDE = 12, 60, 16
# Candidates of an image, for each way of turning it; and how alike their details must be.
NEAREST, DETAILS_ALIKE = 3, 0.3
# Details of small or plain images are alike by chance: so many standard deviations are not.
CHANCE, ENOUGH = 5, 0.8
# Of 255, in the mean of red or blue less green.
TINT = 12
# The same for a part of an image; its place is known to a tenth only, so shapes are compared.
SHAPES_ALIKE = 0.85
CUT = 0.1
TURNS = tuple((quarters, mirrored) for quarters in range(4) for mirrored in (False, True))
CROPS = [crop for crop in product((0, 1), repeat=4) if any(crop)]
WHOLE = np.eye(2, 3, dtype=np.float32)


def near_duplicates(images: list[ImageFile]) -> list[tuple[int, int]]:
    """Pairs of positions whose images show one picture.

    Found whatever the size, the light and the compression, turned by 90 degrees or mirrored, tilted a
    little, or cropped by up to a tenth of each side. Two pictures of one scene, of which one shows
    something else in it, are not a pair.
    """
    first: dict[str, int] = {}
    found = {
        (first[image.sha256], i)
        for i, image in enumerate(images)
        if first.setdefault(image.sha256, i) != i
    }
    rows = np.array(sorted(first.values()), dtype=np.intp)
    if len(rows) > 1:
        looks = _Looks([images[i] for i in rows])
        found |= {(int(rows[i]), int(rows[j])) for i, j in looks.pairs()}
    return sorted((min(pair), max(pair)) for pair in found)


class _Looks:
    """Distinct images, as the two looks see them."""

    def __init__(self, images: list[ImageFile]) -> None:
        self.looks = np.stack([image.look for image in images])
        self.tints = np.array([image.tint for image in images])
        self.sides = np.array(
            [min(image.traits["width"], image.traits["height"]) for image in images]
        )
        self.shapes = _unit(shrunk(self.images(slice(None)), KIN_SIDE))
        self._medians: dict[int, Floats] = {}
        self.kin = np.concatenate([kin for _, kin in self._kin(self.shapes)])

    def images(self, rows: NDArray[np.intp] | slice) -> Floats:
        """Grey from 0 to 255, shape (n, 64, 64)."""
        return self.looks[rows].astype(np.float32) / np.float32(256)

    def common(self, rows: NDArray[np.intp]) -> Floats:
        """What images share with those most like them, shape (n, 64, 64)."""
        return np.stack([self._median(int(row)) for row in rows])

    def _median(self, row: int) -> Floats:
        if row not in self._medians:
            if len(self._medians) >= KEPT:
                self._medians.clear()
            found = np.median(self.images(self.kin[row]), axis=0)
            self._medians[row] = np.asarray(found, dtype=np.float32)
        return self._medians[row]

    def _mean(self, kin: NDArray[np.intp]) -> Floats:
        """Mean images, shape (n, 64, 64), of the rows (n, k)."""
        total = np.zeros((len(kin), SIDE, SIDE), dtype=np.float32)
        for rows in kin.T:
            total += self.images(rows)
        return total / np.float32(kin.shape[1])

    def _kin(self, shapes: Floats) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Block by block: where it starts, and rows of the images that shapes are of a kind with."""
        near = max(1, min(NEAR, len(self.looks) // 2))
        picked = np.linspace(0, near - 1, min(KIN, near)).round().astype(int)
        for start, rows, alike in _nearest(shapes, self.shapes, near):
            yield start, np.take_along_axis(rows, np.argsort(-alike, axis=1)[:, picked], axis=1)

    def pairs(self) -> set[tuple[int, int]]:
        """What the finer look believes of the candidates."""
        seen: set[tuple[int, int]] = set()
        for turn, candidates in self._turned():
            seen |= self._believed(candidates, seen, turn, WHOLE)
        groups = grouped(len(self.looks), sorted(seen))
        members: dict[int, list[int]] = {}
        for row, group in enumerate(groups.tolist()):
            members.setdefault(group, []).append(row)
        for zoom, candidates in self._cropped(np.array(sorted(members), dtype=np.intp)):
            for i, j in self._believed(candidates, seen, TURNS[0], zoom):
                # What is a part of one picture is a part of its copies.
                seen |= {(min(a, b), max(a, b)) for a in members[i] for b in members[j]}
        return seen

    def _believed(
        self,
        candidates: list[tuple[int, int]],
        seen: set[tuple[int, int]],
        turn: tuple[int, bool],
        zoom: Floats,
    ) -> set[tuple[int, int]]:
        todo = [
            pair
            for pair in candidates
            if (min(pair), max(pair)) not in seen and self._one_tint(*pair)
        ]
        believed: set[tuple[int, int]] = set()
        for start in range(0, len(todo), AT_ONCE):
            part = np.array(todo[start : start + AT_ONCE], dtype=np.intp)
            copies, originals = part[:, 0], part[:, 1]
            given = Pairs(
                np.ascontiguousarray(_turn(self.images(copies), *turn)),
                self.images(originals),
                (
                    np.ascontiguousarray(_turn(self.common(copies), *turn)),
                    self.common(originals),
                ),
                np.minimum(self.sides[copies], self.sides[originals]),
            )
            alike = same(given, np.repeat(zoom[None], len(part), axis=0))
            believed |= {(min(i, j), max(i, j)) for i, j in part[alike].tolist()}
        return believed

    def _one_tint(self, i: int, j: int) -> bool:
        return bool(np.abs(self.tints[i] - self.tints[j]).max() <= TINT)

    def _turned(self) -> Iterator[tuple[tuple[int, bool], list[tuple[int, int]]]]:
        """Candidates by the details that are their own, for each way of turning the copy."""
        known = self._own(TURNS[0])
        for turn in TURNS:
            rows = self._own(turn)
            chance = CHANCE * 1.48 * float(np.median(np.abs(rows[:BLOCK] @ known.T)))
            yield turn, _proposed(rows, known, max(DETAILS_ALIKE, min(chance, ENOUGH)))

    def _own(self, turn: tuple[int, bool]) -> Floats:
        """Details of each image, turned, that those most like it do not have; rows of length 1."""
        parts = []
        turned = _unit(_turn(shrunk(self.images(slice(None)), KIN_SIDE), *turn))
        for start, kin in self._kin(turned):
            rows = np.arange(start, start + len(kin))
            shared = _detail(shrunk(self._mean(kin), HALF))
            details = _detail(shrunk(np.ascontiguousarray(_turn(self.images(rows), *turn)), HALF))
            down, right = np.gradient(shared, axis=(1, 2))
            terms = np.stack([shared, right, down], axis=-1).reshape(len(rows), -1, 3)
            values = details.reshape(len(rows), -1, 1)
            across = terms.transpose(0, 2, 1)
            fit = np.linalg.solve(across @ terms + np.eye(3, dtype=np.float32), across @ values)
            parts.append(_unit(values - terms @ fit))
        return np.concatenate(parts)

    def _cropped(self, rows: NDArray[np.intp]) -> Iterator[tuple[Floats, list[tuple[int, int]]]]:
        """Candidates by their shapes, for each of 15 ways to cut a tenth off the original."""
        looks = self.images(rows)
        shapes = _unit(shrunk(looks, 8))
        cut = round(SIDE * CUT)
        best = np.full(len(rows), SHAPES_ALIKE, dtype=np.float32)
        chosen: dict[int, tuple[int, int]] = {}
        for number, (left, right, top, bottom) in enumerate(CROPS):
            part = looks[:, top * cut : SIDE - bottom * cut, left * cut : SIDE - right * cut]
            for start, nearest, alike in _nearest(shapes, _unit(_averaged(part, 8)), 1):
                for k in np.flatnonzero(alike[:, 0] > best[start : start + len(nearest)]):
                    best[start + k] = alike[k, 0]
                    chosen[start + int(k)] = (int(nearest[k, 0]), number)
        for number, (left, right, top, bottom) in enumerate(CROPS):
            width, height = 1 - CUT * (left + right), 1 - CUT * (top + bottom)
            zoom = [[width, 0, CUT * (left - right)], [0, height, CUT * (top - bottom)]]
            found = [(copy, one) for copy, (one, at) in chosen.items() if at == number]
            pairs = [(int(rows[copy]), int(rows[one])) for copy, one in found]
            yield np.array(zoom, dtype=np.float32), pairs


def _turn(images: Floats, quarters: int, mirrored: bool) -> Floats:
    return np.rot90(images[:, :, ::-1] if mirrored else images, quarters, axes=(1, 2))


def _detail(images: Floats) -> Floats:
    return np.asarray(images - gaussian_filter(images, (0, 1, 1)))


def _averaged(images: Floats, side: int) -> Floats:
    """Means over `side` by `side` cells of images whose sides `side` need not divide."""
    for axis in (1, 2):
        edges = np.linspace(0, images.shape[axis], side + 1).round().astype(int)
        sums = np.add.reduceat(images, edges[:-1], axis=axis)
        sizes = np.diff(edges).reshape([-1 if k == axis else 1 for k in range(3)])
        images = np.asarray(sums / sizes, dtype=images.dtype)
    return images


def _unit(images: Floats) -> Floats:
    """Rows of mean 0 and length 1, so that a product of two is their correlation."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _nearest(
    rows: Floats, known: Floats, count: int
) -> Iterator[tuple[int, NDArray[np.intp], Floats]]:
    """Block by block: where it starts, the `count` known rows most alike but itself, and how alike."""
    for start in range(0, len(rows), BLOCK):
        alike = rows[start : start + BLOCK] @ known.T
        own = np.arange(len(alike))
        alike[own, start + own] = -2
        best = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        yield start, best, np.take_along_axis(alike, best, axis=1)


def _proposed(rows: Floats, known: Floats, least: float) -> list[tuple[int, int]]:
    pairs = []
    for start, best, alike in _nearest(rows, known, min(NEAREST, len(known) - 1)):
        pairs += [(start + int(k), int(best[k, c])) for k, c in np.argwhere(alike > least)]
    return pairs


def grouped(count: int, pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """A group number for each of `count` rows; two groups join if half of the pairs between them do.

    A chain of pairs alone joins nothing: the first and the last of a hundred images, each like the
    next, need not be alike.
    """
    groups = {i: [i] for pair in pairs for i in pair}
    of = {i: i for i in groups}
    together = set(pairs)
    for i, j in pairs:
        one, other = sorted((of[i], of[j]))
        if one == other:
            continue
        between = [(min(a, b), max(a, b)) for a in groups[one] for b in groups[other]]
        if 2 * sum(pair in together for pair in between) >= len(between):
            groups[one] += groups.pop(other)
            of |= dict.fromkeys(groups[one], one)
    return np.array([of.get(i, i) for i in range(count)], dtype=np.intp)


def connected(count: int, pairs: list[tuple[int, int]]) -> NDArray[np.intp]:
    """A group number for each of `count` rows: the first row that a chain of pairs joins it with."""
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(count, count))
    _, groups = connected_components(graph, directed=False)
    _, first = np.unique(groups, return_index=True)
    return np.asarray(first[groups])


def group_images(
    images: list[ImageFile], pairs: list[tuple[int, int]], data: Data, folder: str
) -> NDArray[np.intp]:
    """A group number for each image: near-duplicates share one, blocks, and names that say so.

    Parameters
    ----------
    images : list of ImageFile, length n
    pairs : list of (int, int)
        Near-duplicates.
    data : Data
        `block` says how many consecutive files belong together. `group` is a regular expression;
        images whose names have the same match (of its first group, if it has one) belong together.
    folder : str
        What the names that the expression is matched against are relative to.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    UserError
        If the pattern is not a regular expression, or does not match every name.
    """
    joined = [(int(group), i) for i, group in enumerate(grouped(len(images), pairs))]
    first: dict[Any, int] = {}
    if size := data.block_size:
        blocks = (image.position // size for image in images)
        joined += [(first.setdefault(block, i), i) for i, block in enumerate(blocks)]
    pattern = data.group
    if pattern is not None:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise UserError(f"`data.group` is not a regular expression: {error}.") from error
        for i, image in enumerate(images):
            name = image.file.removeprefix(f"{folder}/")
            match = expression.search(name)
            if match is None:
                raise UserError(f"`data.group`: {pattern!r} does not match {name!r}.")
            key = match.group(1 if expression.groups else 0)
            joined.append((first.setdefault(key, i), i))
    return connected(len(images), joined)
