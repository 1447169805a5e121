"""Split images into training and test, with the shares of the classes kept and groups together."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from ..project.errors import UserError

# Of the share that was asked for.
LARGEST_MISS = 1 / 3
REMEDY = (
    "Add images, change `split.test_size`, unset `data.group`, or give a test set of your own in folders "
    "called train and test."
)


@dataclass(frozen=True)
class Split:
    """Positions of the training and the test images, and how they were chosen."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    kind: str
    reason: str


def split_stratified(
    codes: NDArray[np.int64],
    groups: NDArray[np.intp],
    test_size: float,
    seed: int,
    block: int | None = None,
) -> Split:
    """Draw the test rows at random, class by class; a group is never on both sides.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Class codes.
    groups : ndarray of shape (n,)
        Rows with the same number stay together.
    test_size : float
        Share of the rows in the test set.
    seed : int
    block : int, optional
        Of how many consecutive files the groups are, for the reason that is told.

    Raises
    ------
    UserError
        If there would be no test rows, training would lack a class, or the share of the test rows
        misses `test_size` by more than a third of it.
    """
    rows, distinct = len(codes), len(np.unique(groups))
    wanted = f"{rows:,} images cannot be split with `split.test_size` {test_size:g}"
    parts, smallest = max(2, round(1 / test_size)), int(np.bincount(codes).min())
    if min(test_size, 1 - test_size) * rows < len(np.bincount(codes)):
        raise UserError(
            f"{wanted}: one side would have fewer images than there are classes "
            f"({len(np.bincount(codes))}). Add images, or change the size."
        )
    if distinct == rows:
        reason = "Drawn at random with the shares of the classes kept."
        train, test = train_test_split(
            np.arange(rows), test_size=test_size, random_state=seed, stratify=codes
        )
    elif distinct < parts:
        raise UserError(
            f"{wanted}: they are {distinct} groups that must stay together, and {parts} are needed. "
            f"{_largest(groups)} {REMEDY}"
        )
    else:
        together = f"blocks of {block} consecutive files" if block else "images that share a group"
        reason = (
            f"Drawn at random with the shares of the classes kept; {together}, and images that look "
            f"the same, stay together ({rows:,} images, {distinct:,} {'blocks' if block else 'groups'})."
        )
        splitter = StratifiedGroupKFold(min(parts, smallest), shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            train, test = min(
                splitter.split(np.zeros((rows, 1)), codes, groups),
                key=lambda pair: abs(len(pair[1]) / rows - test_size),
            )
    lost = np.setdiff1d(codes, codes[train])
    if len(lost) or not len(test):
        raise UserError(
            f"{len(lost)} classes would have no image to learn from, since all of theirs look "
            "the same or share a group. Add images of them, or unset `data.group`."
        )
    if abs(len(test) / rows - test_size) > test_size * LARGEST_MISS:
        raise UserError(
            f"{wanted}: the test set nearest to that has {len(test):,} of them "
            f"({len(test) / rows:.1%}). {_largest(groups)} {REMEDY}"
        )
    return Split(np.sort(train), np.sort(test), "stratified", reason)


def _largest(groups: NDArray[np.intp]) -> str:
    sizes = np.unique(groups, return_counts=True)[1]
    return f"The largest group that must stay together has {sizes.max():,} images."


def split_given(subsets: list[str], codes: NDArray[np.int64], groups: NDArray[np.intp]) -> Split:
    """Keep the test set that came with the images; training loses what the test set shows too.

    Parameters
    ----------
    subsets : list of str, length n
        `train` or `test`.
    codes : ndarray of shape (n,)
        Class codes.
    groups : ndarray of shape (n,)
        Rows with the same number belong together.

    Raises
    ------
    UserError
        If there would be no test rows, or training would lack a class.
    """
    testing = np.array([subset == "test" for subset in subsets])
    shown = np.isin(groups, groups[testing]) & ~testing
    train, test = np.flatnonzero(~testing & ~shown), np.flatnonzero(testing)
    lost = np.setdiff1d(codes, codes[train])
    if len(lost) or not len(test):
        raise UserError(
            f"{len(lost)} classes would have no image to learn from and the given test set has "
            f"{len(test):,} images ({shown.sum():,} training images are left out, since the test set "
            "shows the same). Give each class images of its own in both folders."
        )
    reason = "As given: the images of the folder for testing are the test set."
    if shown.any():
        reason += (
            f" {shown.sum():,} images for training are left out, since the test set shows the same "
            "picture or another of their group."
        )
    return Split(train, test, "given", reason)
