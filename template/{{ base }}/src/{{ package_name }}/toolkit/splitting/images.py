"""Split images into training and test, with the shares of the classes kept and groups together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from ..project.errors import UserError


@dataclass(frozen=True)
class Split:
    """Positions of the training and the test images, and how they were chosen."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    kind: str
    reason: str


def split_stratified(
    codes: NDArray[np.int64], groups: NDArray[np.intp], test_size: float, seed: int
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

    Raises
    ------
    UserError
        If there would be no test rows, or training would lack a class.
    """
    distinct = len(np.unique(groups))
    try:
        if distinct == len(codes):
            reason = "Drawn at random with the shares of the classes kept."
            train, test = train_test_split(
                np.arange(len(codes)), test_size=test_size, random_state=seed, stratify=codes
            )
        else:
            reason = (
                "Drawn at random with the shares of the classes kept; images that look the same or "
                f"share a group stay together ({len(codes):,} images, {distinct:,} groups)."
            )
            splitter = StratifiedGroupKFold(
                max(2, round(1 / test_size)), shuffle=True, random_state=seed
            )
            train, test = min(
                splitter.split(np.zeros((len(codes), 1)), codes, groups),
                key=lambda pair: abs(len(pair[1]) / len(codes) - test_size),
            )
    except ValueError as error:
        raise UserError(
            f"{len(codes)} images of {len(np.unique(codes))} classes cannot be split with "
            f"`split.test_size` {test_size:g}: {error}. Add images, or change the size."
        ) from error
    lost = np.setdiff1d(codes, codes[train])
    if len(lost) or not len(test):
        raise UserError(
            f"{len(lost)} classes would have no image to learn from, since all of theirs look "
            "the same or share a group. Add images of them, or unset `data.group`."
        )
    return Split(np.sort(train), np.sort(test), "stratified", reason)
